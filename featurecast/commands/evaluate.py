"""`featurecast evaluate`: one table of subcommands, each loaded only when it is named."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any

from evaluation.datasets.types import DatasetError
from featurecast.refusal import refuse

__all__ = ["SUBCOMMANDS", "configure", "run"]

SUBCOMMANDS = {
    "core": "everything a core network is held against, as one table",
    "generality": "what heads can learn from the features of tasks the core never knew",
    "map": "COCO AP of stored predictions, and the 5G-MAG framework's per-frame score",
    "track": "our tracking head against other trackers on the same detections",
    "ball": "the ball head against its own detections without a filter",
    "heads": "every head on labelled real footage",
    "visualize": "draw truth and predictions side by side",
    "anchors": "sizes of a dataset's boxes, and how well a detector's anchors fit them",
    "convert": "turn a network into ONNX, whole or split in two",
    "infer": "run a whole model over a dataset and store its predictions",
    "split-infer": "run a model in two parts with stored features between them",
    "models": "parameters, operations, time and memory of the models",
    "table": "sequence by sequence: whole against split, and bytes per picture",
    "rate-accuracy": "accuracy against bits: our features, and what one would send instead",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands; only the one that is named declares its own arguments."""
    commands = parser.add_subparsers(
        dest="what", metavar="WHAT", required=True, parser_class=_lazy(type(parser))
    )
    for name, summary in SUBCOMMANDS.items():
        commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand that was named."""
    with refuse(DatasetError):
        status: int = arguments.run_subcommand(arguments)
    return status


def _lazy(base: type[argparse.ArgumentParser]) -> type[argparse.ArgumentParser]:
    class Lazy(base):  # type: ignore[misc, valid-type]
        """Loads its module when it is asked to parse, because nothing else needs it."""

        def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> Any:
            if self.get_default("run_subcommand") is None:
                name = self.prog.rpartition(" ")[2].replace("-", "_")
                module = importlib.import_module(f"featurecast.commands.evaluation.{name}")
                module.configure(self)
                self.set_defaults(run_subcommand=module.run)
            return super().parse_known_args(args, namespace)

    return Lazy
