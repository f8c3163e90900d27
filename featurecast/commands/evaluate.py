"""`featurecast evaluate`: score the shipped models on the report split."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from core_network.catalogue import default_core, load_core
from core_network.dataroot import data_root
from core_network.spec import RATES
from evaluation.core_accuracy import score_core
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", choices=("core",), help="people and ball on stills of matches never seen")
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")
    parser.add_argument("--rate", choices=RATES, default="default", help="how finely features are coded")
    parser.add_argument(
        "--data", metavar="DIR", type=Path, help="folder of the real clips, stills and labels"
    )


def run(arguments: argparse.Namespace) -> int:
    """Score; print the figures as JSON."""
    root = data_root(arguments.data)
    if root is None:
        raise Refusal(
            "no labelled stills here: name the folder that holds splits.csv with --data or FEATURECAST_DATA"
        )
    with refuse(ValueError):
        core = load_core(arguments.core) if arguments.core else default_core()
    with refuse():
        score = score_core(root, core, arguments.rate)
    print(json.dumps(score.to_json(), indent=2))
    return 0
