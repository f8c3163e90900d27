"""Training of the core network: free first, then with quantisation, rate, imitation and reconstruction.

    featurecast train core configs/core.yaml --resume

A stage without `rate_weight` trains the tasks alone. One with it quantises in the task path and adds noise in
the rate path (mixed quantisation), pays for bits, and keeps what the tasks do not need by two more losses:
imitation of a network that ImageNet has taught, and reconstruction of the picture at 1/4 size.
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from core_network.training.batches import Feed, batches
from core_network.training.config import Stage, TrainingConfig
from core_network.training.curves import draw_core_curves
from core_network.training.hard_places import HardPlaces, hard_places, with_hard_places
from core_network.training.imagenet import WEIGHTS, ImageNetFeatures
from core_network.training.memory import keep_freed_memory
from core_network.training.stills import (
    Still,
    load_badminton,
    load_football,
    load_point_stills,
    load_procedural,
    load_pseudo_labelled,
)
from core_network.training.trainee import USUAL_STEP, Trainee, quantised
from core_network.training.validation import Maps, validate

__all__ = ["SMOOTHING", "load_holdout", "load_pools", "load_teacher", "train_core"]

M = TypeVar("M", bound=nn.Module)

SHOW_EVERY, CHECKPOINT_EVERY, VALIDATE_EVERY = 20, 250, 1000
HARD_SOURCES = ("football", "tennis")
_BADMINTON_EVERY, _HOLDOUT_EVERY = 2, 12
SMOOTHING = 0.97
"""How much of a shown loss is that of the step before."""


def load_pools(config: TrainingConfig, root: Path) -> dict[str, Sequence[Still]]:
    """Return the training pictures of each source in the mixes; raises ValueError for an unknown source."""
    loaders: dict[str, Callable[[], list[Still]]] = {
        "football": lambda: load_football(root),
        "tennis": lambda: load_point_stills(root, "tennis_ball_yolo"),
        "volleyball": lambda: load_point_stills(root, "volleyball_ball_yolo", aspect=16 / 9),
        "badminton": lambda: load_badminton(root, every=_BADMINTON_EVERY),
        "procedural": lambda: [s for s in load_procedural(config.procedural) if not s.earlier],
        "pseudo": lambda: load_pseudo_labelled(config.pseudo_labelled),
        "matches": lambda: [s for s in load_procedural(config.procedural) if s.earlier],
    }
    wanted = {name for stage in config.stages for name, share in stage.mix.items() if share > 0}
    if wanted - loaders.keys():
        unknown = ", ".join(sorted(wanted - loaders.keys()))
        raise ValueError(f"unknown source in a mix: {unknown}; expected some of {', '.join(loaders)}")
    pools: dict[str, Sequence[Still]] = {}
    for name in sorted(wanted):
        pools[name] = loaders[name]()
        print(f"{name}: {len(pools[name])} pictures", file=sys.stderr, flush=True)
    return pools


def load_holdout(root: Path) -> Mapping[str, Sequence[Still]]:
    """Return football stills and badminton frames of the validation split: they choose, they never train."""
    return {
        "football": load_football(root, ("validation",)),
        "badminton": load_badminton(root, ("validation",), every=_HOLDOUT_EVERY),
    }


def load_teacher(config: TrainingConfig, root: Path) -> nn.Module | None:
    """Return what the stages imitate, None when none does; raises ValueError without its weights."""
    if any(stage.imitation for stage in config.stages):
        return _channels_last(ImageNetFeatures(root / WEIGHTS))
    return None


def train_core(
    config: TrainingConfig,
    pools: Mapping[str, Sequence[Still]],
    holdout: Mapping[str, Sequence[Still]],
    teacher: nn.Module | None = None,
    *,
    resume: bool = False,
) -> Path:
    """Run the schedule on `pools`, validate on `holdout` and return the checkpoint.

    `teacher` gives the features to imitate (see `imagenet`); raises ValueError when a stage needs it and it
    is not there. Progress goes to stderr, the record of the run to `<output>/record.json`.
    """
    if teacher is None and any(stage.imitation for stage in config.stages):
        raise ValueError(f"{config.name}: a stage imitates, expected a teacher")
    keep_freed_memory()
    torch.manual_seed(config.seed)
    run = _Run(config, pools, holdout, teacher)
    if resume and run.checkpoint.is_file():
        run.load()
    begin = 0
    for stage in config.stages:
        if run.step < begin + stage.steps:
            run.play(stage, begin)
        begin += stage.steps
    return run.checkpoint


class _Run:
    """The state of a run between two steps: what a checkpoint holds."""

    def __init__(
        self,
        config: TrainingConfig,
        pools: Mapping[str, Sequence[Still]],
        holdout: Mapping[str, Sequence[Still]],
        teacher: nn.Module | None,
    ) -> None:
        self.config, self.pools, self.holdout, self.teacher = config, dict(pools), holdout, teacher
        config.output.mkdir(parents=True, exist_ok=True)
        self.checkpoint = config.output / "checkpoint.pt"
        self.model = _channels_last(Trainee(config.architecture))
        self.average = copy.deepcopy(self.model)
        self.optimiser = self._fresh_optimiser()
        self.step = 0
        self.hard: dict[str, HardPlaces] = {}
        self.record: dict[str, list[dict[str, Any]]] = {"stages": [], "curve": [], "validation": []}

    def load(self) -> None:
        """Go back to where the checkpoint was written."""
        state = torch.load(self.checkpoint, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.record, self.hard = state["step"], state["record"], state["hard"]
        print(f"resuming {self.checkpoint} at step {self.step}", file=sys.stderr)

    def save(self) -> None:
        """Write the checkpoint and the record; an interrupted write leaves the older ones."""
        state = {
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "record": self.record,
            "hard": self.hard,
            "architecture": self.config.architecture,
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)
        (self.config.output / "record.json").write_text(json.dumps(self.record, indent=1))

    def play(self, stage: Stage, begin: int) -> None:
        """Train from the current step to the end of a stage that begins at step `begin`."""
        end, first = begin + stage.steps, self.step
        loss_of = self._loss_of(stage)
        if first == begin:
            for network in (self.model, self.average):
                network.core.look_at_motion(stage.motion_gain)
            self.optimiser = self._fresh_optimiser()
            if stage.hard_share:
                self._look_for_hard_places()
        pools = {
            name: with_hard_places(stills, self.hard.get(name, {})) for name, stills in self.pools.items()
        }
        started, smooth = time.monotonic(), dict[str, float]()
        self.model.train()
        c = self.config
        shares = (
            stage.full_share,
            stage.hard_share,
            stage.sheet_share,
            stage.paste_share,
            stage.shade_share,
        )
        feed = Feed(pools, stage.mix, *shares, c.batch, c.input, c.seed)
        for step, (x, target) in batches(feed, first, end):
            self._set_rate(stage, step - begin)
            loss, parts = loss_of(x, target, step)
            self.optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
            self.optimiser.step()
            self._follow(min(0.998, (step + 1) / (step + 20)))
            self.step = step + 1
            smooth = {
                name: SMOOTHING * smooth.get(name, value) + (1 - SMOOTHING) * value
                for name, value in parts.items()
            }
            if self.step % SHOW_EVERY == 0 or self.step == end:
                speed = (self.step - first) * self.config.batch / (time.monotonic() - started)
                self._show(stage, begin, speed, smooth)
            if self.step == end:
                minutes = (time.monotonic() - started) / 60
                self.record["stages"].append(
                    {"name": stage.name, "steps": stage.steps, "minutes": round(minutes, 1)}
                )
            if self.step % VALIDATE_EVERY == 0 or self.step == end:
                self._validate(stage)
            if self.step % CHECKPOINT_EVERY == 0 or self.step == end:
                self.save()

    def _loss_of(
        self, stage: Stage
    ) -> Callable[[Tensor, Mapping[str, Tensor], int], tuple[Tensor, dict[str, float]]]:
        if not stage.rate_weight:
            return lambda x, target, step: self.model.free_loss(x, target, stage)
        seed = self.config.seed
        return lambda x, target, step: self.model.rate_loss(x, target, stage, self.teacher, (seed, step))

    def _look_for_hard_places(self) -> None:
        """Find where the network errs on its own training pictures; views then show more of it."""
        maps = self._maps(quantise=True)
        for source in HARD_SOURCES:
            if source in self.pools:
                self.hard[source] = hard_places(maps, self.pools[source], self.config.input)

    def _fresh_optimiser(self) -> torch.optim.Optimizer:
        rate = list(self.model.rate.parameters())
        known = {id(p) for p in rate}
        rest = [p for p in self.model.parameters() if id(p) not in known]
        groups: list[dict[str, Any]] = [
            {"params": rest, "factor": 1.0},
            # The density has few parameters and must follow the latent quickly.
            {"params": rate, "factor": 20.0, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, weight_decay=1e-3)

    def _set_rate(self, stage: Stage, done: int) -> None:
        cosine = 0.51 + 0.49 * math.cos(math.pi * done / stage.steps)
        rate = stage.learning_rate * min(1.0, (done + 1) / 100) * cosine
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]

    @torch.no_grad()
    def _follow(self, keep: float) -> None:
        """Move the exponential moving average of the weights, which is what ships."""
        for a, b in zip(self.average.state_dict().values(), self.model.state_dict().values(), strict=True):
            if a.dtype.is_floating_point:
                a.lerp_(b, 1 - keep)
            else:
                a.copy_(b)

    def _show(self, stage: Stage, begin: int, speed: float, smooth: Mapping[str, float]) -> None:
        done = self.step - begin
        left = (stage.steps - done) * self.config.batch / max(speed, 1e-6) / 60
        text = " ".join(f"{name} {value:.3f}" for name, value in smooth.items())
        line = f"{stage.name} {done}/{stage.steps} {speed:.1f} img/s, {left:.0f} min left: {text}"
        print(line, file=sys.stderr, flush=True)
        self.record["curve"].append({"step": self.step, **{name: round(v, 4) for name, v in smooth.items()}})

    def _maps(self, *, quantise: bool) -> Maps:
        """Return the averaged network: what a head would find in its latents."""
        self.average.eval()

        def maps(x: Tensor) -> tuple[Tensor, Tensor]:
            latent = self.average.core(x)
            people, ball = self.average.probes(quantised(latent, USUAL_STEP) if quantise else latent)
            return people, ball

        return maps

    def _validate(self, stage: Stage) -> None:
        maps = self._maps(quantise=bool(stage.rate_weight))
        entry: dict[str, Any] = {"step": self.step, "stage": stage.name}
        for source, stills in self.holdout.items():
            found = validate(maps, stills, self.config.input)
            entry[source] = {name: round(v, 4) for name, v in found.items()}
        self.record["validation"].append(entry)
        draw_core_curves(self.record, self.config.output / "curves.png")
        print(f"validation: {json.dumps(entry)}", file=sys.stderr, flush=True)


def _channels_last(module: M) -> M:
    return module.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]
