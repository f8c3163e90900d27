"""Instance masks as one PNG per frame: 0 is background, n the frame's n-th prediction, from 1."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core_network.prepare import View
from evaluation.split.detector import Detections, DetectorError

__all__ = ["MASKS", "instance_map", "write_instances"]

MASKS = "masks"
"""The output with masks."""
_INSIDE = 0.5


def instance_map(found: Detections, masks: NDArray[np.floating], view: View) -> NDArray[np.uint16]:
    """Return instance numbers [source height, source width] of masks [N, h, w] over the whole input.

    Where masks overlap, the better score is on top. Raises DetectorError when a detection has no mask.
    """
    if masks.ndim != 3 or (len(found.rows) and found.rows.max() >= len(masks)):
        raise DetectorError(f"masks: expected one [h, w] per row of the detections, got {list(masks.shape)}")
    height, width = masks.shape[1:]
    left, top = view.x0 * width, view.y0 * height
    # The nearest mask cell of each pixel's centre.
    across = np.arange(view.source_width) + 0.5
    down = np.arange(view.source_height) + 0.5
    columns = (left + across * (view.width * width / view.source_width)).astype(int).clip(0, width - 1)
    rows = (top + down * (view.height * height / view.source_height)).astype(int).clip(0, height - 1)
    drawn = np.zeros((view.source_height, view.source_width), np.uint16)
    for number in range(len(found.rows), 0, -1):
        inside = masks[found.rows[number - 1]] >= _INSIDE
        drawn[inside[rows[:, None], columns[None, :]]] = number
    return drawn


def write_instances(folder: Path, clip: str, frame: str, instances: NDArray[np.uint16]) -> None:
    """Write FOLDER/<clip>/<frame>.png, 16 bits a pixel."""
    path = folder / clip / f"{frame}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    partly = path.with_name(f".{path.name}.unfinished")
    Image.fromarray(instances).save(partly, format="PNG")
    os.replace(partly, path)
