"""Our people beside the tiled teacher's, on the same stills of the report split in the same run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import av
import numpy as np
from PIL import Image

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from core_network.training.teachers import PICODET, PicoDet, TiledTeacher
from evaluation.core_accuracy import report_football
from evaluation.datasets.people import PERSON, people_only
from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import DatasetError
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.coco import CocoScore, average_precision
from evaluation.metrics.paired import ap50_difference
from task_heads.registry import Registry
from task_heads.result import result_from
from task_heads.runner import HeadRunner

__all__ = ["TeacherComparison", "compare_with_teacher"]

_HEAD, _RATE = "player_tracking", "default"


@dataclass(frozen=True)
class TeacherComparison:
    """Scores of people and median ms of CPU for one still: ours from the decoded picture to boxes.

    `ahead`: AP50 of ours minus the teacher's, on the same resampled stills.
    """

    stills: int
    ours: CocoScore
    teacher: CocoScore
    ahead: Interval
    our_ms: float
    teacher_ms: float


def compare_with_teacher(root: Path, core: Core, tick: Callable[[], None]) -> TeacherComparison:
    """Run both on every still, in turns; raises DatasetError when stills or weights are not there."""
    if not (root / PICODET).is_file():
        raise DatasetError(f"{root / PICODET}: expected the teacher's graph, there is none")
    teacher = TiledTeacher(PicoDet(root / PICODET))
    encoder, head = Encoder(core), HeadRunner(Registry().get(_HEAD).folder, core.spec)
    football = report_football(root)
    ours, theirs = dict[tuple[str, str], list[Prediction]](), dict[tuple[str, str], list[Prediction]]()
    our_ms, teacher_ms = [], []
    for clip in football.clips:
        assert clip.pictures is not None
        for frame in clip.frames:
            with Image.open(clip.pictures / frame.file) as opened:
                picture = opened.convert("RGB")
            found = teacher.people(picture)
            teacher_ms.append(teacher.ms)
            theirs[clip.name, frame.name] = [
                Prediction(PERSON, (x0, y0, x1, y1), score) for x0, y0, x1, y1, score in found.tolist()
            ]
            decoded = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            started = time.process_time()
            image, view = prepare(decoded, core.spec.input_width, core.spec.input_height)
            symbols = core.spec.quantise(encoder.latent(image, fresh=True), _RATE)
            head.reset()
            tables = head.run(core.spec.dequantise(symbols, _RATE), view.as_array(), 0.0)
            our_ms.append((time.process_time() - started) * 1e3)
            every = result_from(head.manifest, tables, frame.width, frame.height, every_detection=True)
            boxes = sorted(every.boxes, key=lambda box: -box.score)
            ours[clip.name, frame.name] = [Prediction(PERSON, box.xyxy, box.score) for box in boxes]
            tick()
    people = people_only(football)
    return TeacherComparison(
        len(ours),
        average_precision(people, ours),
        average_precision(people, theirs),
        ap50_difference(people, ours, theirs),
        median(our_ms),
        median(teacher_ms),
    )
