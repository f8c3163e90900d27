"""Writes a network as ONNX, whole or in two parts, and proves that the parts are the whole."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from evaluation.split.cutting import Parts, cut
from evaluation.split.session import Session, example_feeds

__all__ = ["FILES", "Difference", "compare", "write_parts", "write_whole"]

FILES = {"whole": "whole.onnx", "first": "part1.onnx", "second": "part2.onnx"}


@dataclass(frozen=True)
class Difference:
    """The largest absolute difference of one output between the whole and part 2 after part 1."""

    output: str
    value: float
    bit_exact: bool


def write_whole(model: ModelProto, folder: Path) -> Path:
    """Write the whole graph and return its path; raises DetectorError when onnxruntime cannot load it."""
    Session(model.SerializeToString())
    return _write(model, folder / FILES["whole"])


def write_parts(model: ModelProto, tensors: Sequence[str], folder: Path) -> tuple[Parts, list[Path]]:
    """Cut a graph, write the whole (with the cut exposed) and both parts, and return them with their paths.

    Raises CutError for tensors that cannot be cut at.
    """
    parts = cut(model, tensors)
    graphs = {"whole": parts.whole, "first": parts.first, "second": parts.second}
    return parts, [_write(graph, folder / FILES[name]) for name, graph in graphs.items()]


def compare(
    whole: Session, first: Session, second: Session, pictures: Sequence[Mapping[str, NDArray[Any]]] = ()
) -> list[Difference]:
    """Run both ways on some inputs (noise when none are given) and return the worst of each output.

    Outputs that are NaN in one way and not in the other differ by infinity.
    """
    worst: dict[str, float] = {}
    exact: dict[str, bool] = {}
    for feeds in pictures or [example_feeds(whole, seed) for seed in range(3)]:
        expected = whole.run(feeds)
        middle = first.run(feeds)
        got = {**middle, **second.run({**feeds, **middle})}
        for name, value in expected.items():
            worst[name] = max(worst.get(name, 0.0), _distance(value, got[name]))
            exact[name] = exact.get(name, True) and np.array_equal(value, got[name])
    return [Difference(name, worst[name], exact[name]) for name in worst]


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    if a.shape != b.shape:
        return float("inf")
    if not a.size:
        return 0.0
    wide = np.float64
    gap = np.abs(a.astype(wide) - b.astype(wide))
    same = (a == b) | (np.isnan(a.astype(wide)) & np.isnan(b.astype(wide)))
    return float(np.where(same, 0.0, np.where(np.isnan(gap), np.inf, gap)).max())


def _write(model: ModelProto, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    partly = path.with_name(f"{path.name}.part")
    partly.write_bytes(model.SerializeToString())
    os.replace(partly, path)
    return path
