"""Heads in the browser's runtime under Node.js, on frames that Python ran before, and what differs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from task_heads.manifest import Manifest, Output

__all__ = ["TRIAL_LIMIT_S", "BrowserRuntime", "ended", "result_file", "table_difference", "tables_of"]

TRIAL_LIMIT_S = 600
"""A run that takes longer, start included, is ended, however busy the machine."""

_EXACT = ("id", "valid", "label", "team")
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class BrowserRuntime:
    """Where the browser's onnxruntime and the player's own runner of heads lie."""

    runtime: Path
    runner: Path

    def missing(self) -> str | None:
        """Return why nothing can be run in it, or None."""
        if shutil.which("node") is None:
            return "node is not installed"
        if not (self.runtime / "ort.wasm.min.mjs").is_file():
            return "onnxruntime-web is missing: python -m viewer.vendor_files"
        return None

    def run(self, scratch: Path, heads: Sequence[Path]) -> dict[str, float] | str:
        """Run heads, needed ones before those that need them, on the frames that lie in `scratch`.

        It holds features.f32 (float32 [frames, C, H, W]) and frames.json (view, pts and settings of each, the
        settings are the last head's; `fresh`: all begin anew). Leaves `result_file` of each head there and
        returns each head's median ms of processor time per frame, or in one line why there is none.
        """
        job = {
            "heads": [str(head.resolve()) for head in heads],
            "runtime": str(self.runtime.resolve()),
            "runner": str(self.runner.resolve()),
        }
        (scratch / "browser.json").write_text(json.dumps(job))
        said = ended(["node", str(Path(__file__).with_name("browser_trial.mjs")), str(scratch)])
        if isinstance(said, str):
            return said
        answer: dict[str, Any] = json.loads(said.stdout or '{"problem": "it broke off"}')
        return str(answer["problem"]) if "problem" in answer else dict(answer["median_ms"])


def result_file(scratch: Path, head: str) -> Path:
    """Return where `run` leaves the outputs of a head, frame by frame in its manifest's order."""
    return scratch / f"browser-{head}.f32"


def ended(command: list[str]) -> subprocess.CompletedProcess[str] | str:
    """Run a trial of foreign graphs; return what came of it, or why it was ended."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=TRIAL_LIMIT_S, cwd=Path(__file__).parents[1]
        )
    except subprocess.TimeoutExpired:
        return f"expected its trial to end, it was stopped after {TRIAL_LIMIT_S} s"


def tables_of(manifest: Manifest, values: NDArray[np.float32]) -> Iterator[dict[str, NDArray[np.float32]]]:
    """Yield output -> table of each frame; `values` is flat and holds whole frames, else ValueError."""
    size = sum(output.shape[0] * output.shape[1] for output in manifest.outputs)
    for frame in values.reshape(-1, size):
        tables, at = {}, 0
        for output in manifest.outputs:
            end = at + output.shape[0] * output.shape[1]
            tables[output.name] = frame[at:end].reshape(output.shape)
            at = end
        yield tables


def table_difference(
    output: Output,
    wanted: NDArray[np.float32],
    got: NDArray[np.float32],
    *,
    names: tuple[str, str] = ("Python", "onnxruntime-web"),
) -> str | None:
    """Say how two tables of one output differ, None if they do not: ids exactly, numbers by rounding alone.

    Of a table with a `valid` column the valid rows count, in any order: rows whose scores differ by rounding
    alone may change places. `names` are where `wanted` and `got` come from.
    """
    first, second = names
    if not np.isfinite(got).all():
        return f"{second} gives NaN or infinity"
    if "valid" in output.columns:
        column = output.columns.index("valid")
        wanted, got = wanted[wanted[:, column] >= 0.5], got[got[:, column] >= 0.5]
        if len(wanted) != len(got):
            return f"{first} gives {len(wanted)} valid rows, {second} {len(got)}"
    exact = np.array([column in _EXACT for column in output.columns])
    left = list(range(len(got)))
    for row in wanted:
        room = np.where(exact, 0, _TOLERANCE * np.maximum(1, np.abs(row)))
        same = next((other for other in left if (np.abs(got[other] - row) <= room).all()), None)
        if same is None:
            nearest = got[min(left, key=lambda other: float(np.abs(got[other] - row).sum()))]
            worst = int(np.argmax(np.abs(nearest - row) - room))
            return f"{output.columns[worst]}: {first} gives {row[worst]:g}, {second} {nearest[worst]:g}"
        left.remove(same)
    return None
