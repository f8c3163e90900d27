"""Readers of labelled pictures and videos: every published layout becomes one small common type."""
