"""Trackers of the `trackers` package as rivals: the same detections in, boxes with ids out."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import supervision
from numpy.typing import NDArray
from trackers import ByteTrackTracker, OCSORTTracker, SORTTracker

from evaluation.metrics.tracking import Tracked

__all__ = ["FLOOR", "RIVALS", "Settings", "Tracks", "candidates", "follow"]

Settings = Mapping[str, float]
Tracks = list[list[Tracked]]

FLOOR = "floor"
"""Setting of ours: detections with lower scores are not shown to the tracker."""


@dataclass(frozen=True)
class _Rival:
    """A tracker, what it does with its package's own settings, and the settings that tuning tries."""

    build: Callable[..., Any]
    own: Settings
    tried: Mapping[str, tuple[float, ...]]


RIVALS: dict[str, _Rival] = {
    "sort": _Rival(
        SORTTracker,
        {FLOOR: 0.25},
        {
            FLOOR: (0.1, 0.25, 0.4),
            "track_activation_threshold": (0.25, 0.4),
            "minimum_iou_threshold": (0.1, 0.3),
        },
    ),
    "ocsort": _Rival(
        OCSORTTracker,
        {FLOOR: 0.25},
        {
            FLOOR: (0.1, 0.25, 0.4),
            "high_conf_det_threshold": (0.3, 0.5),
            "minimum_iou_threshold": (0.1, 0.3),
        },
    ),
    "bytetrack": _Rival(
        ByteTrackTracker,
        {FLOOR: 0.1},
        {
            FLOOR: (0.05, 0.1, 0.2),
            "track_activation_threshold": (0.3, 0.5),
            "high_conf_det_threshold": (0.3, 0.5),
        },
    ),
}
"""Name -> tracker. SORT [arXiv 1602.00763], OC-SORT [2203.14360], ByteTrack [2110.06864]."""


def candidates(name: str) -> Iterator[dict[str, float]]:
    """Yield every combination of the settings that tuning tries."""
    tried = RIVALS[name].tried
    for values in itertools.product(*tried.values()):
        yield dict(zip(tried, values, strict=True))


def follow(
    name: str, detections: Sequence[NDArray[np.float64]], fps: float, settings: Settings | None = None
) -> tuple[Tracks, float]:
    """Run a rival over the frames of one video; returns its boxes with ids and the median ms of a frame.

    Each frame's detections are [n, 5]: x0, y0, x1, y1 in px and the score. `settings`: the package's own
    where None. Raises KeyError for an unknown name.
    """
    rival = RIVALS[name]
    chosen = dict(rival.own if settings is None else settings)
    floor = chosen.pop(FLOOR)
    whole = {key: int(value) if key.endswith("frames") else value for key, value in chosen.items()}
    tracker = rival.build(frame_rate=fps, **whole)
    tracks: Tracks = []
    spent = []
    for boxes in detections:
        kept = boxes[boxes[:, 4] >= floor]
        started = time.perf_counter()
        found = tracker.update(
            supervision.Detections(
                xyxy=kept[:, :4].astype(np.float32),
                confidence=kept[:, 4].astype(np.float32),
                class_id=np.zeros(len(kept), int),
            )
        )
        spent.append((time.perf_counter() - started) * 1e3)
        ids = found.tracker_id if found.tracker_id is not None else np.zeros(0, int)
        tracks.append(
            [
                Tracked(int(identity), (float(x0), float(y0), float(x1), float(y1)))
                for identity, (x0, y0, x1, y1) in zip(ids, found.xyxy, strict=True)
                if identity >= 0
            ]
        )
    return tracks, float(np.median(spent)) if spent else 0.0
