"""Pages of docs/results/ whose generated part lies between markers; what people wrote around it stays."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

__all__ = ["RESULTS", "add_page", "write_page"]

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results"
"""Part of a checkout, not of an installed package."""


def add_page(parser: argparse.ArgumentParser, name: str) -> None:
    """Declare --output for the page `name` of docs/results/."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=Path,
        default=RESULTS / name,
        help=f"the page whose generated part is replaced (docs/results/{name})",
    )


def write_page(path: Path, title: str, text: str) -> None:
    """Replace the generated part of a page; a page without markers, or none, begins with the title."""
    name = path.stem
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->\n"
    page = path.read_text(encoding="utf-8") if path.is_file() else ""
    if start not in page or end not in page:
        page = f"# {title}\n\n{start}{end}"
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_text(f"{before}{start}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")
    os.replace(unfinished, path)
