"""What the heads of the protocol scored, kept on disk one by one: a run that was stopped goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core_network.spec import FeatureSpec

__all__ = ["CACHE", "WANTED", "KeptScores", "Lengths", "kept_lengths"]

CACHE = Path("runs/generality")
WANTED = 0.8
"""Of the way from the floor to the ceiling, at rate `default`."""


@dataclass(frozen=True, order=True)
class Lengths:
    """Steps of each head's training, and further ones of the ceilings."""

    steps: int
    ceiling_steps: int


class KeptScores:
    """Scores by task, view and seed, of one core with its checkpoint and one length of training."""

    def __init__(self, cache: Path, spec: FeatureSpec, checkpoint: Path, lengths: Lengths) -> None:
        """Read what is there already."""
        name = f"{_core(spec, checkpoint)}-{lengths.steps}-{lengths.ceiling_steps}"
        self._path = cache / name / "scores.json"
        self._scores: dict[str, float] = {}
        if self._path.is_file():
            self._scores = json.loads(self._path.read_text())

    def get(self, task: str, view: str, seed: int) -> float | None:
        """Return a score, None where it is not known."""
        return self._scores.get(f"{task}/{view}/{seed}")

    def put(self, task: str, view: str, seed: int, score: float) -> None:
        """Keep a score."""
        self._scores[f"{task}/{view}/{seed}"] = score
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self._scores, indent=1))
        os.replace(unfinished, self._path)

    def tasks(self) -> list[str]:
        """Return the tasks with any score, in the order of their training."""
        return list(dict.fromkeys(key.partition("/")[0] for key in self._scores))

    def seeds(self, task: str, views: Sequence[str]) -> int:
        """Return how many seeds, from 0 on, have a score in every view."""
        seeds = 0
        while all(self.get(task, view, seeds) is not None for view in views):
            seeds += 1
        return seeds

    def of(self, task: str, views: Sequence[str], seeds: Sequence[int]) -> dict[str, list[float]]:
        """Return the scores of the seeds by view; raises KeyError when one is not known."""
        return {view: [self._scores[f"{task}/{view}/{seed}"] for seed in seeds] for view in views}


def kept_lengths(cache: Path, spec: FeatureSpec, checkpoint: Path) -> list[Lengths]:
    """Return the lengths for which a core has scores, longest first."""
    found = []
    for path in cache.glob(f"{_core(spec, checkpoint)}-*-*/scores.json"):
        steps, ceiling = path.parent.name.split("-")[2:]
        found.append(Lengths(int(steps), int(ceiling)))
    return sorted(found, reverse=True)


def _core(spec: FeatureSpec, checkpoint: Path) -> str:
    """Name a core: what is decoded depends on its spec, what is trained on and from on its float weights."""
    return f"{spec.fingerprint[:12]}-{hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:12]}"
