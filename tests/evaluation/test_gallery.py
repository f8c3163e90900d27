"""The gallery: what counts as a mistake, and that the worst pictures are drawn first."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from evaluation.gallery import Mistakes, unmatched, write_gallery


def test_each_true_box_is_matched_once_by_the_best_found_one() -> None:
    truths = [(0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)]
    found = [(0.0, 0.0, 10.0, 9.0), (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 60.0, 10.0)]
    assert unmatched(found, truths) == ([truths[1]], found[1:])
    assert unmatched([], truths) == (truths, [])
    assert unmatched(found, []) == ([], found)


def test_the_worst_pictures_come_first_with_their_mistakes_drawn(tmp_path: Path) -> None:
    pictures = []
    for number, errors in enumerate((0, 2, 1)):
        picture = tmp_path / f"{number}.png"
        Image.new("RGB", (640, 360)).save(picture)
        box = (100.0, 100.0, 200.0, 200.0)
        pictures.append(Mistakes(picture, [box] * errors, []))
    written = write_gallery(pictures, tmp_path / "gallery", count=2)
    assert [path.name for path in written] == ["01-1.jpg", "02-2.jpg"]
    with Image.open(written[0]) as drawn:
        red, green, _ = drawn.convert("RGB").getpixel((200, 300))  # the left edge at twice the size
        assert drawn.width == 1280 and red > 150 and green < 120
