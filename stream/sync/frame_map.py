"""Which payload belongs to which shown frame: a bounded map from RTP timestamps."""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["FrameMap"]

Value = TypeVar("Value")


class FrameMap(Generic[Value]):
    """Values of coded frames, kept until the frame with the same RTP timestamp is shown."""

    def __init__(self, kept: int = 300) -> None:
        """`kept` is the most frames to keep; the oldest give way."""
        self._kept = kept
        self._values: dict[int, Value | None] = {}

    def put(self, rtp_timestamp: int, value: Value) -> None:
        """Keep a frame's value.

        Two frames with one timestamp (some forwarders give all of them 0) cannot be told apart: neither is
        given out.
        """
        self._values[rtp_timestamp] = None if rtp_timestamp in self._values else value
        while len(self._values) > self._kept:
            del self._values[next(iter(self._values))]

    def take(self, rtp_timestamp: int) -> Value | None:
        """Give out the value of the frame that is shown, once; None when there is none."""
        return self._values.pop(rtp_timestamp, None)
