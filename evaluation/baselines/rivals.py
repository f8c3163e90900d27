"""The rivals of a table: each configuration of a folder, its graph where it was trained, cited figures."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx
import torch

from evaluation.baselines.checkpoints import load_trained
from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.export import export_detector, from_checkpoint
from evaluation.baselines.published import PUBLISHED, Counted, Published, counted
from evaluation.baselines.running import VideoRunner, infer_video
from evaluation.baselines.systems import SYSTEMS, Settings, build
from evaluation.datasets.types import Clip
from evaluation.split.inference import Outcome, Seen
from evaluation.split.rival_rows import Entrant

__all__ = ["Rival", "rivals"]

_GRAPH, _RECORD, _CHECKPOINT = "detector.onnx", "record.json", "checkpoint.pt"


@dataclass(frozen=True)
class Rival:
    """A baseline system; `model` and `checkpoint` are None where it was not trained.

    `counted` is of the configuration, `published` of the original (None: nothing was cited). `minutes`: how
    long it was trained, of `allowed`, on `pictures` of which it saw so many `views`. `command` trains it.
    `video`: the graph is its first key frame alone.
    """

    name: str
    config: BaselineConfig
    summary: str
    counted: Counted
    published: Published | None
    model: Path | None
    checkpoint: Path | None
    minutes: float
    allowed: float
    pictures: int
    views: int
    command: str
    video: bool

    @property
    def trained(self) -> str:
        """Say how much it has learned from; empty where nothing."""
        if self.model is None:
            return ""
        short = "" if self.minutes >= 0.99 * self.allowed else f" of {self.allowed:g}"
        return f"{self.minutes:.0f}{short} min of one core, {self.views} views of {self.pictures} pictures"

    @property
    def remark(self) -> str:
        """Say in a table's cell what the row rests on."""
        published = self.published
        cited = "" if published is None else f"cited: {published.accuracy} [{published.source}]"
        if self.model is None:
            return "; ".join(filter(None, ("not trained here", cited, f"`{self.command}`")))
        return "; ".join(filter(None, (f"trained: {self.trained}", cited)))

    @property
    def as_published(self) -> Counted | None:
        """Return the count of the original's structure at its own input and labels."""
        if self.published is None:
            return None
        return counted(self.config.system, self.published.labels, Settings(input=self.published.input))

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "parameters": self.counted.parameters,
            "macs": self.counted.macs,
            "trained_minutes": self.minutes if self.model is not None else None,
            "trained_pictures": self.pictures if self.model is not None else None,
            "trained_views": self.views if self.model is not None else None,
            "published": None if self.published is None else asdict(self.published),
            "remark": self.remark,
        }

    def entrant(self) -> Entrant:
        """Return it for the table; raises ValueError where it was not trained."""
        if self.model is None or self.checkpoint is None:
            raise ValueError(f"{self.name}: expected a trained rival, train it with {self.command}")
        in_video = _in_video(self.checkpoint) if self.video else None
        return Entrant(self.name, self.model, in_video, self.remark, self.trained)

    def fresh_graph(self, folder: Path) -> Path:
        """Write its graph with fresh weights: what it takes to run does not depend on them."""
        path = folder / f"{self.name}.onnx"
        onnx.save(export_detector(build(self.config.system, self.config.labels, self.config.settings)), path)
        return path


def rivals(configs: Path) -> list[Rival]:
    """Return a rival for each YAML file of a folder; graphs of newer checkpoints are made on the way.

    Raises ValueError for a file that is no configuration, DetectorError for a checkpoint that cannot be read.
    """
    return [_rival(path) for path in sorted(configs.glob("*.yaml"))]


def _rival(path: Path) -> Rival:
    config = BaselineConfig.load(path)
    system = SYSTEMS[config.system]
    checkpoint, graph = config.output / _CHECKPOINT, config.output / _GRAPH
    trained, record = checkpoint.is_file(), dict[str, Any]()
    if trained:
        if not graph.is_file() or graph.stat().st_mtime < checkpoint.stat().st_mtime:
            partly = graph.with_suffix(".tmp")
            onnx.save(from_checkpoint(checkpoint), partly)
            os.replace(partly, graph)
        written = config.output / _RECORD
        record = json.loads(written.read_text()) if written.is_file() else {}
    return Rival(
        config.name,
        config,
        system.summary,
        counted(config.system, len(config.labels), config.settings),
        PUBLISHED.get(config.system),
        graph if trained else None,
        checkpoint if trained else None,
        float(record.get("minutes", 0.0)),
        config.minutes * config.threads,
        int(record.get("pictures", 0)),
        config.batch * max((row["step"] for row in record.get("curve", [])), default=0),
        f"featurecast train baseline {'/'.join(path.parts[-3:])} --resume",
        system.frames > 1,
    )


def _in_video(checkpoint: Path) -> Callable[[Clip, Path, Seen], Outcome]:
    """Return what runs a clip frame by frame, on one thread as every time here is measured."""

    def run(clip: Clip, output: Path, seen: Seen) -> Outcome:
        before = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return infer_video(VideoRunner(load_trained(checkpoint)), clip, output, seen)
        finally:
            torch.set_num_threads(before)

    return run
