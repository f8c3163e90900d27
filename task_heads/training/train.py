"""Training of a head on frozen decoded features.

    python -m featurecast train head configs/head_player_tracking.yaml --resume

The core stays as it is: its features are recorded once (`pictures.py`) and the head sees nothing else.
"""

from __future__ import annotations

import copy
import json
import math
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor, nn

from core_network.catalogue import Core, default_core, load_core
from core_network.spec import FeatureSpec
from core_network.training.curves import Panel, draw_panels, lines_of
from core_network.training.memory import keep_freed_memory
from core_network.training.targets import Targets, make_targets
from task_heads.dataset import ROLES, DatasetError, FeatureDataset, Record
from task_heads.training.outside import outside_recipe
from task_heads.training.pictures import Views, write_pictures
from task_heads.training.recipes import Recipe, Target, recipe
from task_heads.training.warm_start import load_probe, warm_start

__all__ = ["HeadTrainingConfig", "features_for", "load_records", "runner_of", "train_head"]

CHECKPOINT_EVERY = 250
_COMPARED = 48
"""Pictures on which the channels of a probe are compared, when the head is narrower."""
_WHOLE = Views(football=1, procedural=0, badminton=0, tennis=0, volleyball=0)
"""Validation: each football still once; thresholds are chosen for the sport that is shown."""


