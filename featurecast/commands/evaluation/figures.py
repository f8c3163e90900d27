"""Arguments that the subcommands of `featurecast evaluate` share, and the JSON file that each can write."""

from __future__ import annotations

import argparse
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core_network.catalogue import Core, default_core, load_core
from core_network.dataroot import data_root
from core_network.spec import RATES
from evaluation.datasets.open import FORMS
from evaluation.datasets.open import open_dataset as open_form
from evaluation.datasets.splits import SPLITS
from evaluation.datasets.types import Dataset, DatasetError, only, relabelled
from featurecast.refusal import Refusal, refuse

__all__ = [
    "add_checkpoint",
    "add_core",
    "add_dataset",
    "add_figures",
    "add_rate",
    "add_root",
    "chosen_checkpoint",
    "chosen_core",
    "merged_names",
    "number",
    "open_dataset",
    "positive",
    "root",
    "table",
    "write_figures",
]


def add_figures(parser: argparse.ArgumentParser) -> None:
    """Declare --json."""
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures as JSON")


def write_figures(arguments: argparse.Namespace, figures: Mapping[str, Any]) -> None:
    """Write the figures where --json says; a number that does not exist (NaN, infinite) becomes null."""
    path: Path | None = arguments.json
    if path is None:
        return
    unfinished = path.with_name(f".{path.name}.unfinished")
    with refuse():
        unfinished.write_text(json.dumps(_finite(figures), indent=2, allow_nan=False) + "\n")
        os.replace(unfinished, path)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def add_root(parser: argparse.ArgumentParser) -> None:
    """Declare --data."""
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def root(arguments: argparse.Namespace) -> Path:
    """Return the folder of real data; raises Refusal when there is none."""
    found = data_root(arguments.data)
    if found is None:
        raise Refusal(
            "no labelled footage here: name the folder that holds splits.csv with --data or FEATURECAST_DATA"
        )
    return found


def add_core(parser: argparse.ArgumentParser) -> None:
    """Declare --core."""
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")


def chosen_core(arguments: argparse.Namespace) -> Core:
    """Return the core that --core names, else the shipped one; raises Refusal."""
    with refuse(ValueError):
        return load_core(arguments.core) if arguments.core else default_core()


def add_checkpoint(parser: argparse.ArgumentParser) -> None:
    """Declare --checkpoint."""
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="of the core's training run; default: runs/<core>/checkpoint.pt",
    )


def chosen_checkpoint(arguments: argparse.Namespace, core: Core, why: str) -> Path:
    """Return the file that --checkpoint names, else that of the core's run; raises Refusal without it.

    `why`: what needs it.
    """
    path: Path = arguments.checkpoint or Path("runs") / core.spec.name / "checkpoint.pt"
    if not path.is_file():
        raise Refusal(
            f"{path}: {why}; train the core (make models) or name its run's checkpoint with --checkpoint"
        )
    return path


def add_rate(parser: argparse.ArgumentParser) -> None:
    """Declare --rate."""
    parser.add_argument("--rate", choices=RATES, default="default", help="how finely features are coded")


def add_dataset(parser: argparse.ArgumentParser) -> None:
    """Declare --dataset and what belongs to it."""
    known = "; ".join(f"{form}: {what}" for form, what in FORMS.items())
    parser.add_argument(
        "--dataset", metavar="FORM:PATH", type=_form_and_path, required=True, help=f"labels. {known}"
    )
    parser.add_argument("--pictures", metavar="PATH", type=Path, help="folder or video of the pictures")
    parser.add_argument(
        "--labels", metavar="A,B,...", type=_names, default=(), help="names of the dataset's numbered classes"
    )
    parser.add_argument("--split", choices=SPLITS, help="only this split of splits.csv")
    parser.add_argument(
        "--as",
        metavar="NEW=OLD,OLD",
        dest="merge",
        type=_merge,
        action="append",
        default=[],
        help="score labels as one, for example person=player,goalkeeper,referee; may repeat",
    )
    parser.add_argument(
        "--only", metavar="A,B,...", type=_names, help="only things of these labels (after --as)"
    )


def open_dataset(arguments: argparse.Namespace) -> Dataset:
    """Return the dataset that the arguments name, labels merged and chosen; raises Refusal."""
    form, path = arguments.dataset
    with refuse(DatasetError):
        dataset = open_form(
            form, path, pictures=arguments.pictures, labels=arguments.labels, split=arguments.split
        )
        names = merged_names(arguments)
        dataset = relabelled(dataset, {old: new for old, new in names.items() if old in dataset.labels})
        return only(dataset, arguments.only) if arguments.only else dataset


def merged_names(arguments: argparse.Namespace) -> dict[str, str]:
    """Return old label -> new label of every --as."""
    return {old: new for new, olds in arguments.merge for old in olds}


def _form_and_path(text: str) -> tuple[str, Path]:
    form, separator, path = text.partition(":")
    if not separator or form not in FORMS or not path:
        raise argparse.ArgumentTypeError(
            f"expected FORM:PATH with a form among {', '.join(FORMS)}, got {text!r}"
        )
    return form, Path(path)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names) or len(set(names)) != len(names):
        raise argparse.ArgumentTypeError(
            f"expected names that differ, with commas between them, got {text!r}"
        )
    return names


def _merge(text: str) -> tuple[str, tuple[str, ...]]:
    new, separator, old = text.partition("=")
    if not separator or not new.strip():
        raise argparse.ArgumentTypeError(f"expected NEW=OLD,OLD, got {text!r}")
    return new.strip(), _names(old)


def number(fits: Callable[[float], bool], expected: str) -> Callable[[str], float]:
    """Return what reads a number for argparse and refuses one that does not fit; `expected` says which do."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if math.isnan(value) or not fits(value):
            raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
        return value

    return read


def positive(text: str) -> int:
    """Return a whole number from 1 on, for argparse."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text!r}")
    return value


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table with aligned columns; the first column to the left, others to the right."""
    cells = [list(map(str, header)), *([str(cell) for cell in row] for row in rows)]
    widths = [max(3, *(len(row[column]) for row in cells)) for column in range(len(header))]

    def line(row: Sequence[str]) -> str:
        padded = (
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(cells[0]), line(rule), *map(line, cells[1:])]) + "\n"
