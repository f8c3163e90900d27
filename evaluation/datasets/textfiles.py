"""Reading text whose mistakes must be named by file and line."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.datasets.types import DatasetError

__all__ = ["csv_rows", "lines", "number", "numbers", "read_json", "text"]


def text(path: Path, expected: str) -> str:
    """Return a file's text; raises DatasetError when it is missing or no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise DatasetError.at(path, None, expected, "no such file") from None
    except UnicodeDecodeError:
        raise DatasetError.at(path, None, expected, "bytes that are no UTF-8 text") from None


def lines(path: Path, expected: str) -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, text) of every line that is not blank."""
    for number_, line in enumerate(text(path, expected).splitlines(), 1):
        if line.strip():
            yield number_, line.strip()


def csv_rows(path: Path, expected: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number from 1, fields without blanks around them) of every line that is not blank."""
    reader = csv.reader(text(path, expected).splitlines())
    for row in reader:
        if any(field.strip() for field in row):
            yield reader.line_num, [field.strip() for field in row]


def number(value: str, path: Path, line: int, expected: str) -> float:
    """Return one finite number; raises DatasetError that names the line."""
    try:
        parsed = float(value)
    except ValueError:
        raise DatasetError.at(path, line, expected, value) from None
    if not math.isfinite(parsed):
        raise DatasetError.at(path, line, expected, value)
    return parsed


def numbers(values: Sequence[str], path: Path, line: int, expected: str) -> list[float]:
    """Return finite numbers; raises DatasetError that names the line."""
    return [number(value, path, line, expected) for value in values]


def read_json(path: Path, expected: str) -> Any:
    """Return a JSON file's content; raises DatasetError with the line of a syntax error."""
    try:
        return json.loads(text(path, expected))
    except json.JSONDecodeError as error:
        raise DatasetError.at(path, error.lineno, "JSON", error.msg) from None
