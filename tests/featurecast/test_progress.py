"""The progress line."""

from __future__ import annotations

import io

import pytest

from featurecast.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("featurecast.progress.time.monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_ten_seconds(clock: list[float]) -> None:
    out = io.StringIO()
    with Progress("frames", 200, out) as progress:
        for done in range(1, 201):
            clock[0] += 0.125
            progress.show(done)
    assert out.getvalue() == "frames: 80/200 (8.0/s)\nframes: 160/200 (8.0/s)\n"


def test_a_terminal_gets_one_line_that_is_cleared(clock: list[float]) -> None:
    out = Terminal()
    with Progress("frames", out=out) as progress:
        clock[0] += 0.5
        progress.show(5)
        clock[0] += 0.01
        progress.show(6)
    assert out.getvalue() == "\r\x1b[Kframes: 5 (10.0/s)\r\x1b[K"
