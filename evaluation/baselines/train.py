"""Training of a baseline system.

featurecast train baseline configs/baselines/ssd_mobilenetv2.yaml --resume
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core_network.training.memory import keep_freed_memory
from evaluation.baselines.checkpoints import CheckpointError, initialise, load_part, read_checkpoint
from evaluation.baselines.config import BaselineConfig
from evaluation.baselines.detector import AnchorDetector
from evaluation.baselines.feed import Batches, Examples, found_at, load_examples
from evaluation.baselines.running import validate
from evaluation.baselines.systems import SYSTEMS, build
from evaluation.datasets.types import DatasetError

__all__ = ["train_baseline"]

SHOW_EVERY, CHECKPOINT_EVERY = 20, 100
CHECKPOINT_AFTER_S = 120.0
_WARM_UP = 0.05
"""Share of a run in which the learning rate rises."""


def train_baseline(config: BaselineConfig, root: Path, *, resume: bool = False) -> Path:
    """Train and return the checkpoint; progress goes to stderr, the record to `<output>/record.json`.

    Raises DatasetError for data that cannot be trained on, CheckpointError for weights that do not fit.
    """
    keep_freed_memory()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    run = _Run(config, root)
    if resume and run.checkpoint.is_file():
        run.load()
    elif config.initialise is not None:
        taken, total = initialise(run.detector, found_at(root, config.initialise))
        run.record["initialised"] = f"{taken} of {total} tensors"
        run.average = copy.deepcopy(run.detector)
        print(f"{config.initialise}: {taken} of {total} tensors fit", file=sys.stderr, flush=True)
    run.play()
    return run.checkpoint


class _Run:
    """The state of a run between two steps: what a checkpoint holds."""

    def __init__(self, config: BaselineConfig, root: Path) -> None:
        self.config = config
        frames = config.output / "frames"
        self.train = load_examples(config.train, root, config.labels, frames)
        self.holdout = load_examples(config.validation, root, config.labels, frames)
        _check_apart(self.train, self.holdout)
        self.detector = build(config.system, config.labels, config.settings)
        self.average = copy.deepcopy(self.detector)
        self.optimiser = torch.optim.AdamW(
            [p for p in self.detector.parameters() if p.requires_grad],
            config.learning_rate,
            weight_decay=1e-3,
        )
        config.output.mkdir(parents=True, exist_ok=True)
        self.checkpoint = config.output / "checkpoint.pt"
        self.step, self.spent_s = 0, 0.0
        self.record: dict[str, Any] = {
            "config": config.to_json(),
            "pictures": len(self.train.items),
            "boxes": self.train.boxes,
            "curve": [],
            "validation": [],
        }

    def load(self) -> None:
        """Go back to where the checkpoint was written; raises CheckpointError for another network's."""
        state = read_checkpoint(self.checkpoint)
        for name, wanted in self._identity().items():
            if state[name] != wanted:
                raise CheckpointError(
                    f"{self.checkpoint}: was trained with {name} {state[name]}, the file says {wanted}; "
                    "start again without --resume, or name another output"
                )
        load_part(self.detector.network, state, "network", self.checkpoint)
        load_part(self.average.network, state, "average", self.checkpoint)
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent_s = state["step"], state["spent_s"]
        self.record = json.loads(state["record"])
        print(f"resuming {self.checkpoint} at step {self.step}", file=sys.stderr, flush=True)

    def play(self) -> None:
        """Train until the steps or the minutes are over."""
        # CPU time: what the machine does beside it, or while it is paused, takes nothing from a rival.
        config, begun = self.config, _busy_s(self.config.threads) - self.spent_s
        first, at_first, saved_s = self.step, self.spent_s, self.spent_s
        smooth: dict[str, float] = {}
        batches = Batches(
            self.train.balanced(),
            self.detector.size,
            config.batch,
            config.seed,
            frames=SYSTEMS[config.system].frames,
        )
        with batches:
            while self.step < config.steps and self.spent_s < 60 * config.minutes:
                parts = self._step(batches)
                self.spent_s = _busy_s(config.threads) - begun
                smooth = {
                    name: 0.95 * smooth.get(name, value) + 0.05 * value for name, value in parts.items()
                }
                over = self.step == config.steps or self.spent_s >= 60 * config.minutes
                if self.step % SHOW_EVERY == 0 or over:
                    self._show(smooth, (self.step - first) / max(self.spent_s - at_first, 1e-6))
                if self.step % config.validate_every == 0 or over:
                    self._validate()
                late = self.spent_s - saved_s >= CHECKPOINT_AFTER_S
                if self.step % CHECKPOINT_EVERY == 0 or over or late:
                    self._save()
                    saved_s = self.spent_s

    def _step(self, batches: Batches) -> dict[str, float]:
        pictures, truths = batches.at(self.step)
        self.detector.train()
        # Whichever ends the run, steps or minutes, the rate has fallen by then.
        done = max(self.step / self.config.steps, self.spent_s / (60 * self.config.minutes))
        rate = self.config.learning_rate * (0.51 + 0.49 * math.cos(math.pi * min(done, 1.0)))
        for group in self.optimiser.param_groups:
            group["lr"] = rate * min(1.0, 0.01 + done / _WARM_UP)
        loss, parts = self.detector.loss(pictures, truths)
        if not math.isfinite(float(loss.detach())):
            raise CheckpointError(
                f"{self.config.name}: the loss is {float(loss.detach())} at step {self.step}; lower "
                f"learning_rate ({self.config.learning_rate}) and go on with --resume"
            )
        self.optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.detector.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        _follow(self.average, self.detector, min(0.995, self.step / (self.step + 10)))
        return parts

    def _identity(self) -> dict[str, Any]:
        settings = asdict(self.config.settings)
        settings["input"] = list(self.detector.size)
        return {"system": self.config.system, "labels": list(self.config.labels), "settings": settings}

    def _save(self) -> None:
        """Write checkpoint and record; an interrupted write leaves the older ones."""
        state = {
            **self._identity(),
            "network": self.detector.network.state_dict(),
            "average": self.average.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "spent_s": self.spent_s,
            "record": json.dumps(self.record),
        }
        temporary = self.checkpoint.with_suffix(".tmp")
        torch.save(state, temporary)
        os.replace(temporary, self.checkpoint)
        record = self.config.output / "record.json"
        partly = record.with_suffix(".tmp")
        partly.write_text(json.dumps(self.record, indent=1) + "\n")
        os.replace(partly, record)

    def _show(self, smooth: dict[str, float], speed: float) -> None:
        left = min((self.config.steps - self.step) / speed / 60, self.config.minutes - self.spent_s / 60)
        text = " ".join(f"{name} {value:.3f}" for name, value in smooth.items())
        print(
            f"{self.config.name} {self.step}/{self.config.steps} {speed:.2f} steps/s, "
            f"{max(left, 0):.1f} min left: {text}",
            file=sys.stderr,
            flush=True,
        )
        self.record["curve"].append({"step": self.step, **{name: round(v, 4) for name, v in smooth.items()}})
        self.record["minutes"] = round(self.spent_s / 60 * self.config.threads, 1)

    def _validate(self) -> None:
        score = validate(self.average, self.holdout)
        entry = {"step": self.step, **score}
        self.record["validation"].append(entry)
        print(f"validation: {json.dumps(entry)}", file=sys.stderr, flush=True)


def _busy_s(threads: int) -> float:
    """Return the CPU time of this process in seconds of all its threads: the clock's on an idle machine."""
    return time.process_time() / threads


def _check_apart(train: Examples, holdout: Examples) -> None:
    shared = {item.path for item in train.items} & {item.path for item in holdout.items}
    if shared:
        raise DatasetError(
            f"{sorted(shared)[0]}: is in train and in validation, as {len(shared)} pictures are; "
            "give each its split"
        )


@torch.no_grad()
def _follow(average: AnchorDetector, model: AnchorDetector, keep: float) -> None:
    """Move the exponential moving average of the weights, which is what is measured and converted."""
    for a, b in zip(average.network.state_dict().values(), model.network.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b, 1 - keep)
        else:
            a.copy_(b)
