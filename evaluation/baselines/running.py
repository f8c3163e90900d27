"""A detector in torch over examples and over videos, with the same table that its ONNX graph gives."""

from __future__ import annotations

import math
import statistics
import time
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import torch
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from core_network.prepare import View, prepare
from evaluation.baselines.detector import COLUMNS, AnchorDetector, Inference
from evaluation.baselines.feed import Examples, whole_view
from evaluation.baselines.lsts import KEY_EVERY, Lsts
from evaluation.datasets.pictures import pictures
from evaluation.datasets.predictions import Prediction, write_predictions
from evaluation.datasets.types import Clip, Dataset
from evaluation.metrics.coco import average_precision
from evaluation.split.detector import Detections, Detector, detections_of
from evaluation.split.inference import LEAST_SCORE, Outcome, Seen

__all__ = ["VideoRunner", "infer_video", "predictions_of", "validate"]


def predictions_of(detector: AnchorDetector, picture: NDArray[np.uint8], view: View) -> list[Prediction]:
    """Return what is found in one input uint8 [H, W, 3], in px of the source picture, best first."""
    with torch.no_grad():
        table = Inference(detector)(torch.from_numpy(picture)[None], torch.from_numpy(view.as_array()))[0]
    return _predictions(_found(detector, table, view))


@torch.no_grad()
def validate(detector: AnchorDetector, examples: Examples) -> dict[str, float | None]:
    """Return AP, AP50 and AP75 of the detector's labels over all examples; None where there is no truth."""
    detector.eval()
    predictions: dict[tuple[str, str], list[Prediction]] = {}
    items = iter(examples.items)
    clips: list[Clip] = []
    for number, dataset in enumerate(examples.datasets):
        for clip in dataset.clips:
            named = f"{number}/{clip.name}"  # clips of two datasets may have one name
            known = tuple(
                replace(frame, things=tuple(t for t in frame.things if t.label in detector.labels))
                for frame in clip.frames
            )
            clips.append(Clip(named, known))
            for frame in clip.frames:
                picture, view, _ = whole_view(next(items), detector.size)
                predictions[named, frame.name] = predictions_of(detector, picture, view)
    labelled = Dataset("validation", tuple(clips), detector.labels)
    score = average_precision(labelled, predictions, rounds=0).overall
    return {
        name: None if math.isnan(value) else round(value, 4)
        for name, value in (("ap", score.ap), ("ap50", score.ap50), ("ap75", score.ap75))
    }


class VideoRunner:
    """Runs LSTS frame by frame: every tenth is a key frame, the others use its memory; one per clip.

    `last_ms`: CPU time of the last frame.
    """

    def __init__(self, detector: AnchorDetector, key_every: int = KEY_EVERY) -> None:
        """Take a detector of an LSTS system; raises ValueError for another one."""
        if not isinstance(detector.network, Lsts):
            raise ValueError(f"expected an LSTS system, got {type(detector.network).__name__}")
        self._detector, self._network = detector.eval(), detector.network
        self._inference, self._key_every = Inference(detector), key_every
        self._memory: torch.Tensor | None = None
        self._since_key = 0
        self._reformatter = VideoReformatter()
        self.last_ms, self.last_was_key = 0.0, False

    @torch.no_grad()
    def run(self, picture: NDArray[np.uint8], *, fresh: bool = False) -> list[Prediction]:
        """Return what is found in the next RGB picture; `fresh`: it does not follow the one before."""
        height, width = self._detector.size
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
        image, view = prepare(frame, width, height, None, self._reformatter)
        started = time.process_time()
        x = torch.from_numpy(image).permute(2, 0, 1)[None].to(torch.float32) / 255
        x = (x - self._detector.mean) / self._detector.deviation
        if fresh:
            self._memory = None
        self.last_was_key = self._memory is None or self._since_key + 1 >= self._key_every
        if self._memory is None or self.last_was_key:
            maps, self._memory = self._network.key(x, self._memory)
            self._since_key = 0
        else:
            maps = self._network.between(x, self._memory)
            self._since_key += 1
        table = self._inference.table(maps, torch.from_numpy(view.as_array()))[0]
        self.last_ms = (time.process_time() - started) * 1e3
        return _predictions(_found(self._detector, table, view))


def infer_video(runner: VideoRunner, clip: Clip, output: Path, seen: Seen = lambda: None) -> Outcome:
    """Write the predictions of every labelled frame of a clip, as `evaluation.split.inference.infer` does.

    Its ms are the mean CPU time of all frames: a key frame in ten takes longer than the others.
    """
    outcome, times = Outcome(clip.name), []
    last: int | None = None
    for frame, picture in pictures(clip, every=clip.continuous):
        fresh = not clip.continuous or last is None or frame.index != last + 1
        last = frame.index
        found = runner.run(picture, fresh=fresh)
        times.append(runner.last_ms)
        seen()
        if frame.labelled:
            write_predictions(output, clip.name, frame.name, found)
            outcome.frames += 1
            outcome.predictions += len(found)
    outcome.ms = statistics.fmean(times) if times else 0.0
    return outcome


def _found(detector: AnchorDetector, table: torch.Tensor, view: View) -> Detections:
    return detections_of(Detector(COLUMNS, detector.labels), table.numpy(), view, LEAST_SCORE)


def _predictions(found: Detections) -> list[Prediction]:
    return [
        Prediction(label, (float(x0), float(y0), float(x1), float(y1)), float(score))
        for label, (x0, y0, x1, y1), score in zip(found.labels, found.boxes, found.scores, strict=True)
    ]
