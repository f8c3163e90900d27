"""HOTA, IDF1 and CLEAR MOT of tracks, by the `trackers` package, with what does not count taken out first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]
from trackers.eval import compute_clear_metrics, compute_hota_metrics, compute_identity_metrics

from core_network.training.detection import box_iou
from evaluation.datasets.types import Clip, DatasetError, Frame, Rect
from evaluation.metrics.bootstrap import Interval, blocks, interval

__all__ = ["BLOCK_FRAMES", "TrackScore", "Tracked", "track_scores"]

BLOCK_FRAMES = 15
"""Intervals resample runs of this many frames."""

_MATCH_IOU = 0.5
_ROUNDS = 100


@dataclass(frozen=True)
class Tracked:
    """A box with the id that a tracker gave it, in px of the source picture."""

    track: int
    box: Rect


@dataclass(frozen=True)
class TrackScore:
    """Scores of one clip; HOTA, its parts, IDF1 and MOTA as shares of 1. `ids`: how many were given."""

    hota: float
    det_a: float
    ass_a: float
    idf1: float
    mota: float
    switches: int
    recall: float
    precision: float
    ids: int
    true_ids: int
    hota_interval: Interval
    idf1_interval: Interval
    mota_interval: Interval

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        shares = ("hota", "det_a", "ass_a", "idf1", "mota", "recall", "precision")
        return {
            **{name: round(getattr(self, name), 4) for name in shares},
            **{name: getattr(self, name) for name in ("switches", "ids", "true_ids")},
            **{
                f"{name}_interval": getattr(self, f"{name}_interval").to_json()
                for name in ("hota", "idf1", "mota")
            },
        }


@dataclass(frozen=True)
class _Scored:
    """One frame after preparation: true ids, found ids and their IoU [true, found]."""

    true: NDArray[np.int64]
    found: NDArray[np.int64]
    overlap: NDArray[np.float64]


def track_scores(clip: Clip, tracks: Mapping[str, Sequence[Tracked]], *, rounds: int = _ROUNDS) -> TrackScore:
    """Score one clip's tracks, by frame name; frames without an entry have none.

    Boxes outside the labelled region are left out, then those whose best assignment (IoU >= 0.5) is an
    ignored truth, then the ignored truths, as MOTChallenge does with its distractors. Labels do not matter.
    Raises DatasetError for frames that the clip does not have, things without a track, an id that is twice in
    a frame, and boxes that are no boxes.
    """
    strangers = set(tracks) - {frame.name for frame in clip.frames}
    if strangers:
        raise DatasetError(
            f"{clip.name}: expected tracks of its {len(clip.frames)} frames, got frame {min(strangers)!r}"
        )
    scored = [_prepare(clip, frame, tracks.get(frame.name, ())) for frame in clip.frames]
    runs = blocks(scored, BLOCK_FRAMES)

    def spread(value: str) -> Interval:
        def of(drawn: Sequence[Sequence[_Scored]]) -> float:
            return _measure([frame for run in drawn for frame in run])[value]

        return interval(runs, of, rounds=rounds) if rounds else Interval(math.nan, math.nan, len(runs))

    hota = compute_hota_metrics(*_columns(scored))
    clear = compute_clear_metrics(*_columns(scored))
    return TrackScore(
        hota["HOTA"],
        hota["DetA"],
        hota["AssA"],
        compute_identity_metrics(*_columns(scored))["IDF1"],
        _mota(clear),
        clear["IDSW"],
        clear["CLR_Re"],
        clear["CLR_Pr"],
        len({track for frame in scored for track in frame.found.tolist()}),
        len({track for frame in scored for track in frame.true.tolist()}),
        spread("hota"),
        spread("idf1"),
        spread("mota"),
    )


def _prepare(clip: Clip, frame: Frame, found: Sequence[Tracked]) -> _Scored:
    place = f"{clip.name}/{frame.name}"
    for one in found:
        x0, y0, x1, y1 = one.box
        if not all(map(math.isfinite, one.box)) or x1 < x0 or y1 < y0:
            raise DatasetError(f"{place}: expected a box x0 <= x1 and y0 <= y1, got {one.box}")
    if len({one.track for one in found}) != len(found):
        twice = next(one.track for one in found if sum(other.track == one.track for other in found) > 1)
        raise DatasetError(f"{place}: expected each id once in a frame, got id {twice} twice")
    if any(thing.track is None for thing in frame.things):
        raise DatasetError(f"{place}: expected things with track ids, got one without")
    outside = clip.outside
    kept = [one for one in found if outside is None or not outside(frame, one.box)]
    overlap = box_iou(
        np.array([thing.box for thing in frame.things], np.float64).reshape(-1, 4),
        np.array([one.box for one in kept], np.float64).reshape(-1, 4),
    )
    ignored = np.array([thing.ignore for thing in frame.things], bool)
    rows, columns = linear_sum_assignment(-np.where(overlap >= _MATCH_IOU, overlap, 0.0))
    counts = np.ones(len(kept), bool)
    for row, column in zip(rows, columns, strict=True):
        if ignored[row] and overlap[row, column] >= _MATCH_IOU:
            counts[column] = False
    return _Scored(
        np.array([thing.track for thing in frame.things if not thing.ignore], np.int64),
        np.array([one.track for one, count in zip(kept, counts, strict=True) if count], np.int64),
        overlap[~ignored][:, counts],
    )


def _columns(
    frames: Sequence[_Scored],
) -> tuple[list[NDArray[np.int64]], list[NDArray[np.int64]], list[NDArray[np.float64]]]:
    return [one.true for one in frames], [one.found for one in frames], [one.overlap for one in frames]


def _measure(frames: Sequence[_Scored]) -> dict[str, float]:
    columns = _columns(frames)
    return {
        "hota": compute_hota_metrics(*columns)["HOTA"],
        "idf1": compute_identity_metrics(*columns)["IDF1"],
        "mota": _mota(compute_clear_metrics(*columns)),
    }


def _mota(clear: dict[str, Any]) -> float:
    """Return MOTA; without any truth it does not exist, though the package says 0."""
    return float(clear["MOTA"]) if clear["CLR_TP"] + clear["CLR_FN"] else math.nan
