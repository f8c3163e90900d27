"""Where people were labelled at all: predictions elsewhere do not count, as the labels' READMEs say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from evaluation.datasets.textfiles import csv_rows, numbers
from evaluation.datasets.types import DatasetError, Frame, Rect

__all__ = ["outside"]

_MARGIN_PX = 22.0
"""Feet less than this below the boundary of the grass belong to people who are not labelled."""

_COURTS = {"tennis_gridtracknet_hardcourt": (450.0, 1500.0, 280.0, 1005.0)}
"""Label folder -> x of the box's centre from, to, and y of its lower edge from, to (px)."""


def outside(folder: Path) -> Callable[[Frame, Rect], bool] | None:
    """Return the rule of a folder of labels, None where everything was labelled; raises DatasetError."""
    line_file = folder / "offpitch_line.csv"
    if line_file.is_file():
        return _above(line_file)
    if folder.name in _COURTS:
        left, right, top, bottom = _COURTS[folder.name]

        def off_court(frame: Frame, box: Rect) -> bool:
            return not (left <= (box[0] + box[2]) / 2 <= right and top <= box[3] <= bottom)

        return off_court
    return None


def _above(file: Path) -> Callable[[Frame, Rect], bool]:
    rows = csv_rows(file, "the boundary of the pitch, frame by frame")
    header = next(rows, (1, []))[1]
    if len(header) != 4 or not all(name.startswith("y_at_x") for name in header[1:]):
        raise DatasetError.at(file, 1, "the header frame,y_at_x0,y_at_x640,y_at_x1279", ",".join(header))
    across = [float(name.removeprefix("y_at_x")) for name in header[1:]]
    lines = {}
    for line, row in rows:
        if len(row) != 4:
            raise DatasetError.at(file, line, ",".join(header), ",".join(row))
        values = numbers(row, file, line, ",".join(header))
        lines[int(values[0]) - 1] = values[1:]

    def above(frame: Frame, box: Rect) -> bool:
        if frame.index not in lines:
            return False
        return bool(box[3] < np.interp((box[0] + box[2]) / 2, across, lines[frame.index]) + _MARGIN_PX)

    return above
