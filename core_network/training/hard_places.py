"""Where the network errs on its own training pictures: people and balls that it misses or makes up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from core_network.training.augment import full_view
from core_network.training.detection import box_iou
from core_network.training.network import normalise
from core_network.training.stills import Still
from core_network.training.validation import Maps, decode_balls, decode_people

__all__ = ["HardPlaces", "hard_places", "with_hard_places"]

HardPlaces = dict[str, NDArray[np.float32]]
"""Name of a still -> places [n, 2], x y in px of the kept picture."""

_CLAIMED = 0.3
"""Score from which something counts as found."""
_HIT_IOU, _HIT_PX = 0.4, 4.0
"""A claim nearer than this to a truth is right; px of the network's input."""


@torch.no_grad()
def hard_places(maps: Maps, stills: Sequence[Still], shape: tuple[int, int]) -> HardPlaces:
    """Return the errors of `maps` (see `validation`) on whole pictures at `shape`, height and width."""
    places: HardPlaces = {}
    for still in stills:
        sample = full_view(still, shape[1], shape[0])
        x = normalise(torch.from_numpy(sample.planes).permute(2, 0, 1)[None])
        people, balls = maps(x.contiguous(memory_format=torch.channels_last))
        wrong: list[NDArray[np.float64]] = []
        if sample.people is not None:
            wrong += _wrong_people(decode_people(people[0]), sample.people.astype(np.float64))
        if sample.balls is not None:
            wrong += _wrong_balls(decode_balls(balls[0])[:1], sample.balls.astype(np.float64))
        if wrong:
            places[still.name] = _in_kept_picture(still, np.stack(wrong), shape)
    return places


def with_hard_places(stills: Sequence[Still], places: Mapping[str, NDArray[np.float32]]) -> Sequence[Still]:
    """Return the stills, each with what is known of its hard places."""
    return [replace(still, hard=places.get(still.name)) for still in stills] if places else stills


def _wrong_people(found: NDArray[np.float64], truth: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    claimed = found[found[:, 4] >= _CLAIMED]
    overlaps = box_iou(claimed[:, :4], truth)
    made_up = claimed[(overlaps < _HIT_IOU).all(1)]
    missed = truth[(overlaps < _HIT_IOU).all(0)]
    return [(box[:2] + box[2:4]) / 2 for box in (*made_up, *missed)]


def _wrong_balls(found: NDArray[np.float64], truth: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    claimed = found[found[:, 2] >= _CLAIMED, :2]
    away = np.linalg.norm(claimed[:, None] - truth[None], axis=2)
    return [*claimed[(away > _HIT_PX).all(1)], *truth[(away > _HIT_PX).all(0)]]


def _in_kept_picture(
    still: Still, places: NDArray[np.float64], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """Undo the letterbox of a whole view."""
    size = np.array(still.pixels().shape[1::-1], np.float64)
    box = np.array([shape[1], shape[0]], np.float64)
    scale = (box / size).min()
    return np.asarray((places - (box - size * scale) / 2) / scale, np.float32)
