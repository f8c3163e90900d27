"""Which group and which split a file belongs to: splits.csv with the columns file, group, split."""

from __future__ import annotations

from pathlib import Path

from evaluation.datasets.textfiles import csv_rows
from evaluation.datasets.types import DatasetError

__all__ = ["SPLITS", "Membership"]

SPLITS = ("train", "validation", "report")


class Membership:
    """The content of one splits.csv."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises DatasetError."""
        self._root = path.parent.resolve()
        self._rows: dict[str, tuple[str, str]] = {}
        for line, row in csv_rows(path, "a table of files and splits"):
            if row == ["file", "group", "split"]:
                continue
            if len(row) != 3 or row[2] not in SPLITS:
                raise DatasetError.at(
                    path, line, f"file,group,split with a split of {', '.join(SPLITS)}", ",".join(row)
                )
            self._rows[row[0]] = row[1], row[2]

    @classmethod
    def of(cls, folder: Path) -> Membership | None:
        """Return that of the nearest splits.csv in the folder or one above it, else None."""
        for parent in (folder.resolve(), *folder.resolve().parents):
            if (parent / "splits.csv").is_file():
                return cls(parent / "splits.csv")
        return None

    def of_file(self, path: Path) -> tuple[str, str]:
        """Return (group, split) of a file, both empty when it is not listed."""
        resolved = path.resolve()
        name = resolved.relative_to(self._root).as_posix() if resolved.is_relative_to(self._root) else ""
        return self._rows.get(name, ("", ""))
