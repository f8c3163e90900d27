"""A source's own clock onto the programme's: from zero, strictly rising, gapless over restarts."""

from __future__ import annotations

__all__ = ["CLOCK_RATE", "Timeline"]

CLOCK_RATE = 90_000
"""Ticks per second of every pts (RFC 6184, 8.2.1)."""


class Timeline:
    """Places frames on the programme's 90 kHz clock."""

    def __init__(self, fps: float) -> None:
        """`fps` fills in for missing times and spaces the first frame after a restart from the last before it."""
        self._step = max(1, round(CLOCK_RATE / fps))
        self._last: int | None = None
        self._offset: int | None = None

    def place(self, pts: int | None, *, restart: bool = False) -> int:
        """Return the programme's pts of the next frame.

        `pts` is the source's (90 kHz, any origin) or None when it has none. A source clock that stands
        still or runs back is followed from where the programme is.
        """
        expected = 0 if self._last is None else self._last + self._step
        if pts is None:
            placed = expected
        else:
            if restart or self._offset is None:
                self._offset = expected - pts
            placed = pts + self._offset
            if self._last is not None and placed <= self._last:
                placed = expected
                self._offset = expected - pts
        self._last = placed
        return placed
