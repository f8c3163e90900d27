"""A progress line on stderr, so that stdout stays data."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

__all__ = ["Progress"]

_TERMINAL_INTERVAL_S = 0.2
_LOG_INTERVAL_S = 10.0


class Progress:
    """Redraws one line on a terminal; writes a line every ten seconds elsewhere."""

    def __init__(self, label: str, total: int | None = None, out: TextIO | None = None) -> None:
        """Show steps of `label`; `total` is None when nobody knows how many there will be."""
        self._label, self._total = label, total
        self._out = out or sys.stderr
        self._terminal = self._out.isatty()
        self._interval_s = _TERMINAL_INTERVAL_S if self._terminal else _LOG_INTERVAL_S
        self._started = self._drawn = time.monotonic()

    def show(self, done: int) -> None:
        """Say that `done` steps are done, if the last line is old enough."""
        now = time.monotonic()
        if now - self._drawn < self._interval_s:
            return
        self._drawn = now
        of = f"/{self._total}" if self._total else ""
        line = f"{self._label}: {done}{of} ({done / (now - self._started):.1f}/s)"
        self._out.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        self._out.flush()

    def __enter__(self) -> Self:
        """Start the clock."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Clear the line, so that the next message starts at the left."""
        if self._terminal:
            self._out.write("\r\x1b[K")
            self._out.flush()
