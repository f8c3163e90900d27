"""What counts as a compared frame in the browser's measurement."""

from __future__ import annotations

from evaluation.bench.browser import Shown, compared


def frame(number: int | None, timestamp: int, burnt: int, picture_timestamp: int | None = None) -> Shown:
    return Shown(
        number, timestamp, False, timestamp if picture_timestamp is None else picture_timestamp, burnt
    )


def test_every_frame_with_features_is_compared_with_its_own_picture() -> None:
    assert compared([frame(1, 100, 1), frame(None, 200, 2), frame(3, 300, 4)]) == [(1, 1), (3, 4)]


def test_a_picture_that_came_up_meanwhile_is_held_against_its_own_payload() -> None:
    shown = [
        frame(1, 100, 2, picture_timestamp=200),
        frame(2, 200, 2),
        frame(3, 300, 4, picture_timestamp=400),
    ]
    assert compared(shown) == [(2, 2)], "each picture once, and none whose payload is not known"
