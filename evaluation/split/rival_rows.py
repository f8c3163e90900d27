"""Rows of other networks in the table: whole on every dataset, and stills split at their narrowest map."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from evaluation.datasets.types import Clip, Dataset
from evaluation.metrics.coco import Averages, average_precision
from evaluation.models.running import Running, measure_running
from evaluation.split.convert import write_parts
from evaluation.split.cutting import CutError, narrowest_map
from evaluation.split.detector import Detector, read_detector
from evaluation.split.inference import Outcome, Seen, infer, run_split
from evaluation.split.seed_table import Row, Variant, stored_predictions
from evaluation.split.session import Session
from evaluation.split.storage import Npz, Npz8, Store

__all__ = ["Entrant", "RivalRows", "rival_rows"]

_STORES: dict[str, Callable[[], Store]] = {"npz": Npz, "npz8": Npz8}


@dataclass(frozen=True)
class Entrant:
    """A whole network; `video` runs a clip with a memory that its graph, which sees one picture, lacks.

    `remark`: what its row rests on; `trained`: how long and on how much, where that is known.
    """

    name: str
    graph: Path
    video: Callable[[Clip, Path, Seen], Outcome] | None = None
    remark: str = ""
    trained: str = ""


@dataclass(frozen=True)
class RivalRows:
    """`cut`: the map at which it was split, empty where none separates it; `running`: whole and parts.

    `ball`: the score of its balls on a dataset of balls, None where it knows none.
    """

    name: str
    remark: str
    trained: str
    variants: tuple[Variant, ...]
    running: dict[str, Running]
    cut: str
    ball: Averages | None


def rival_rows(
    entrant: Entrant,
    datasets: Sequence[Dataset],
    balls: Dataset | None,
    stores: Sequence[str],
    *,
    tick: Callable[[], None] = lambda: None,
    runs: int = 5,
) -> RivalRows:
    """Run an entrant over every dataset; `tick` is called for each picture and each way it is seen.

    Predictions are made on every core; `running` holds times of one thread. Raises DetectorError.
    """
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    whole = Session(entrant.graph, threads)
    detector = read_detector(whole.metadata, entrant.name)
    plain = [name for name in stores if name in _STORES]
    variants: list[Variant] = []
    ball: Averages | None = None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        cut, paths = _parts(entrant.graph, folder) if plain else ("", [entrant.graph])
        for dataset in datasets:
            output = folder / "whole" / dataset.name
            times: list[float | None] = []
            for clip in dataset.clips:
                if entrant.video is not None and clip.continuous:
                    times.append(entrant.video(clip, output, tick).ms)
                else:
                    infer(whole, detector, clip, output, seen=tick)
                    times.append(None)
            variants.append(_variant(entrant.name, dataset, output, detector, times))
            if balls is not None and dataset.name == balls.name and set(balls.labels) <= set(detector.labels):
                ball = average_precision(balls, stored_predictions(output, balls, detector), rounds=0).overall
            if cut and not dataset.clips[0].continuous:
                split = [Session(path, threads) for path in paths[1:]]
                expected = stored_predictions(output, dataset, detector)
                for row in _split(split, cut, plain, dataset, folder, detector, tick):
                    found = stored_predictions(folder / row.name / dataset.name, dataset, detector)
                    named = replace(row, name=f"{entrant.name} {row.name}", equals_whole=found == expected)
                    variants.append(named)
        names = ("whole", "part 1", "part 2")
        running = {name: measure_running(path, runs) for name, path in zip(names, paths, strict=False)}
    return RivalRows(entrant.name, entrant.remark, entrant.trained, tuple(variants), running, cut, ball)


def _parts(graph: Path, folder: Path) -> tuple[str, list[Path]]:
    """Return where a graph is cut, and its files: whole and parts, or the whole where nothing cuts it."""
    model = onnx.load(graph)
    try:
        tensor = narrowest_map(model)
        _, paths = write_parts(model, [tensor.name], folder)
    except CutError:
        return "", [graph]
    return tensor.name, paths


def _split(
    parts: Sequence[Session],
    tensor: str,
    stores: Sequence[str],
    dataset: Dataset,
    folder: Path,
    detector: Detector,
    tick: Callable[[], None],
) -> list[Variant]:
    first, second = parts
    sizes: dict[str, list[float]] = {name: [] for name in stores}
    outputs = {name: folder / name / dataset.name for name in stores}
    for clip in dataset.clips:
        made = {name: (_STORES[name](), outputs[name]) for name in stores}
        outcomes = run_split(first, second, detector, (tensor,), made, clip, seen=tick)
        for name, outcome in outcomes.items():
            sizes[name].append(outcome.mean_bytes)
    return [
        _variant(name, dataset, outputs[name], detector, [None] * len(dataset.clips), sizes[name])
        for name in stores
    ]


def _variant(
    name: str,
    dataset: Dataset,
    output: Path,
    detector: Detector,
    times: Sequence[float | None],
    sizes: Sequence[float] | None = None,
) -> Variant:
    score = average_precision(dataset, stored_predictions(output, dataset, detector))
    rows = []
    for number, (clip, ms) in enumerate(zip(dataset.clips, times, strict=True)):
        part = score.per_clip[clip.name]
        size = None if sizes is None else sizes[number]
        rows.append(Row(clip.name, len(clip.frames), part.ap50, part.ap, size, ms, None))
    return Variant(dataset.name, name, tuple(rows), score, None)
