"""Sync: when frames are due, and which of them are keys."""

from __future__ import annotations

from stream.sync.keys import KeyFrameGate, KeySchedule
from stream.sync.timeline import CLOCK_RATE, Timeline

__all__ = ["CLOCK_RATE", "KeyFrameGate", "KeySchedule", "Timeline"]
