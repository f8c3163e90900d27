"""When a frame is due: at its own pace, never in a burst after the source has stalled."""

from __future__ import annotations

__all__ = ["Pacer"]

_LATE_S = 0.2
"""A source this late has stalled: the clock moves on instead of catching up."""

_TICKS = 90_000


class Pacer:
    """Maps presentation times (90 kHz) to a monotonic clock (s)."""

    def __init__(self) -> None:
        self._origin: float | None = None

    def wait_s(self, pts: int, now: float) -> float:
        """Return how long to wait (s, >= 0) until the frame with this pts is due."""
        if self._origin is None:
            self._origin = now - pts / _TICKS
        early = self._origin + pts / _TICKS - now
        if early < -_LATE_S:
            self._origin -= early
            return 0.0
        return max(0.0, early)
