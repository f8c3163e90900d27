"""`featurecast train`: train the core network or a head."""

from __future__ import annotations

import argparse
from pathlib import Path

from core_network.dataroot import data_root
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("kind", choices=("core", "head"))
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the run's YAML file, see configs/")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Train; print the checkpoint's path on stdout."""
    root = data_root(arguments.data)
    if root is None:
        raise Refusal(
            "training needs the folder that holds splits.csv: name it with --data or FEATURECAST_DATA"
        )
    if arguments.kind == "core":
        print(_train_core(arguments.config, root, resume=arguments.resume))
    else:
        print(_train_head(arguments.config, root, resume=arguments.resume))
    return 0


def _train_core(path: Path, root: Path, *, resume: bool) -> Path:
    # PyTorch is an extra: only here is it needed.
    from core_network.training.config import TrainingConfig
    from core_network.training.train import load_holdout, load_pools, train_core

    with refuse(ValueError):
        config = TrainingConfig.load(path)
        pools = load_pools(config, root)
    return train_core(config, pools, load_holdout(root), resume=resume)


def _train_head(path: Path, root: Path, *, resume: bool) -> Path:
    from task_heads.training.train import HeadTrainingConfig, train_head

    with refuse(ValueError):
        config = HeadTrainingConfig.load(path)
    return train_head(config, root, resume=resume)
