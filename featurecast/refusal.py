"""What the user got wrong, told in one line; everything else keeps its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["EXTRAS", "Refusal", "refuse"]

EXTRAS = {
    "torch": "train",
    "onnx": "train",
    "onnxscript": "train",
    "matplotlib": "train",
    "faster_coco_eval": "eval",
    "scipy": "eval",
    "supervision": "eval",
    "trackers": "eval",
    "zstandard": "eval",
}
"""Packages that `pip install featurecast` leaves out, and the extra that brings each."""


class Refusal(Exception):
    """The command cannot do what was asked for; the message is one line, the exit status 2."""

    def __init__(self, message: str) -> None:
        """Keep the message, folded to one line."""
        super().__init__(" ".join(message.split()))


@contextmanager
def refuse(*kinds: type[Exception]) -> Iterator[None]:
    """Turn exceptions of `kinds`, and files that cannot be read or written, into a Refusal.

    Name the narrow exceptions that loaders promise. `ValueError` itself may only stand around pure
    loading: inside the work it is a bug.
    """
    try:
        yield
    except OSError as error:
        named = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
        raise Refusal(named) from error
    except kinds as error:
        raise Refusal(str(error)) from error
