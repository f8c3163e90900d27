"""Runs a network over the pictures of a dataset: whole, or part 1, what it stored, part 2."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core_network.prepare import View
from evaluation.datasets.pictures import pictures
from evaluation.datasets.predictions import Prediction, write_predictions
from evaluation.datasets.types import Clip, Frame
from evaluation.split.detector import Detections, Detector, DetectorError, detections_of
from evaluation.split.feeding import Feeder
from evaluation.split.masks import MASKS, instance_map, write_instances
from evaluation.split.session import Arrays, Session
from evaluation.split.storage import Picture, Store

__all__ = [
    "LEAST_SCORE",
    "Outcome",
    "Seen",
    "SplitOutcome",
    "infer",
    "run_first",
    "run_second",
    "run_split",
]

LEAST_SCORE = 0.01
"""Detections below this are left out: they cost time and change no AP."""
FEATURES, PREDICTIONS = "features", "predictions"
Seen = Callable[[], None]


@dataclass
class Outcome:
    """Frames of a clip, predictions written, and the median milliseconds of one run."""

    clip: str
    frames: int = 0
    predictions: int = 0
    ms: float = 0.0


@dataclass
class SplitOutcome:
    """One clip through both parts: bytes of each picture as stored, median ms of parts and store."""

    clip: str
    bytes_per_image: list[int] = field(default_factory=list)
    predictions: int = 0
    first_ms: float = 0.0
    pack_ms: float = 0.0
    unpack_ms: float = 0.0
    second_ms: float = 0.0

    @property
    def mean_bytes(self) -> float:
        """Mean bytes per image."""
        return statistics.fmean(self.bytes_per_image)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "clip": self.clip,
            "images": len(self.bytes_per_image),
            "bytes_per_image": round(self.mean_bytes, 1),
            "predictions": self.predictions,
            **{
                name: round(getattr(self, name), 3)
                for name in ("first_ms", "pack_ms", "unpack_ms", "second_ms")
            },
        }


def infer(
    session: Session,
    detector: Detector,
    clip: Clip,
    output: Path,
    *,
    masks: Path | None = None,
    least_score: float = LEAST_SCORE,
    seen: Seen = lambda: None,
) -> Outcome:
    """Write the predictions of every labelled frame of a clip to `output`, and masks to `masks`.

    Raises DetectorError when the network cannot do that, DatasetError for pictures that are not there.
    """
    if masks is not None and MASKS not in session.outputs:
        raise DetectorError(
            f"--mask needs a network with the output {MASKS}, this one has {', '.join(session.outputs)}"
        )
    outcome, times = Outcome(clip.name), []
    for frame, feeds, view, _ in _fed(clip, session):
        outputs = session.run(feeds)
        times.append(session.last_ms)
        seen()
        if not frame.labelled:
            continue
        found = detections_of(detector, _table(outputs), view, least_score)
        write_predictions(output, clip.name, frame.name, _predictions(found))
        if masks is not None:
            write_instances(masks, clip.name, frame.name, instance_map(found, outputs[MASKS], view))
        outcome.frames += 1
        outcome.predictions += len(found.labels)
    outcome.ms = _median(times)
    return outcome


def run_first(
    first: Session,
    tensors: tuple[str, ...],
    store: Store,
    clip: Clip,
    output: Path,
    seen: Seen = lambda: None,
) -> SplitOutcome:
    """Write what part 1 leaves for part 2, one file per picture, to `output`/features."""
    outcome = SplitOutcome(clip.name)
    times, packing = [], []
    for left in (output / FEATURES / clip.name).glob("[0-9]*.*"):
        left.unlink()  # of an earlier run: part 2 reads whatever is there
    for number, (frame, feeds, view, fresh) in enumerate(_fed(clip, first)):
        outputs = first.run(feeds)
        times.append(first.last_ms)
        started = time.perf_counter()
        kept = {name: outputs[name] for name in (*tensors, *store.also) if name in outputs}
        content = store.pack(kept, Picture(number, view, fresh))
        packing.append((time.perf_counter() - started) * 1e3)
        path = _stored(output, clip, number, frame, store)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        outcome.bytes_per_image.append(len(content))
        seen()
    outcome.first_ms, outcome.pack_ms = _median(times), _median(packing)
    return outcome


def run_second(
    second: Session,
    detector: Detector,
    store: Store,
    clip: Clip,
    output: Path,
    outcome: SplitOutcome,
    *,
    least_score: float = LEAST_SCORE,
    seen: Seen = lambda: None,
) -> None:
    """Read what `run_first` stored, write `output`/predictions and complete the outcome."""
    times, unpacking = [], []
    for path in sorted((output / FEATURES / clip.name).glob(f"*{store.suffix}")):
        started = time.perf_counter()
        tensors, view = store.unpack(path.read_bytes(), str(path))
        unpacking.append((time.perf_counter() - started) * 1e3)
        name = path.name.removesuffix(store.suffix).partition(".")[2]
        outputs = second.run({**tensors, "view": view.as_array()})
        times.append(second.last_ms)
        seen()
        if name:
            found = detections_of(detector, _table(outputs), view, least_score)
            write_predictions(output / PREDICTIONS, clip.name, name, _predictions(found))
            outcome.predictions += len(found.labels)
    outcome.unpack_ms, outcome.second_ms = _median(unpacking), _median(times)


def run_split(
    first: Session,
    second: Session,
    detector: Detector,
    tensors: tuple[str, ...],
    stores: Mapping[str, tuple[Store, Path]],
    clip: Clip,
    *,
    least_score: float = LEAST_SCORE,
    seen: Seen = lambda: None,
) -> dict[str, SplitOutcome]:
    """Run part 1 once for each picture and part 2 for what each store makes of it.

    `stores`: name -> the store and where its predictions go; nothing else is written.
    """
    outcomes = {name: SplitOutcome(clip.name) for name in stores}
    for number, (frame, feeds, view, fresh) in enumerate(_fed(clip, first)):
        kept = {name: value for name, value in first.run(feeds).items() if name in tensors}
        for name, (store, output) in stores.items():
            content = store.pack(kept, Picture(number, view, fresh))
            arrived, seen_as = store.unpack(content, f"{clip.name}/{frame.name}")
            outcomes[name].bytes_per_image.append(len(content))
            outputs = second.run({**arrived, "view": seen_as.as_array()})
            seen()
            if frame.labelled:
                found = detections_of(detector, _table(outputs), seen_as, least_score)
                write_predictions(output, clip.name, frame.name, _predictions(found))
                outcomes[name].predictions += len(found.labels)
    return outcomes


def _fed(clip: Clip, session: Session) -> Iterator[tuple[Frame, Arrays, View, bool]]:
    """Yield each frame with its inputs, and whether it is the first of a shot."""
    feeder = Feeder(session)
    last: int | None = None
    for frame, picture in pictures(clip, every=clip.continuous):
        fresh = not clip.continuous or last is None or frame.index != last + 1
        last = frame.index
        feeds, view = feeder.feeds(picture, fresh=fresh)
        yield frame, feeds, view, fresh


def _table(outputs: Arrays) -> NDArray[np.float32]:
    if "detections" not in outputs:
        raise DetectorError(f"expected a network with the output detections, got {', '.join(outputs)}")
    return outputs["detections"]


def _predictions(found: Detections) -> list[Prediction]:
    return [
        Prediction(label, (float(x0), float(y0), float(x1), float(y1)), float(score))
        for label, (x0, y0, x1, y1), score in zip(found.labels, found.boxes, found.scores, strict=True)
    ]


def _stored(output: Path, clip: Clip, number: int, frame: Frame, store: Store) -> Path:
    """Return the file of a picture: its number keeps the order, its name is empty between labelled frames."""
    name = frame.name if frame.labelled else ""
    return output / FEATURES / clip.name / f"{number:06d}.{name}{store.suffix}"


def _median(times: list[float]) -> float:
    return statistics.median(times) if times else 0.0
