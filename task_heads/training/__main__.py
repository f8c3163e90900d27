"""Train and export one head: python -m task_heads.training --config configs/head_player_tracking.yaml."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from core_network.dataroot import data_root
from task_heads.training.export import export_head
from task_heads.training.train import HeadTrainingConfig, train_head


def main(arguments: list[str] | None = None) -> int:
    """Record the features, train, validate and export; print the head's folder. 2 when the data is not
    there."""
    parser = argparse.ArgumentParser(prog="python -m task_heads.training", description=__doc__)
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="folder that holds splits.csv")
    parser.add_argument("--output", type=Path, help="the head's folder, default: the built-in head's")
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args(arguments)
    root = data_root(options.data)
    if root is None:
        print(
            "training needs the folder that holds splits.csv: name it with --data or FEATURECAST_DATA",
            file=sys.stderr,
        )
        return 2
    checkpoint = train_head(HeadTrainingConfig.load(options.config), root, resume=options.resume)
    print(export_head(checkpoint, options.output))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
