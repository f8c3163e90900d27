"""`featurecast train`: train the core network, a head or a baseline system."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from core_network.dataroot import data_root
from featurecast.refusal import Refusal, refuse
from task_heads.dataset import DatasetError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=("core", "head", "baseline"))
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the run's YAML file, see configs/")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--steps", metavar="N", type=int, help="of a head: instead of the file's number")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; print the checkpoint's path on stdout."""
    root = data_root(arguments.data)
    if arguments.kind == "core":
        print(_train_core(arguments.config, _needed(root), resume=arguments.resume))
    elif arguments.kind == "baseline":
        print(_train_baseline(arguments.config, root, resume=arguments.resume))
    else:
        print(_train_head(arguments.config, root, resume=arguments.resume, steps=arguments.steps))
    return 0


def _needed(root: Path | None) -> Path:
    if root is None:
        raise Refusal(
            "training needs the folder that holds splits.csv: name it with --data or FEATURECAST_DATA"
        )
    return root


def _train_core(path: Path, root: Path, *, resume: bool) -> Path:
    # PyTorch is an extra: only here is it needed.
    from core_network.training.config import TrainingConfig
    from core_network.training.train import load_holdout, load_pools, load_teacher, train_core

    with refuse(ValueError):
        config = TrainingConfig.load(path)
        pools, teacher = load_pools(config, root), load_teacher(config, root)
    return train_core(config, pools, load_holdout(root), teacher, resume=resume)


def _train_head(path: Path, root: Path | None, *, resume: bool, steps: int | None) -> Path:
    from task_heads.training.train import HeadTrainingConfig, train_head

    with refuse(ValueError):
        config = HeadTrainingConfig.load(path)
    if steps is not None:
        if steps < 1:
            raise Refusal(f"expected --steps from 1, got {steps}")
        config = replace(config, steps=steps)
    with refuse(HeadError, DatasetError):
        return train_head(config, _needed(root) if config.network is None else root, resume=resume)


def _train_baseline(path: Path, root: Path | None, *, resume: bool) -> Path:
    from evaluation.baselines.checkpoints import CheckpointError
    from evaluation.baselines.config import BaselineConfig
    from evaluation.baselines.train import train_baseline
    from evaluation.datasets.types import DatasetError as PictureError

    with refuse(ValueError):
        config = BaselineConfig.load(path)
    own = all(source.path.exists() for source in (*config.train, *config.validation))
    with refuse(PictureError, CheckpointError):
        return train_baseline(config, Path() if root is None and own else _needed(root), resume=resume)
