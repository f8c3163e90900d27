"""Stepping through pictures, on a stand-in for the window library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evaluation import stepping_window
from evaluation.stepping_window import NoDisplay, show


class Windows:
    """What `show` uses of tkinter; `wait_variable` runs the due timer, or else what the user does."""

    class TclError(Exception):
        """As tkinter's."""

    def __init__(self, user: Callable[[Windows], None] | None = None) -> None:
        self.user, self.titles, self.waits = user, list[str](), list[int]()
        self.pictures: list[bytes] = []
        self.bound: dict[str, Callable[..., Any]] = {}
        self.timer: Callable[[], None] | None = None
        self.destroyed = False
        self.gone_on = False

    def Tk(self) -> Windows:  # noqa: N802
        return self

    def Label(self, _: Windows) -> Windows:  # noqa: N802
        return self

    def BooleanVar(self, _: Windows) -> Windows:  # noqa: N802
        return self

    def PhotoImage(self, *, data: bytes, format: str) -> str:  # noqa: N802
        assert format == "PPM"
        self.pictures.append(data)
        return "image"

    def pack(self) -> None: ...

    def configure(self, *, image: str) -> None: ...

    def title(self, title: str) -> None:
        self.titles.append(title)

    def protocol(self, name: str, act: Callable[[], None]) -> None:
        self.bound[name] = act

    def bind(self, name: str, act: Callable[..., None]) -> None:
        self.bound[name] = act

    def set(self, value: bool) -> None:
        self.gone_on = value

    def after(self, wait_ms: int, act: Callable[[], None]) -> str:
        self.waits.append(wait_ms)
        self.timer = act
        return "timer"

    def after_cancel(self, _: str) -> None:
        self.timer = None

    def wait_variable(self, _: Windows) -> None:
        self.gone_on = False
        if self.user:
            self.user(self)
        elif self.timer:
            self.timer()
        assert self.gone_on, "the window waits for ever"

    def destroy(self) -> None:
        self.destroyed = True


def use(windows: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stepping_window.importlib, "import_module", lambda _: windows)


def drawn(count: int) -> list[tuple[str, Any]]:
    return [(f"frame {n}", np.full((4, 6, 3), n, np.uint8)) for n in range(count)]


def test_each_picture_stays_for_the_sleep_time(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows()
    use(windows, monkeypatch)
    assert show(drawn(3), 0.25) == 3
    assert windows.titles == ["frame 0", "frame 1", "frame 2"]
    assert windows.waits == [250] * 3 and windows.destroyed
    assert windows.pictures[2].startswith(b"P6") and windows.pictures[2].endswith(b"\x02" * 72)


def test_without_a_sleep_time_a_key_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(user=lambda self: self.bound["<Key>"](None))
    use(windows, monkeypatch)
    assert show(drawn(2), 0) == 2
    assert windows.waits == []


def test_closing_the_window_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(user=lambda self: self.bound["WM_DELETE_WINDOW"]())
    use(windows, monkeypatch)
    assert show(drawn(5), 1) == 1
    assert windows.destroyed


def test_no_display_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows()

    def no_display() -> None:
        raise Windows.TclError("no display name and no $DISPLAY environment variable")

    monkeypatch.setattr(windows, "Tk", no_display)
    use(windows, monkeypatch)
    with pytest.raises(NoDisplay, match="DISPLAY"):
        show(drawn(1), 0)
