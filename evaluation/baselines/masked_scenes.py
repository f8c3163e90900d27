"""Procedural stills with exact masks, as a YOLO dataset: python -m evaluation.baselines.masked_scenes DIR.

DIR/images/NAME.png  DIR/labels/NAME.txt  DIR/classes.txt  DIR/masks/<name of DIR>/NAME.png (n: line n)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from core_network.scenes.still import random_still

__all__ = ["main", "write_masked_scenes"]

LABEL = "person"
_LEAST_VISIBLE = 0.25


def write_masked_scenes(folder: Path, count: int, seed: int, size: tuple[int, int] = (720, 1280)) -> None:
    """Write `count` stills of (height, width) with everybody of whom at least a quarter is seen."""
    masks = folder / "masks" / folder.name
    for path in (folder / "images", folder / "labels", masks):
        path.mkdir(parents=True, exist_ok=True)
    (folder / "classes.txt").write_text(f"{LABEL}\n")
    height, width = size
    for number in range(count):
        name = f"{seed}-{number:06}"
        scene = random_still(seed * 1_000_003 + number, width, height)
        owner = scene.truth.owner
        assert owner is not None
        instances, rows = np.zeros((height, width), np.uint16), []
        for player in scene.truth.players:
            if player.visible < _LEAST_VISIBLE:
                continue
            x0, y0, x1, y1 = player.box
            box = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
            rows.append(" ".join(("0", *(f"{value:.6f}" for value in box))))
            instances[owner == player.id] = len(rows)
        (folder / "labels" / f"{name}.txt").write_text("".join(f"{row}\n" for row in rows))
        Image.fromarray(instances).save(masks / f"{name}.png")
        Image.fromarray(scene.image).save(folder / "images" / f"{name}.png")
        if (number + 1) % 20 == 0:
            print(f"masked scenes {number + 1}/{count}", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Write a dataset to the named folder."""
    parser = argparse.ArgumentParser(prog="python -m evaluation.baselines.masked_scenes", description=__doc__)
    parser.add_argument("folder", metavar="DIR", type=Path)
    parser.add_argument("--count", metavar="N", type=int, default=400)
    parser.add_argument("--seed", metavar="N", type=int, default=1)
    chosen = parser.parse_args(arguments)
    write_masked_scenes(chosen.folder.resolve(), chosen.count, chosen.seed)


if __name__ == "__main__":
    main()
