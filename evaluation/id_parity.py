"""Whether heads say the same in Python and in the browser's runtime, frame after frame of real footage."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.bench.pipeline import real_clip
from evaluation.decoded import DecodedFrame, decoded_frames
from stream.sync import CLOCK_RATE
from task_heads.browser_runtime import BrowserRuntime, result_file, table_difference, tables_of
from task_heads.manifest import Manifest
from task_heads.registry import Registry
from task_heads.runner import HeadRunner, HeadSet
from viewer.vendor_files import VENDOR_FOLDER

__all__ = ["FRAMES", "Parity", "compare_runtimes", "parity_figures"]

FRAMES = 500
_BROWSER_MS = 8.0

Tables = dict[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Parity:
    """One head in both runtimes: frames and ids compared, frames with other ids, frames with any difference
    beyond rounding, the first of them in words, and the median ms of processor time in the browser's."""

    head: str
    frames: int
    ids: int
    other_ids: int
    unequal: int
    first: str | None
    browser_ms: float


def parity_figures(root: Path, core: Core, report: Callable[[str], None]) -> list[Figure]:
    """Return how often each built-in head differs in the browser's runtime on the real clip, and how long it
    takes there.

    Raises NotMeasured without the clip or without Node.js.
    """
    frames = decoded_frames(str(real_clip(root)), core, last=FRAMES - 1)
    figures = []
    for found in compare_runtimes(frames, core, Registry(installed=False).names(), report):
        if found.first:
            report(f"{found.head}: {found.first}")
        where = f"`{found.head}` in the browser's runtime, {found.frames} frames"
        if found.ids:
            title = f"{where}: frames with other ids ({found.ids} ids)"
            figures.append(Figure(f"{found.head}_other_ids", title, found.other_ids, at_most=0))
        figures.append(Figure(f"{found.head}_unequal", f"{where}: frames with other numbers", found.unequal))
        # `featurecast bench` has the same in Chromium.
        title = f"`{found.head}` in WASM under Node.js, one thread, median"
        figures.append(Figure(f"{found.head}_node_ms", title, found.browser_ms, "ms", at_most=_BROWSER_MS))
    return figures


def compare_runtimes(
    frames: Iterator[DecodedFrame], core: Core, names: Sequence[str], report: Callable[[str], None]
) -> list[Parity]:
    """Run heads of the catalogue on the same decoded frames in Python and in onnxruntime-web.

    `names` are all heads that are needed among them. Raises NotMeasured without Node.js or when the browser's
    runtime gives up, HeadError for a head that is not there or is for another core.
    """
    browser = BrowserRuntime(VENDOR_FOLDER, VENDOR_FOLDER.parent / "head_runner.js")
    if reason := browser.missing():
        raise NotMeasured(reason)
    registry = Registry(installed=False)
    heads = HeadSet([HeadRunner(registry.get(name).folder, core.spec) for name in names])
    with tempfile.TemporaryDirectory(prefix="featurecast-parity-") as name:
        scratch = Path(name)
        report("parity: frames in Python")
        python = _in_python(frames, heads, scratch)
        report("parity: frames in onnxruntime-web")
        said = browser.run(scratch, [registry.get(head).folder for head in heads.order])
        if isinstance(said, str):
            raise NotMeasured(f"onnxruntime-web: {said}")
        return [
            _compared(
                heads.manifest(head),
                [tables[head] for tables in python],
                tables_of(heads.manifest(head), np.fromfile(result_file(scratch, head), "<f4")),
                said[head],
            )
            for head in heads.order
        ]


def _in_python(frames: Iterator[DecodedFrame], heads: HeadSet, scratch: Path) -> list[dict[str, Tables]]:
    """Return the outputs of every frame, and leave the frames for the browser's runtime."""
    outputs, listed, ticks = [], [], 0
    with (scratch / "features.f32").open("wb") as file:
        for frame in frames:
            if frame.fresh:
                heads.reset()
            ticks += round(frame.dt * CLOCK_RATE)
            outputs.append(heads.run(frame.features, frame.view, frame.dt))
            file.write(frame.features.astype("<f4").tobytes())
            view = [float(value) for value in frame.view]
            listed.append({"view": view, "pts": ticks, "settings": {}, "fresh": frame.fresh})
    (scratch / "frames.json").write_text(json.dumps(listed))
    return outputs


def _compared(
    manifest: Manifest, python: Sequence[Tables], browser: Iterator[Tables], browser_ms: float
) -> Parity:
    ids = other_ids = unequal = 0
    first = None
    for number, (a, b) in enumerate(zip(python, browser, strict=True)):
        own, other = _ids(manifest, a), _ids(manifest, b)
        ids += len(own)
        other_ids += own != other
        found = None
        for output in manifest.outputs:
            found = found or table_difference(output, a[output.name], b[output.name])
        unequal += found is not None
        if found and first is None:
            first = f"frame {number}: {found}"
    return Parity(manifest.name, len(python), ids, other_ids, unequal, first, browser_ms)


def _ids(manifest: Manifest, tables: Tables) -> list[tuple[str, int, int]]:
    """Return output, row and id of every valid row that has one."""
    return [
        (output.name, row, int(cells[output.columns.index("id")]))
        for output in manifest.outputs
        if {"id", "valid"} <= set(output.columns)
        for row, cells in enumerate(tables[output.name].tolist())
        if cells[output.columns.index("valid")] >= 0.5
    ]
