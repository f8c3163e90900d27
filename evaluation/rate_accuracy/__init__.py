"""Accuracy against bits: our features beside what else could give a viewer boxes and balls."""
