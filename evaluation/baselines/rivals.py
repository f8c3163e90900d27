"""The rivals of a table: each configuration of a folder, its graph where it was trained, cited figures."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import onnx

from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.export import from_checkpoint
from evaluation.baselines.published import PUBLISHED, Counted, Published, counted
from evaluation.baselines.systems import SYSTEMS

__all__ = ["Rival", "rivals"]

GRAPH = "detector.onnx"


@dataclass(frozen=True)
class Rival:
    """A baseline system; `model` is None where it was not trained, `minutes` how long it was.

    `counted` is of the configuration, `published` of the original (None: nothing was cited). `video`: the
    graph is its first key frame alone; `evaluation.baselines.running.infer_video` runs all of it.
    """

    name: str
    summary: str
    counted: Counted
    published: Published | None
    model: Path | None
    minutes: float
    video: bool

    @property
    def remark(self) -> str:
        """Say in a table's cell what the row rests on."""
        cited = (
            "" if self.published is None else f"cited: {self.published.accuracy} [{self.published.source}]"
        )
        trained = f"trained for {self.minutes:.0f} min" if self.model is not None else "not trained here"
        return f"{trained}; {cited}" if cited else trained


def rivals(configs: Path) -> list[Rival]:
    """Return a rival for each YAML file of a folder; graphs of newer checkpoints are made on the way.

    Raises ValueError for a file that is no configuration, DetectorError for a checkpoint that cannot be read.
    """
    return [_rival(BaselineConfig.load(path)) for path in sorted(configs.glob("*.yaml"))]


def _rival(config: BaselineConfig) -> Rival:
    system = SYSTEMS[config.system]
    checkpoint, graph = config.output / "checkpoint.pt", config.output / GRAPH
    minutes = 0.0
    if checkpoint.is_file():
        if not graph.is_file() or graph.stat().st_mtime < checkpoint.stat().st_mtime:
            partly = graph.with_suffix(".tmp")
            onnx.save(from_checkpoint(checkpoint), partly)
            os.replace(partly, graph)
        record = config.output / "record.json"
        minutes = float(json.loads(record.read_text()).get("minutes", 0.0)) if record.is_file() else 0.0
    return Rival(
        config.name,
        system.summary,
        counted(config.system, len(config.labels), config.settings),
        PUBLISHED.get(config.system),
        graph if checkpoint.is_file() else None,
        minutes,
        system.frames > 1,
    )
