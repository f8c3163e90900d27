"""The figures that the project promises, measured one after the other and kept in docs/results.md."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from evaluation.bench import accuracy, browser, fanout, heads, pipeline
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.bench.provenance import Provenance

__all__ = ["BENCHES", "BenchRun", "markdown", "run_benches", "update_results"]

BENCHES: dict[str, Callable[[Path | None], list[Figure]]] = {
    "pipeline": pipeline.measure,
    "heads": heads.measure,
    "browser": browser.measure,
    "fanout": fanout.measure,
    "accuracy": accuracy.measure,
}
"""Name -> measurement; each takes the folder of real clips, or None where there is none."""


@dataclass(frozen=True)
class BenchRun:
    """One measurement: its figures, or why there are none."""

    name: str
    figures: Sequence[Figure]
    reason: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "reason": self.reason,
            "figures": [asdict(figure) for figure in self.figures],
        }


def run_benches(names: Sequence[str], root: Path | None) -> Iterator[BenchRun]:
    """Measure one after the other (never side by side: they would measure each other)."""
    for name in names:
        try:
            yield BenchRun(name, BENCHES[name](root))
        except NotMeasured as reason:
            yield BenchRun(name, (), str(reason))


def markdown(run: BenchRun) -> str:
    """Return the table of one measurement."""
    if run.reason:
        return f"Skipped: {run.reason}\n"
    rows = [("figure", "measured", "wanted", ""), ("---", "---:", "---", "---")]
    rows += [(figure.title, figure.shown(), figure.wanted, figure.verdict()) for figure in run.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |\n"
        for row in rows
    )


def update_results(path: Path, run: BenchRun, provenance: Provenance) -> None:
    """Replace the section of one measurement in a results page; raises ValueError when the page lacks it."""
    start, end = f"<!-- bench:{run.name} -->\n", f"<!-- /bench:{run.name} -->"
    page = path.read_text()
    if start not in page or end not in page:
        raise ValueError(f"{path}: expected the markers {start.strip()} and {end}")
    before, _, rest = page.partition(start)
    _, _, after = rest.partition(end)
    path.write_text(f"{before}{start}{markdown(run)}\n{provenance.line()}\n{end}{after}")
