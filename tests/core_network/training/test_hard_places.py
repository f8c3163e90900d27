"""Where the network errs is found, in px of the kept picture, and shown more."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs the extra: pip install 'featurecast[train]'")

from core_network.training.augment import random_view  # noqa: E402
from core_network.training.hard_places import hard_places, with_hard_places  # noqa: E402
from core_network.training.stills import Still  # noqa: E402


def _still() -> Still:
    """Three people, 1280x720: the view is half as large and 4 px lower."""
    people = np.array([[100, 200, 140, 300], [600, 200, 640, 300], [900, 400, 940, 500]], np.float32)
    return Still("three", np.zeros((720, 1280, 3), np.uint8), people, np.array([[300, 500]], np.float32))


def _claims(*boxes: tuple[float, float, float, float]) -> torch.Tensor:
    """People maps that say these boxes, in px of the input."""
    maps = torch.zeros(1, 5, 88, 160)
    maps[:, 0] = -9
    for x0, y0, x1, y1 in boxes:
        cx, cy = (x0 + x1) / 8, (y0 + y1) / 8
        row, column = int(cy), int(cx)
        maps[0, 0, row, column] = 4
        maps[0, 1:, row, column] = torch.tensor(
            [cx - column, cy - row, np.log((x1 - x0) / 4), np.log((y1 - y0) / 4)]
        )
    return maps


def test_missed_and_made_up_people_and_balls_are_hard() -> None:
    still = _still()
    # The view of a 1280x720 picture in 640x352 is scaled by 352/720 and centred.
    scale = 352 / 720
    shift = (640 - 1280 * scale) / 2
    right = still.people[0] * scale + [shift, 0, shift, 0]
    made_up = np.array([1100, 600, 1140, 700]) * scale + [shift, 0, shift, 0]
    people = _claims(tuple(right), tuple(made_up))
    silent = torch.full((1, 3, 88, 160), -9.0)
    places = hard_places(lambda _: (people, silent), [still], (352, 640))["three"]
    wanted = [[1120, 650], [620, 250], [920, 450], [300, 500]]
    assert np.allclose(places, wanted, atol=2)
    (marked,) = with_hard_places([still], {"three": places})
    assert marked.hard is places


def test_a_picture_without_errors_has_no_hard_places() -> None:
    nobody = Still("empty", np.zeros((720, 1280, 3), np.uint8), np.zeros((0, 4), np.float32), None)
    silent = torch.full((1, 5, 88, 160), -9.0), torch.full((1, 3, 88, 160), -9.0)
    assert hard_places(lambda _: silent, [nobody], (352, 640)) == {}


def test_parts_of_the_picture_show_the_hard_place() -> None:
    rng = np.random.default_rng(0)
    pixels = np.zeros((720, 1280, 3), np.uint8)
    pixels[640:660, 1190:1210] = 255
    still = Still("one", pixels, None, None, hard=np.array([[1200, 650]], np.float32))
    shown = [random_view(still, 640, 352, rng, 0.0, share).planes[..., 0].max() for share in (1.0,) * 12]
    assert min(shown) > 200