@dataclass(frozen=True)
class HeadTrainingConfig:
    """What a run is; read from YAML, unknown keys are errors.

    A built-in head keeps its recorded `features` in one folder for all cores; a head from outside names its
    `network` and the datasets `train` and `validation` that `featurecast record` wrote. `threshold` is the
    manifest's default, where another than the best on single pictures was chosen.
    """

    name: str
    seed: int
    output: Path
    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    features: Path | None = None
    procedural: Path | None = None
    network: Path | None = None
    train: Path | None = None
    validation: Path | None = None
    threads: int = 1
    core: Path | None = None
    warm_start: Path | None = None
    views: Views = field(default_factory=Views)
    threshold: float | None = None

    @classmethod
    def load(cls, path: Path) -> HeadTrainingConfig:
        """Read the YAML file; raises ValueError in one line."""
        try:
            document = yaml.safe_load(Path(path).read_text())
        except (OSError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: expected a YAML file, got {str(error).splitlines()[0]}") from None
        if not isinstance(document, dict):
            raise ValueError(f"{path}: expected a mapping of settings")
        paths = (
            "output", "features", "procedural", "core", "warm_start", "network", "train", "validation"
        )  # fmt: skip
        values: dict[str, Any] = {
            k: Path(v) if k in paths and v is not None else v for k, v in document.items()
        }
        try:
            if "views" in values:
                values["views"] = Views(**values["views"])
            config = cls(**values)
        except TypeError as error:
            raise ValueError(f"{path}: {str(error).split('__init__() ')[-1]}") from None
        own = (config.network, config.train, config.validation)
        if config.network is None:
            recipe(config.name)
        if (None in own) if config.network is not None else (config.features is None or any(own)):
            raise ValueError(
                f"{path}: expected features (a built-in head), or network, train and validation (your own)"
            )
        return config

    def recipe(self, spec: FeatureSpec) -> Recipe:
        """Return how this head is trained; raises HeadError on a network.py that does not fit."""
        return recipe(self.name) if self.network is None else outside_recipe(self.network, spec)

    def core_to_use(self) -> Core:
        """Return the frozen core: the default one unless a folder is named."""
        return load_core(self.core) if self.core else default_core()


def features_for(config: HeadTrainingConfig, root: Path | None) -> tuple[Path, Path]:
    """Return the folders of training and validation features of this core, recording them when they are
    not there."""
    if config.train is not None and config.validation is not None:
        return config.train, config.validation
    core = config.core_to_use()
    assert config.features is not None
    folders = []
    for split in ("train", "validation"):
        folder = config.features / f"{core.spec.fingerprint[:12]}-{split}"
        if not (folder / "dataset.json").is_file():
            if root is None:
                raise DatasetError(
                    f"{folder}: expected features; recording them needs --data or FEATURECAST_DATA"
                )
            views = config.views if split == "train" else _WHOLE
            write_pictures(
                folder,
                core,
                root,
                procedural=config.procedural,
                splits=(split,),
                views=views,
                seed=config.seed,
                threads=config.threads,
            )
        folders.append(folder)
    return folders[0], folders[1]


def load_records(folder: Path, spec: FeatureSpec, split: str) -> list[Record]:
    """Return a dataset's records; raises DatasetError on features of another core or another split.

    Records without a split (own recordings) are taken for training.
    """
    dataset = FeatureDataset(folder)
    if dataset.spec.fingerprint != spec.fingerprint:
        raise DatasetError(
            f"{folder}: expected features of {spec.name} {spec.fingerprint[:12]}..., got those of "
            "another core"
        )
    records = list(dataset)
    for record in records:
        if record.split not in ((split, "") if split == "train" else (split,)):
            raise DatasetError(
                f"{folder}: expected records of the split {split}, {record.source} is of {record.split}"
            )
    return records


def _maps(record: Record, spec: FeatureSpec) -> dict[str, NDArray[Any]]:
    """Return the maps of one record, in px of the core's input, and `role` at each centre [h, w] (-1 =
    none)."""
    x0, y0, width, height, source_width, source_height = record.view
    scale = np.array(
        [width * spec.input_width / source_width, height * spec.input_height / source_height], np.float32
    )
    shift = np.array([x0 * spec.input_width, y0 * spec.input_height], np.float32)
    people = balls = None
    roles = np.full(spec.shape[1:], -1, np.int64)
    if record.truth.boxes is not None:
        people = record.truth.boxes * np.tile(scale, 2) + np.tile(shift, 2)
        for box, label in zip(people, record.truth.labels, strict=False):
            column, row = ((box[:2] + box[2:]) / 2 // spec.stride).astype(int)
            if label in ROLES and 0 <= row < roles.shape[0] and 0 <= column < roles.shape[1]:
                roles[row, column] = ROLES.index(label)
    if record.truth.balls is not None:
        balls = record.truth.balls * scale + shift
    maps = make_targets(people, balls, spec.input_height, spec.input_width)
    return {
        "role": roles, **{f.name: np.asarray(getattr(maps, f.name), np.float32) for f in fields(Targets)}
    }  # fmt: skip


def _batch(
    records: Sequence[Record], spec: FeatureSpec, target: Target, size: int, seed: int, step: int
) -> tuple[Tensor, dict[str, Tensor]]:
    rng = np.random.default_rng([seed, step])
    chosen = [records[i] for i in rng.integers(len(records), size=size)]
    features = np.concatenate([spec.dequantise(r.symbols, r.rate) for r in chosen])
    targets = [target(record, spec) for record in chosen]
    maps = {name: torch.from_numpy(np.stack([t[name] for t in targets])) for name in targets[0]}
    return torch.from_numpy(features), maps


def _batches(
    records: Sequence[Record], spec: FeatureSpec, target: Target, config: HeadTrainingConfig, first: int
) -> Iterator[tuple[int, tuple[Tensor, dict[str, Tensor]]]]:
    """Yield (step, batch); batch n depends on the seed and n only, the next is made meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(_batch, records, spec, target, config.batch, config.seed, first)
        for step in range(first, config.steps):
            batch = following.result()
            following = pool.submit(_batch, records, spec, target, config.batch, config.seed, step + 1)
            yield step, batch
        following.cancel()


def runner_of(head: nn.Module, kind: Recipe, spec: FeatureSpec, threshold: float = 0.3) -> Any:
    """Return a function record -> outputs of the head on a first frame, as float32 arrays."""

    def run(record: Record) -> tuple[NDArray[np.float32], ...]:
        inputs = kind.example(spec.shape, threshold)
        inputs["features"] = torch.from_numpy(spec.dequantise(record.symbols, record.rate))
        inputs["view"] = torch.from_numpy(record.view)
        inputs.update({name: torch.from_numpy(table) for name, table in kind.needed(record).items()})
        with torch.no_grad():
            return tuple(output.numpy() for output in head(*inputs.values()))

    return run


def train_head(config: HeadTrainingConfig, root: Path | None, *, resume: bool = False) -> Path:
    """Record the features if need be, train, and return the checkpoint; progress on stderr,
    `<output>/record.json` is the record, `curves.png` beside it the picture.

    Raises DatasetError on a dataset of another core or split, HeadError on a network.py that does not fit.
    """
    spec = config.core_to_use().spec
    kind = config.recipe(spec)
    train_folder, validation_folder = features_for(config, root)
    records = load_records(train_folder, spec, "train")
    holdout = load_records(validation_folder, spec, "validation")
    keep_freed_memory()
    torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    records = [record for record in records if kind.wants(record)]
    if not records or not holdout:
        raise DatasetError(f"{train_folder}, {validation_folder}: expected labelled records in both datasets")
    config.output.mkdir(parents=True, exist_ok=True)
    checkpoint = config.output / "checkpoint.pt"
    head = kind.build(spec.shape, kind.width)
    if config.warm_start is not None:
        chosen = records[:: max(1, len(records) // _COMPARED)]
        compared = np.concatenate([spec.dequantise(r.symbols, r.rate) for r in chosen])
        warm_start(head, config.warm_start, kind.probe, torch.from_numpy(compared))
    teacher = load_probe(config.warm_start, kind.probe) if config.warm_start and kind.taught else None
    average = copy.deepcopy(head)
    optimiser = torch.optim.AdamW(head.parameters(), config.learning_rate, weight_decay=1e-3)
    first = 0
    run: dict[str, Any] = {
        "head": config.name,
        "fingerprint": spec.fingerprint,
        "records": len(records),
        "settings": {k: str(v) if isinstance(v, Path) else v for k, v in asdict(config).items()},
        "curve": [],
        "validation": [],
    }
    if resume and checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=False)
        if state["fingerprint"] != spec.fingerprint:
            raise ValueError(
                f"{checkpoint}: trained on features of another core; start again without --resume"
            )
        head.load_state_dict(state["head"])
        average.load_state_dict(state["average"])
        optimiser.load_state_dict(state["optimiser"])
        first, run = state["step"], state["run"]
        print(f"resuming {checkpoint} at step {first}", file=sys.stderr)
    started = time.monotonic()
    smooth: dict[str, float] = {}
    for step, (features, target) in _batches(records, spec, kind.target or _maps, config, first):
        head.train()
        for group in optimiser.param_groups:
            done = step / config.steps
            group["lr"] = (
                config.learning_rate * min(1.0, (step + 1) / 50) * (0.51 + 0.49 * math.cos(math.pi * done))
            )
        if teacher is not None:
            target["probe"] = teacher(features)
        loss, parts = kind.loss(head, features, target)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 5.0)
        optimiser.step()
        _follow(average, head, min(0.995, (step + 1) / (step + 10)))
        smooth = {k: 0.97 * smooth.get(k, v) + 0.03 * v for k, v in parts.items()}
        at_end = step + 1 == config.steps
        if (step + 1) % 20 == 0 or at_end:
            speed = (step + 1 - first) / (time.monotonic() - started)
            text = " ".join(f"{k} {v:.3f}" for k, v in smooth.items())
            left = (config.steps - step - 1) / speed / 60
            print(
                f"{config.name} {step + 1}/{config.steps} {speed:.2f} steps/s, {left:.1f} min left: {text}",
                file=sys.stderr,
                flush=True,
            )
            run["curve"].append({"step": step + 1, **{k: round(v, 4) for k, v in smooth.items()}})
        if (step + 1) % config.validate_every == 0 or at_end:
            average.eval()
            result = kind.measure(runner_of(average, kind, spec), holdout)
            run["validation"].append({"step": step + 1, **{k: round(v, 4) for k, v in result.items()}})
            print(
                f"validation at {step + 1}: {json.dumps(run['validation'][-1])}", file=sys.stderr, flush=True
            )
        if (step + 1) % CHECKPOINT_EVERY == 0 or at_end:
            run["minutes"] = round((time.monotonic() - started) / 60, 1)
            state = {
                "name": config.name,
                "network": None if config.network is None else str(config.network),
                "fingerprint": spec.fingerprint,
                "spec": spec.to_json(),
                "width": kind.width,
                "head": head.state_dict(),
                "average": average.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step + 1,
                "run": run,
            }
            _save(checkpoint, state)
            (config.output / "record.json").write_text(json.dumps(run, indent=1) + "\n")
            _draw(run, config.output / "curves.png")
    return checkpoint


def _draw(run: Mapping[str, Any], path: Path) -> None:
    losses, scores = (
        sorted({name for row in run[rows] for name in row} - {"step", "threshold"})
        for rows in ("curve", "validation")
    )
    panels = [
        Panel("training loss (smoothed)", lines_of(run["curve"], losses)),
        Panel("validation split", lines_of(run["validation"], scores), marker="o"),
    ]
    draw_panels(panels, [], path)


def _save(path: Path, state: dict[str, Any]) -> None:
    temporary = path.with_suffix(".tmp")
    torch.save(state, temporary)
    os.replace(temporary, path)


@torch.no_grad()
def _follow(average: nn.Module, model: nn.Module, keep: float) -> None:
    """Move the exponential moving average of the weights, which is what ships."""
    for a, b in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if a.dtype.is_floating_point:
            a.lerp_(b, 1 - keep)
        else:
            a.copy_(b)
