"""A source's own clock onto the programme's: from zero, strictly rising, gapless over loops."""

from __future__ import annotations

__all__ = ["CLOCK_RATE", "Timeline"]

CLOCK_RATE = 90_000
"""Ticks per second of every pts (RFC 6184, 8.2.1)."""

_JUMP = 10 * CLOCK_RATE
"""A step of the source's clock beyond this is another clock, not a late frame."""
_SMALLEST_STEP = CLOCK_RATE // 1000


class Timeline:
    """Places frames on the programme's 90 kHz clock.

    Variable frame rates keep their rhythm. A frame whose time is missing comes one nominal frame after the
    last. A repeated or slightly late time is moved to just after the last frame, without moving those that
    follow. A jump, back by a second or on by ten, is a new clock that goes on where the programme is.
    """

    def __init__(self, fps: float) -> None:
        """`fps` is the nominal rate; raises ValueError unless it is above 0."""
        if not fps > 0:
            raise ValueError(f"frame rate: expected more than 0, got {fps}")
        self._step = max(1, round(CLOCK_RATE / fps))
        self._last: int | None = None
        self._offset: int | None = None

    def place(self, pts: int | None, *, restart: bool = False) -> int:
        """Return the programme's pts of the next frame, 0 for the first.

        `pts` is the source's (90 kHz, any origin) or None when it has none. `restart` says that the source
        has begun again, as at a loop: the frame follows one nominal frame after the last.
        """
        placed = self._placed(pts, restart)
        self._last = placed
        return placed

    def _placed(self, pts: int | None, restart: bool) -> int:
        due = 0 if self._last is None else self._last + self._step
        if restart:
            self._offset = None
        if pts is None:
            return due
        if self._offset is None or self._last is None:
            self._offset = due - pts
            return due
        placed = pts + self._offset
        if not self._last - CLOCK_RATE < placed < self._last + _JUMP:
            self._offset = due - pts
            return due
        return max(placed, self._last + _SMALLEST_STEP)
