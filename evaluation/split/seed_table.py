"""The table of the split-inference scenario: sequence by sequence, the whole network against its parts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onnx import ModelProto

from core_network.catalogue import Core
from evaluation.datasets.open import open_dataset
from evaluation.datasets.people import PERSON, people_only
from evaluation.datasets.predictions import Predictions, load_predictions, relabel
from evaluation.datasets.types import Clip, Dataset, DatasetError, only
from evaluation.metrics.coco import CocoScore, average_precision
from evaluation.models.running import Running, measure_running
from evaluation.split.convert import write_parts
from evaluation.split.detector import Detector, DetectorError
from evaluation.split.inference import PREDICTIONS, SplitOutcome, infer, run_first, run_second
from evaluation.split.session import Session
from evaluation.split.storage import store_named

__all__ = [
    "WHOLE",
    "SeedTable",
    "Row",
    "Variant",
    "our_balls",
    "our_data",
    "seed_table",
    "stored_predictions",
]

WHOLE = "whole"
_STILLS = Path("images/football_players_yolo")
_BALL = "ball"
_STILL_CLASSES = (_BALL, "goalkeeper", "player", "referee")
_LABELS, _VIDEO = Path("labels/football_zak_soccer"), Path("video/football_zak_soccer")


@dataclass(frozen=True)
class Row:
    """One variant on one clip; bytes and times are None where there is none (the whole has no parts, and a
    rival that runs on several threads has its time elsewhere).
    """

    clip: str
    images: int
    ap50: float
    ap: float
    bytes_per_image: float | None
    first_ms: float | None
    second_ms: float | None


@dataclass(frozen=True)
class Variant:
    """The whole, a split with one store, or a rival, on every clip of a dataset, and the score over all.

    `equals_whole`: whether a split predicts what the whole predicts, number for number; None for rivals.
    """

    dataset: str
    name: str
    sequences: tuple[Row, ...]
    score: CocoScore
    equals_whole: bool | None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "dataset": self.dataset,
            "variant": self.name,
            "predictions_equal_whole": self.equals_whole,
            "sequences": [vars(one) for one in self.sequences],
            **self.score.to_json(),
        }


@dataclass(frozen=True)
class SeedTable:
    """All variants of all datasets, and what each graph takes when it runs alone."""

    variants: tuple[Variant, ...]
    running: dict[str, Running]


def our_data(root: Path) -> list[Dataset]:
    """Return what is reported: football stills of the report split by match, and shot A of the labelled clip.

    People are one label. Raises DatasetError when neither is there.
    """
    datasets = []
    if (root / _STILLS).is_dir():
        datasets.append(open_dataset("yolo", root / _STILLS, labels=_STILL_CLASSES, split="report"))
    videos = sorted((root / _VIDEO).glob("*.mp4"))
    if (root / _LABELS / "gt.txt").is_file() and videos:
        labelled = open_dataset("mot", root / _LABELS, pictures=videos[0])
        datasets.append(replace(labelled, clips=labelled.clips[:1]))  # shot B is for tuning
    if not datasets:
        raise DatasetError(f"{root}: expected {_STILLS} or {_LABELS} with its video, found neither")
    return [people_only(dataset) for dataset in datasets]


def our_balls(root: Path) -> Dataset | None:
    """Return the same stills with their balls alone; None where they are not there."""
    if not (root / _STILLS).is_dir():
        return None
    return only(open_dataset("yolo", root / _STILLS, labels=_STILL_CLASSES, split="report"), (_BALL,))


def seed_table(
    model: ModelProto,
    detector: Detector,
    core: Core,
    datasets: Sequence[Dataset],
    stores: Sequence[str],
    *,
    tick: Callable[[], None] = lambda: None,
    runs: int = 10,
) -> SeedTable:
    """Run the whole and each split over every dataset and score them.

    `tick` is called once for each run of a graph on a picture. Raises CutError, DetectorError, DatasetError.
    """
    tensor = detector.latent
    if tensor is None:
        raise DetectorError(
            "the network names no latent to cut at; give it as --also NAME=FILE.onnx for its rows"
        )
    variants: list[Variant] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _, paths = write_parts(model, [tensor], folder)
        whole, first, second = map(Session, paths)
        for dataset in datasets:
            results = _whole(whole, detector, dataset, folder / WHOLE / dataset.name, tick)
            variants.append(results)
            expected = stored_predictions(folder / WHOLE / dataset.name, dataset, detector)
            for name in stores:
                output = folder / name / dataset.name
                outcomes = []
                for clip in dataset.clips:
                    store = store_named(name, detector, [tensor], core)
                    outcome = run_first(first, (tensor,), store, clip, output, tick)
                    run_second(second, detector, store, clip, output, outcome, seen=tick)
                    outcomes.append(outcome)
                found = stored_predictions(output / PREDICTIONS, dataset, detector)
                variants.append(_split(dataset, name, outcomes, found, found == expected))
        running = {
            name: measure_running(path, runs)
            for name, path in zip(("whole", "part 1", "part 2"), paths, strict=True)
        }
    return SeedTable(tuple(variants), running)


def _whole(
    session: Session, detector: Detector, dataset: Dataset, output: Path, tick: Callable[[], None]
) -> Variant:
    outcomes = [infer(session, detector, clip, output, seen=tick) for clip in dataset.clips]
    score = average_precision(dataset, stored_predictions(output, dataset, detector))
    rows = [
        _row(clip, score, None, outcome.ms, None)
        for clip, outcome in zip(dataset.clips, outcomes, strict=True)
    ]
    return Variant(dataset.name, WHOLE, tuple(rows), score, True)


def _split(
    dataset: Dataset, name: str, outcomes: Sequence[SplitOutcome], found: Predictions, equal: bool
) -> Variant:
    score = average_precision(dataset, found)
    rows = [
        _row(clip, score, outcome.mean_bytes, outcome.first_ms, outcome.second_ms)
        for clip, outcome in zip(dataset.clips, outcomes, strict=True)
    ]
    return Variant(dataset.name, name, tuple(rows), score, equal)


def _row(clip: Clip, score: CocoScore, size: float | None, first: float, second: float | None) -> Row:
    averages = score.per_clip[clip.name]
    return Row(clip.name, len(clip.frames), averages.ap50, averages.ap, size, first, second)


def stored_predictions(folder: Path, dataset: Dataset, detector: Detector) -> Predictions:
    """Return what a network wrote for a dataset, whatever people are called in it, as PERSON.

    Labels of other things keep their name.
    """
    loaded = load_predictions(folder, replace(dataset, labels=(*dataset.labels, *detector.labels)))
    people = detector.labels if PERSON not in detector.labels else (PERSON,)
    return relabel(loaded, {name: PERSON for name in people if _BALL not in name})
