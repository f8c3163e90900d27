"""Which frames are keys: what viewers ask for, what the schedule demands."""

from __future__ import annotations

import threading

from stream.sync.timeline import CLOCK_RATE

__all__ = ["FORCED_KEY_SPACING_S", "MAX_KEY_DISTANCE_S", "KeyFrameGate", "KeySchedule"]

FORCED_KEY_SPACING_S = 0.5
"""Viewers together get at most one key frame in this time."""
MAX_KEY_DISTANCE_S = 2.0
"""A viewer who missed a key frame waits for the next at most this long."""


class KeyFrameGate:
    """Turns the key-frame requests of all viewers into few forced keys; may be asked from several threads."""

    def __init__(self, spacing_s: float = FORCED_KEY_SPACING_S) -> None:
        """`spacing_s` is the least time between two keys that were asked for."""
        self._spacing_s = spacing_s
        self._lock = threading.Lock()
        self._asked = False
        self._last_s: float | None = None

    def request(self) -> None:
        """Ask for a key frame (RTCP PLI or FIR, or a new viewer)."""
        with self._lock:
            self._asked = True

    def take(self, now_s: float) -> bool:
        """Return whether the frame about to be coded is to be a key; `now_s` is any steady clock's time."""
        with self._lock:
            if not self._asked or (self._last_s is not None and now_s - self._last_s < self._spacing_s):
                return False
            self._asked, self._last_s = False, now_s
            return True


class KeySchedule:
    """Decides which frames are IDRs with a feature key: those asked for, and one at least every two seconds.

    Every IDR carries a feature key; features have more keys between IDRs, by their own interval.
    """

    def __init__(self, fps: float) -> None:
        """`fps` tells when the next frame would come too late."""
        self._slack = 0.5 / fps
        self._last: int | None = None

    def decide(self, pts: int, force: bool) -> bool:
        """Return whether the frame with this pts (90 kHz) is a key; call it once per frame, in order.

        Force what viewers asked for and every discontinuity: the first frame, a loop, a scene cut.
        """
        key = force or self.due(pts)
        if key:
            self._last = pts
        return key

    def due(self, pts: int) -> bool:
        """Tell whether the frame with this pts is a key even if nobody asks for one."""
        return self._last is None or (pts - self._last) / CLOCK_RATE + self._slack >= MAX_KEY_DISTANCE_S
