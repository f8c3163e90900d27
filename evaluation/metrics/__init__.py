"""Scores: well-kept libraries where they exist, own code only where none does."""
