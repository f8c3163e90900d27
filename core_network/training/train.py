"""Training of the core network: free first, then with quantisation, rate, imitation and reconstruction.

    python -m featurecast train core configs/core.yaml --resume

Stage "free" trains the tasks alone. Stages with `rate_weight` quantise in the task path and add noise in the
rate path (mixed quantisation), pay for bits, and keep what the tasks do not need through two more losses:
imitation of the free network's wide features, and reconstruction of the picture at 1/8 size.
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn

from core_network.training.batches import batches
from core_network.training.losses import RateModel, task_loss
from core_network.training.network import Architecture, CoreNetwork, ProbeHeads
from core_network.training.stills import (
    Still,
    load_badminton,
    load_football,
    load_point_stills,
    load_procedural,
)
from core_network.training.validation import validate

__all__ = ["Stage", "TrainingConfig", "load_holdout", "load_pools", "train_core"]

CHECKPOINT_EVERY = 250
VALIDATE_EVERY = 1000
STEP_SHARES = {0.5: 0.15, 0.75: 0.15, 1.0: 0.5, 1.6: 0.2}
"""Quantiser steps that the task path sees in a rate stage: one network serves every rate."""


@dataclass(frozen=True)
class Stage:
    """One part of the schedule; the learning rate falls as a cosine from `learning_rate` to 2 % of it."""

    name: str
    steps: int
    learning_rate: float
    mix: dict[str, float]
    rate_weight: float = 0.0
    imitation: float = 0.0
    reconstruction: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is; read from YAML, unknown keys are errors."""

    name: str
    seed: int
    output: Path
    procedural: Path
    batch: int
    input: tuple[int, int]
    architecture: Architecture
    stages: tuple[Stage, ...] = field(default=())

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a YAML file; raises ValueError naming what is unknown or missing."""
        document: dict[str, Any] = yaml.safe_load(path.read_text())
        try:
            return cls(
                name=document.pop("name"),
                seed=int(document.pop("seed")),
                output=Path(document.pop("output")),
                procedural=Path(document.pop("procedural")),
                batch=int(document.pop("batch")),
                input=tuple(document.pop("input")),
                architecture=Architecture(**{k: tuple(v) if isinstance(v, list) else v for k, v in document.pop("architecture").items()}),
                stages=tuple(Stage(**stage) for stage in document.pop("stages")),
                **document,
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected the keys of docs/training.md, {error}") from error


class Trainee(nn.Module):
    """Everything that learns: the core, its probe heads, the rate model and the decoder of the two keeping losses."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        wide = architecture.pyramid + 4 * architecture.fine
        self.core = CoreNetwork(architecture)
        self.probes = ProbeHeads(architecture.channels)
        self.rate = RateModel(architecture.channels)
        self.keeper = nn.Sequential(
            nn.Conv2d(architecture.channels, 128, 3, 1, 1), nn.ReLU(inplace=True), nn.Conv2d(128, wide + 3, 1)
        )


def quantised(latent: Tensor, step: float) -> Tensor:
    """Return the latent rounded to the step; the gradient passes straight through."""
    return latent + ((latent / step).round().clamp(-15, 15) * step - latent).detach()


def load_pools(config: TrainingConfig, root: Path) -> dict[str, Sequence[Still]]:
    """Return the training pictures of each source in the mixes."""
    wanted = {name for stage in config.stages for name, share in stage.mix.items() if share > 0}
    loaders = {
        "football": lambda: load_football(root),
        "tennis": lambda: load_point_stills(root, "tennis_ball_yolo"),
        "volleyball": lambda: load_point_stills(root, "volleyball_ball_yolo", aspect=16 / 9),
        "badminton": lambda: load_badminton(root),
        "procedural": lambda: load_procedural(config.procedural),
    }
    unknown = wanted - loaders.keys()
    if unknown:
        raise ValueError(f"unknown source in a mix: {', '.join(sorted(unknown))}; expected {', '.join(loaders)}")
    pools: dict[str, Sequence[Still]] = {}
    for name in sorted(wanted):
        pools[name] = loaders[name]()
        print(f"{name}: {len(pools[name])} pictures", file=sys.stderr, flush=True)
    return pools


def load_holdout(root: Path) -> Sequence[Still]:
    """Return the football stills of the validation split: they choose, they never train."""
    return load_football(root, ("validation",))


def _parameter_groups(model: Trainee) -> list[dict[str, Any]]:
    rate = list(model.rate.parameters())
    known = {id(p) for p in rate}
    rest = [p for p in model.parameters() if id(p) not in known]
    # The density has few parameters and must follow the latent quickly.
    return [{"params": rest, "factor": 1.0}, {"params": rate, "factor": 20.0, "weight_decay": 0.0}]


