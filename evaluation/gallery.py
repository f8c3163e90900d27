"""The stills on which a head did worst, drawn: what to look at before believing an average."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from core_network.training.detection import box_iou
from evaluation.datasets.types import Rect

__all__ = ["Mistakes", "unmatched", "write_gallery"]

_MISSED, _FALSE = (255, 60, 60), (255, 220, 0)
_WIDTH = 1280


@dataclass(frozen=True)
class Mistakes:
    """One picture, the true boxes that nothing matched and the found boxes that match nothing, in its px."""

    picture: Path
    missed: Sequence[Rect]
    false: Sequence[Rect]


def unmatched(
    found: Sequence[Rect], truths: Sequence[Rect], iou: float = 0.5
) -> tuple[list[Rect], list[Rect]]:
    """Return the true boxes without a found one and the found ones without a true one; each matches once.

    `found` comes best first; each takes the free true box that it overlaps most.
    """
    free, false = list(range(len(truths))), []
    overlaps = box_iou(np.array(found).reshape(-1, 4), np.array(truths).reshape(-1, 4))
    for index, box in enumerate(found):
        best = max(free, key=lambda truth: float(overlaps[index, truth]), default=None)
        if best is not None and overlaps[index, best] >= iou:
            free.remove(best)
        else:
            false.append(box)
    return [truths[index] for index in free], false


def write_gallery(mistakes: Sequence[Mistakes], folder: Path, count: int = 12) -> list[Path]:
    """Draw the `count` pictures with most mistakes, worst first, as JPEG into a folder; return their paths.

    Red: missed; yellow: false. The pictures are footage: keep the folder out of the repository.
    """
    folder.mkdir(parents=True, exist_ok=True)
    worst = sorted(mistakes, key=lambda one: -len(one.missed) - len(one.false))[:count]
    written = []
    for place, one in enumerate(worst, 1):
        with Image.open(one.picture) as source:
            scale = _WIDTH / source.width
            drawn = source.convert("RGB").resize((_WIDTH, round(source.height * scale)))
        brush = ImageDraw.Draw(drawn)
        for boxes, colour in ((one.missed, _MISSED), (one.false, _FALSE)):
            for box in boxes:
                brush.rectangle([value * scale for value in box], outline=colour, width=2)
        brush.text(
            (8, 8), f"missed {len(one.missed)} (red), false {len(one.false)} (yellow)", (255, 255, 255)
        )
        path = folder / f"{place:02}-{one.picture.stem}.jpg"
        drawn.save(path, "JPEG", quality=88)
        written.append(path)
    return written
