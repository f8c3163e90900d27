"""One short run of the core's trainer, and what its network costs once it is exported."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from core_network.training.export import export_core, load_trained_core
from core_network.training.stills import Still, load_badminton, load_football
from core_network.training.train import SMOOTHING, load_pools, load_teacher, train_core
from evaluation.design_search.plan import TrainingPoint
from evaluation.models.counting import count
from evaluation.models.running import measure_running

__all__ = ["Pictures", "train_point"]

_CALIBRATION = 8
_TIMED_RUNS = 30


class Pictures:
    """What all points learn from and are validated on, loaded once."""

    def __init__(self, points: Sequence[TrainingPoint], root: Path) -> None:
        """Load the pools of the points' mixes, and every second validation picture of the trainer."""
        self.pools: dict[str, Sequence[Still]] = {}
        for point in points:
            if not {source for stage in point.config.stages for source in stage.mix} <= self.pools.keys():
                self.pools |= load_pools(point.config, root)
        self.teacher = load_teacher(points[0].config, root)
        self.holdout = {
            "football": load_football(root, ("validation",)),
            "badminton": load_badminton(root, ("validation",), every=24),
        }


def train_point(point: TrainingPoint, pictures: Pictures) -> dict[str, Any]:
    """Train (going on where a stopped run was) and return its figures.

    `ms` is the median of the int8 graph on one thread, by CPU time. `kB` is the factorised estimate of the
    training; real coding takes less. Raises ValueError when the training went astray.
    """
    checkpoint = train_core(point.config, pictures.pools, pictures.holdout, pictures.teacher, resume=True)
    core, record = load_trained_core(checkpoint)
    if not all(map(math.isfinite, record["curve"][-1].values())):
        raise ValueError(f"its loss is no number at step {record['curve'][-1]['step']}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        stills = pictures.pools["football"][:: max(1, len(pictures.pools["football"]) // _CALIBRATION)]
        export_core(core, point.name, folder, stills, shape=point.config.input)
        counted = count(onnx.load(folder / "core.onnx"))
        running = measure_running(folder / "core.onnx", _TIMED_RUNS)
    football, badminton = (record["validation"][-1][source] for source in ("football", "badminton"))
    return {
        "ap50": football["ap50"],
        "ap75": football["ap75"],
        "ball_f1": football["ball_f1"],
        "shuttle_f1": badminton["ball_f1"],
        "kB": round(_last_rate(record["curve"]), 3),
        "parameters": counted.parameters,
        "macs": counted.macs,
        "ms": round(running.cpu_ms, 2),
        "steps": sum(stage.steps for stage in point.config.stages),
        "minutes": sum(stage["minutes"] for stage in record["stages"]),
    }


def _last_rate(curve: Sequence[Mapping[str, float]]) -> float:
    """Return the mean kB between the last two rows of a curve, whose values are smoothed over the stage."""
    before, last = (row["kB"] for row in curve[-2:])
    kept = float(SMOOTHING ** (curve[-1]["step"] - curve[-2]["step"]))
    return (last - kept * before) / (1 - kept)
