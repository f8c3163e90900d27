"""Sync: when frames are due, which of them are keys, and which payload belongs to which frame."""

from __future__ import annotations

from stream.sync.frame_map import FrameMap
from stream.sync.keys import KeyFrameGate, KeySchedule
from stream.sync.timeline import CLOCK_RATE, Timeline

__all__ = ["CLOCK_RATE", "FrameMap", "KeyFrameGate", "KeySchedule", "Timeline"]