def _save(path: Path, state: Mapping[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(dict(state), temporary)
    os.replace(temporary, path)


def train_core(
    config: TrainingConfig, pools: Mapping[str, Sequence[Still]], holdout: Sequence[Still], *, resume: bool = False
) -> Path:
    """Run the schedule on `pools`, validate on `holdout` and return the checkpoint.

    Progress goes to stderr, the record of the run to `<output>/record.json`.
    """
    torch.manual_seed(config.seed)
    config.output.mkdir(parents=True, exist_ok=True)
    checkpoint = config.output / "checkpoint.pt"
    model = Trainee(config.architecture).to(memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    optimiser = torch.optim.AdamW(_parameter_groups(model), config.stages[0].learning_rate, weight_decay=1e-3)
    first, record, free = 0, {"stages": [], "curve": [], "validation": []}, None
    if resume and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=False)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first, record, free = state["step"], state["record"], state["free"]
        print(f"resuming {checkpoint} at step {first}", file=sys.stderr)
    begin = 0
    for index, stage in enumerate(config.stages):
        end = begin + stage.steps
        if first < end:
            if stage.rate_weight and free is None:
                free = copy.deepcopy(average.core.state_dict())
            if index and first <= begin:
                optimiser = torch.optim.AdamW(_parameter_groups(model), stage.learning_rate, weight_decay=1e-3)
            _run_stage(config, stage, model, average, optimiser, free, pools, holdout, (begin, max(first, begin), end), record, checkpoint)
        begin = end
    return checkpoint


def _run_stage(
    config: TrainingConfig, stage: Stage, model: Trainee, average: Trainee, optimiser: torch.optim.Optimizer, free: dict[str, Tensor] | None,
    pools: Mapping[str, Sequence[Still]], holdout: Sequence[Still], span: tuple[int, int, int], record: dict[str, Any], checkpoint: Path,
) -> None:
    begin, first, end = span
    teacher = _teacher(config, free) if stage.rate_weight else None
    model.train()
    started, smooth = time.monotonic(), {}
    for step, (x, target) in batches(pools, stage.mix, config.batch, config.input, config.seed, first, end):
        done = (step - begin) / stage.steps
        rate = stage.learning_rate * min(1.0, (step - begin + 1) / 100) * (0.51 + 0.49 * math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        loss, parts = _loss(config, stage, model, teacher, x, target, step)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimiser.step()
        _follow(average, model, min(0.998, (step + 1) / (step + 20)))
        smooth = {k: 0.97 * smooth.get(k, v) + 0.03 * v for k, v in parts.items()}
        if (step + 1) % 20 == 0 or step + 1 == end:
            speed = (step + 1 - first) * config.batch / (time.monotonic() - started)
            left = (end - step - 1) * config.batch / max(speed, 1e-6) / 60
            text = " ".join(f"{k} {v:.3f}" for k, v in smooth.items())
            print(f"{stage.name} {step + 1 - begin}/{stage.steps} {speed:.1f} img/s, {left:.0f} min left: {text}", file=sys.stderr, flush=True)
            record["curve"].append({"step": step + 1, **{k: round(v, 4) for k, v in smooth.items()}})
        if (step + 1) % VALIDATE_EVERY == 0 or step + 1 == end:
            result = _validate(average, holdout, config.input, stage.rate_weight > 0)
            record["validation"].append({"step": step + 1, "stage": stage.name, **{k: round(v, 4) for k, v in result.items()}})
            print(f"validation at {step + 1}: {json.dumps(record['validation'][-1])}", file=sys.stderr, flush=True)
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == end:
            if step + 1 == end:
                record["stages"].append({"name": stage.name, "steps": stage.steps, "minutes": round((time.monotonic() - started) / 60, 1)})
            _save(checkpoint, {
                "model": model.state_dict(), "average": average.state_dict(), "optimiser": optimiser.state_dict(),
                "step": step + 1, "record": record, "free": free, "architecture": config.architecture,
            })
            (config.output / "record.json").write_text(json.dumps(record, indent=1))


def _teacher(config: TrainingConfig, free: dict[str, Tensor] | None) -> CoreNetwork:
    if free is None:
        raise ValueError("a stage with rate_weight needs a free stage before it")
    teacher = CoreNetwork(config.architecture)
    teacher.load_state_dict(free)
    return teacher.eval().to(memory_format=torch.channels_last)


def _loss(
    config: TrainingConfig, stage: Stage, model: Trainee, teacher: CoreNetwork | None, x: Tensor, target: Mapping[str, Tensor], step: int
) -> tuple[Tensor, dict[str, float]]:
    latent = model.core(x)
    if teacher is None:
        return task_loss(*model.probes(latent), target)
    rng = np.random.default_rng([config.seed, step, 1])
    quantiser_step = float(rng.choice(list(STEP_SHARES), p=list(STEP_SHARES.values())))
    received = quantised(latent, quantiser_step)
    loss, parts = task_loss(*model.probes(received), target)
    noise = torch.rand(latent.shape, generator=torch.Generator().manual_seed(step)) - 0.5
    kilobytes = model.rate.bits(latent + noise).sum() / (8 * 1000 * len(x))
    with torch.no_grad():
        wide = F.layer_norm(teacher.shared(x).permute(0, 2, 3, 1), (teacher.bottleneck.in_channels,)).permute(0, 3, 1, 2)
    kept = model.keeper(received)
    imitation = F.mse_loss(kept[:, :-3], wide)
    reconstruction = F.mse_loss(kept[:, -3:], F.avg_pool2d(x, 8))
    loss = loss + stage.rate_weight * kilobytes + stage.imitation * imitation + stage.reconstruction * reconstruction
    return loss, {**parts, "kB": kilobytes.item(), "imitation": imitation.item(), "rgb": reconstruction.item()}


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the exponential moving average of the weights, which is what ships."""
    for a, b in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b, 1 - keep)
        else:
            a.copy_(b)


def _validate(average: Trainee, holdout: Sequence[Still], shape: tuple[int, int], rounded: bool) -> dict[str, float]:
    average.eval()

    def run(x: Tensor) -> tuple[Tensor, Tensor]:
        latent = average.core(x)
        maps: tuple[Tensor, Tensor] = average.probes(latent.round() if rounded else latent)
        return maps

    return validate(run, holdout, shape)
