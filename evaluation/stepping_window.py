"""A window that steps through pictures, where there is a display."""

from __future__ import annotations

import importlib
import io
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["NoDisplay", "show"]


class NoDisplay(RuntimeError):
    """There is no display, or Python was built without its window library."""


def show(drawn: Iterable[tuple[str, NDArray[np.uint8]]], sleep_s: float) -> int:
    """Show picture after picture, each for `sleep_s`, until the last or until the window is closed.

    With 0 a key or click goes on. Returns how many were shown; raises NoDisplay.
    """
    try:
        tkinter: Any = importlib.import_module("tkinter")
        window = tkinter.Tk()
    except ModuleNotFoundError:
        raise NoDisplay("this Python has no tkinter") from None
    except tkinter.TclError as error:
        raise NoDisplay(str(error)) from None
    panel = tkinter.Label(window)
    panel.pack()
    go_on = tkinter.BooleanVar(window)
    closed = False

    def close() -> None:
        nonlocal closed
        closed = True
        go_on.set(True)

    window.protocol("WM_DELETE_WINDOW", close)
    for event in ("<Key>", "<Button>"):
        window.bind(event, lambda _: go_on.set(True))
    count = 0
    for title, picture in drawn:
        encoded = io.BytesIO()
        Image.fromarray(picture).save(encoded, format="PPM")
        image = tkinter.PhotoImage(data=encoded.getvalue(), format="PPM")
        panel.configure(image=image)
        window.title(title)
        count += 1
        timer = window.after(round(sleep_s * 1e3), lambda: go_on.set(True)) if sleep_s else None
        window.wait_variable(go_on)
        if timer is not None:
            window.after_cancel(timer)
        if closed:
            break
    window.destroy()
    return count
