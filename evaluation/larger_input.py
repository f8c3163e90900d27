"""The same weights on larger pictures: the trainer's probes at two input sizes, on the report split's stills.

Shipped heads are exported for one size of features; the probes take any, so they compare sizes with each
other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from core_network.training.stills import Still
from core_network.training.validation import load_probes, validate
from evaluation.core_accuracy import report_football

__all__ = ["SIZES", "probe_sizes"]

SIZES = ((352, 640), (448, 768))
"""Height and width. 432 is no multiple of 32: 768x448 letterboxes a 16:9 picture to 768x432."""

_BALL = "ball"


def probe_sizes(root: Path, checkpoint: Path, tick: Callable[[], None]) -> dict[str, dict[str, float]]:
    """Return what `validate` says by "WxH"; raises DatasetError when the stills are not there."""
    probes, stills = load_probes(checkpoint), list(_stills(root))

    def taken() -> Iterator[Still]:
        for still in stills:
            yield still
            tick()

    return {f"{width}x{height}": validate(probes, taken(), (height, width)) for height, width in SIZES}


def _stills(root: Path) -> Iterator[Still]:
    for clip in report_football(root).clips:
        assert clip.pictures is not None
        for frame in clip.frames:
            people = [thing.box for thing in frame.things if thing.label != _BALL]
            balls = [thing.box for thing in frame.things if thing.label == _BALL]
            corners = np.array(balls, np.float32).reshape(-1, 4)
            with Image.open(clip.pictures / frame.file) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            yield Still(
                frame.file,
                pixels,
                np.array(people, np.float32).reshape(-1, 4),
                ((corners[:, :2] + corners[:, 2:]) / 2).astype(np.float32),
            )
