"""Moments of procedural matches, each with the frames before it, as training data for video systems.

`python -m core_network.scenes --out FOLDER` writes FOLDER/truth.jsonl and the pictures that it names.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from evaluation.datasets.types import Clip, Dataset, DatasetError, Frame, Thing, checked_box

__all__ = ["BALL", "PERSON", "read_moments"]

PERSON, BALL = "person", "ball"
_LEAST_VISIBLE = 0.25
"""People of whom less is seen are neither objects nor background."""

Pasts = dict[str, tuple[str, ...]]


def read_moments(folder: Path) -> tuple[Dataset, Pasts]:
    """Return the moments as stills, and by each file name those of the frames before it, newest first.

    Raises DatasetError, one line.
    """
    path = folder / "truth.jsonl"
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        raise DatasetError.at(path, None, "what `python -m core_network.scenes` writes", "no file") from None
    frames: list[Frame] = []
    pasts: Pasts = {}
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            if not row.get("earlier"):
                continue
            pasts[row["file"]] = tuple(row["earlier"])
            frames.append(Frame(Path(row["file"]).stem, file=row["file"], things=_things(row, path, number)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DatasetError.at(path, number, "a moment as JSON", str(error)) from None
    return Dataset(folder.name, (Clip(folder.name, tuple(frames), folder),), (PERSON, BALL)), pasts


def _things(row: dict[str, Any], path: Path, number: int) -> tuple[Thing, ...]:
    people = [
        Thing(PERSON, checked_box(player["box"], path, number), ignore=player["visible"] < _LEAST_VISIBLE)
        for player in row["players"]
    ]
    if not row["ball"]:
        return tuple(people)
    x, y, radius = row["ball"]
    return (*people, Thing(BALL, checked_box((x - radius, y - radius, x + radius, y + radius), path, number)))
