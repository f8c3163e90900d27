"""The overlay: where it draws, in which colours, and what it must not cover."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core_network.catalogue import Core
from task_heads.manifest import Manifest, load_manifest
from task_heads.result import Box, Point, Result, Trail
from tests.viewer.heads import write_head
from viewer.overlay import Overlay


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, core: Core) -> Manifest:
    return load_manifest(write_head(tmp_path_factory.mktemp("overlay") / "counter", core.spec))


def drawn(manifest: Manifest, result: Result, size: tuple[int, int] = (640, 360)) -> NDArray[np.bool_]:
    """Return which pixels of a grey picture of a 1280x720 source the overlay changed."""
    picture = np.full((size[1], size[0], 3), 90, np.uint8)
    after = Overlay(*size).draw(picture, [(manifest, result)], 1280, 720)
    assert (picture == 90).all(), "the picture that was given stays as it is"
    return np.any(after != 90, axis=2)


def result(**parts: object) -> Result:
    return Result("counter", **parts)  # type: ignore[arg-type]


def test_a_box_is_drawn_where_it_is_in_the_source(manifest: Manifest) -> None:
    changed = drawn(manifest, result(boxes=[Box((400, 200, 800, 600), 0.9, "player")]))[:, :550]
    rows, columns = np.flatnonzero(changed[:, 300]), np.flatnonzero(changed[200])
    assert rows[0] == pytest.approx(100, abs=3)
    assert rows[-1] == pytest.approx(300, abs=3)
    assert columns[0] == pytest.approx(200, abs=3)
    assert columns[-1] == pytest.approx(400, abs=3)
    assert not changed[150:250, 250:350].any(), "the inside of a box stays free"


def test_ids_have_colours_of_their_own(manifest: Manifest) -> None:
    picture = np.full((360, 640, 3), 90, np.uint8)
    boxes = [Box((200 * i, 200, 200 * i + 100, 400), 0.9, "player", i) for i in range(1, 6)]
    after = Overlay(640, 360).draw(picture, [(manifest, result(boxes=boxes))], 1280, 720)
    colours = {tuple(after[150, 100 * i]) for i in range(1, 6)}
    assert len(colours) == 5


def test_a_label_never_covers_the_ball(manifest: Manifest) -> None:
    box = Box((600, 300, 700, 500), 0.9, "player", 12)
    # Right above the box, where its label would be.
    ball = Point((650, 284), 0.8, "player")
    without = drawn(manifest, result(boxes=[box]))
    with_ball = drawn(manifest, result(boxes=[box], points=[ball]))
    centre = (slice(140, 144), slice(323, 327))
    assert without[centre].any(), "without a ball the label is there"
    assert not with_ball[centre].any(), "the ring around the ball is empty inside"


def test_labels_make_room_for_each_other(manifest: Manifest) -> None:
    near = [Box((600, 300, 640, 500), 0.9, "player", 1), Box((610, 300, 650, 500), 0.9, "player", 2)]
    overlay = Overlay(1280, 720)
    picture = np.full((720, 1280, 3), 90, np.uint8)
    one, two = ((overlay.draw(picture, [(manifest, result(boxes=[box]))], 1280, 720) != 90) for box in near)
    both = overlay.draw(picture, [(manifest, result(boxes=near))], 1280, 720) != 90
    # The second label has moved from above its box to below.
    assert not (one | two)[505:520, 610:650].any()
    assert both[505:520, 610:650].any()


def test_a_trail_fades_into_the_past(manifest: Manifest) -> None:
    document = manifest.model_dump(mode="json")
    document["draw"].append({"kind": "trail", "output": "ball", "colour": "#ffffff"})
    trailed = Manifest.model_validate(document)
    trail = Trail([(100.0 * i, 360.0) for i in range(1, 12)], "ball")
    picture = np.zeros((360, 640, 3), np.uint8)
    after = Overlay(640, 360).draw(picture, [(trailed, result(trails=[trail]))], 1280, 720)
    assert 0 < after[180, 75].max() < after[180, 525].max()


def test_a_guess_looks_like_one(manifest: Manifest) -> None:
    around = (slice(150, 210), slice(290, 350))
    ring, arcs = (
        drawn(manifest, result(points=[Point((640, 360), 0.8, "player", guess=guess)]))[around].sum()
        for guess in (False, True)
    )
    assert 0.3 * ring < arcs < 0.8 * ring
    document = manifest.model_dump(mode="json")
    document["draw"].append({"kind": "trail", "output": "ball", "colour": "#ffffff"})
    trailed = Manifest.model_validate(document)
    line = [(100.0 * i, 360.0) for i in range(1, 12)]
    black = np.zeros((360, 640, 3), np.uint8)
    after = [
        Overlay(640, 360).draw(black, [(trailed, result(trails=[trail]))], 1280, 720)
        for trail in (Trail(line, "ball"), Trail(line, "ball", [index == 8 for index in range(11)]))
    ]
    seen, guessed = (picture.max(2)[180].astype(int) for picture in after)
    assert guessed[425] < 0.6 * seen[425], "the way to a guess is faint"
    assert guessed[475] < 0.6 * seen[475], "and the way from it"
    assert guessed[275] == seen[275]


def test_figures_appear_as_text_and_table(manifest: Manifest) -> None:
    empty = drawn(manifest, result())
    full = drawn(manifest, result(stats={"seen": 3.0, "mean": 0.5}))
    corner = (slice(310, 360), slice(480, 640))
    assert not empty[corner].any(), "a text with a missing figure is not drawn"
    assert full[corner].any()
    assert empty[260:, :200].any(), "a table stays, with dashes"


@pytest.mark.parametrize("size", [(2, 2), (96, 160), (1920, 1080)])
def test_any_size_can_be_drawn_on(manifest: Manifest, size: tuple[int, int]) -> None:
    parts = result(
        boxes=[Box((0, 0, 1280, 720), 0.9, "referee", 3), Box((-50, 800, -20, 900), 0.9, "player", 4)],
        points=[Point((1279, 719), 0.5, "player"), Point((-30, -30), 0.5, "player")],
        stats={"seen": 1.0},
    )
    assert drawn(manifest, parts, size).any()


def test_drawing_is_repeatable(manifest: Manifest, tmp_path: Path) -> None:
    parts = result(
        boxes=[Box((100, 100, 300, 400), 0.9, "referee", 3)], points=[Point((640, 360), 1.0, "player")]
    )
    picture = np.random.default_rng(1).integers(0, 255, (360, 640, 3)).astype(np.uint8)
    overlay = Overlay(640, 360)
    first, second = (overlay.draw(picture, [(manifest, parts)], 1280, 720) for _ in range(2))
    assert np.array_equal(first, second)
