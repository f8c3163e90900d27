"""`featurecast evaluate map`: COCO AP of stored predictions, and the 5G-MAG framework's per-frame score."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from evaluation.datasets.predictions import load_predictions, relabel
from evaluation.datasets.types import DatasetError
from evaluation.metrics.coco import Averages, CocoScore, average_precision
from evaluation.metrics.framework import NOT_COMPARABLE, FrameworkScore, frame_score
from evaluation.metrics.mask_precision import MaskScore, mask_precision
from featurecast.commands.evaluation.figures import (
    add_dataset,
    add_figures,
    merged_names,
    number,
    open_dataset,
    table,
    write_figures,
)
from featurecast.refusal import refuse

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_dataset(parser)
    parser.add_argument(
        "--predictions",
        metavar="DIR",
        type=Path,
        required=True,
        help="folder of CLIP/FRAME.txt with lines `label x1 y1 x2 y2 score`, as `infer` writes them",
    )
    parser.add_argument(
        "--normalised", action="store_true", help="predicted coordinates are 0..1, as the framework's own are"
    )
    parser.add_argument(
        "--confidence",
        metavar="P",
        type=number(lambda share: 0 <= share < 1, "a number from 0 to below 1"),
        default=0.5,
        help="scores above this count for the framework's score (default 0.5)",
    )
    parser.add_argument(
        "--masks", metavar="DIR", type=Path, nargs=2,
        help="also compare pixels: two folders of CLIP/FRAME.png, the truth's (n is the frame's n-th thing) "
        "and what `infer --mask` wrote",
    )  # fmt: skip
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Score; print both tables."""
    dataset = open_dataset(arguments)
    names = merged_names(arguments)
    predictions = load_predictions(
        arguments.predictions, dataset, normalised=arguments.normalised, renamed=names
    )
    predictions = relabel(predictions, names)
    score = average_precision(dataset, predictions)
    masks: MaskScore | None = None
    if arguments.masks:
        with refuse(DatasetError):
            masks = mask_precision(dataset, predictions, *arguments.masks)
    frames = frame_score(dataset, predictions, confidence=arguments.confidence)
    print(f"{dataset.name}: {dataset.frames} frames, {len(dataset.clips)} clips\n\n{_coco(score)}")
    if masks is not None:
        print(_averages("COCO, masks", masks))
    if score.unknown:
        print(f"{score.unknown} predictions have labels that are not scored here; they do not count.\n")
    print(f"{_framework(frames)}\n{NOT_COMPARABLE}: see docs/evaluation.md.")
    write_figures(
        arguments,
        {
            "dataset": dataset.name,
            "frames": dataset.frames,
            "coco": score.to_json(),
            "masks": None if masks is None else masks.to_json(),
            "framework": frames.to_json(),
        },
    )
    return 0


def _coco(score: CocoScore) -> str:
    return (
        f"{_averages('COCO', score)}\n95 % over resampled {score.unit}: AP {score.ap_interval}, "
        f"AP50 {score.ap50_interval}\n"
    )


def _averages(name: str, score: CocoScore | MaskScore) -> str:
    header = (name, "AP@[.5:.95]", "AP50", "AP75", "AR", "truths", "predictions")
    rows: list[tuple[object, ...]] = [("all", *_cells(score.overall))]
    rows += [(f"label {label}", *_cells(part)) for label, part in score.per_label.items()]
    rows += [(f"clip {clip}", *_cells(part)) for clip, part in score.per_clip.items()]
    return table(header, rows)


def _cells(part: Averages) -> tuple[object, ...]:
    return (
        *(_number(value) for value in (part.ap, part.ap50, part.ap75, part.ar)),
        part.truths,
        part.predictions,
    )


def _framework(score: FrameworkScore) -> str:
    rows: list[tuple[object, ...]] = [("all", _number(score.mean))]
    rows += [(f"label {name}", _number(value)) for name, value in score.per_label.items()]
    rows += [(f"clip {name}", _number(value)) for name, value in score.per_clip.items()]
    header = (f"5G-MAG frame score, confidence > {score.confidence:g}", "score")
    return f"{table(header, rows)}\n95 % over resampled frames: {score.interval}\n"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4f}"
