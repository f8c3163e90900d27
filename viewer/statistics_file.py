"""The statistics of every head as a table: CSV or JSON, the same rows as the player's export."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import IO, Any

from stream.sync import CLOCK_RATE
from viewer.outputs import SeenFrame

__all__ = ["STATISTICS_SUFFIXES", "StatisticsFile"]

STATISTICS_SUFFIXES = (".csv", ".json")
_COLUMNS = ("number", "pts_s", "head", "statistic", "value", "unit")


class StatisticsFile:
    """One row for each frame, head and statistic that has a value there; the suffix decides the form.

    number: of the frame in the payload; pts_s: its time in seconds; value with at most four decimals.
    """

    def __init__(self, path: Path) -> None:
        """Start the file anew; it gets its name when it is complete."""
        self._path, self._partly = path, path.with_name(path.name + ".part")
        self._file: IO[str] = self._partly.open("w", encoding="utf-8", newline="")
        self._json, self._rows = path.suffix.lower() == ".json", 0
        self._csv = csv.writer(self._file, lineterminator="\n")
        if not self._json:
            self._csv.writerow(_COLUMNS)

    def add(self, seen: SeenFrame) -> None:
        """Write the frame's rows; none when it has no features."""
        if seen.number is None:
            return
        for result in seen.results:
            manifest = result.manifest
            for statistic in manifest.statistics:
                value = result.shown.stats.get(statistic.name)
                if value is not None:
                    time, shown = round(seen.pts / CLOCK_RATE, 3), _plain(value)
                    self._write((seen.number, time, manifest.name, statistic.name, shown, statistic.unit))

    def _write(self, row: tuple[Any, ...]) -> None:
        if self._json:
            named = dict(zip(_COLUMNS, row, strict=True)) | {"pts_s": _plain(row[1])}
            line = json.dumps(named, ensure_ascii=False)
            self._file.write(("," if self._rows else "[") + "\n" + line)
        else:
            self._csv.writerow((row[0], f"{row[1]:.3f}", *row[2:]))
        self._rows += 1

    def close(self) -> None:
        """Finish the file."""
        if self._json:
            self._file.write("\n]\n" if self._rows else "[]\n")
        self._file.close()
        self._partly.replace(self._path)


def _plain(value: float) -> float | int:
    """Return a number with at most four decimals and no trailing zeros."""
    rounded = round(value, 4)
    return int(rounded) if rounded == int(rounded) else rounded
