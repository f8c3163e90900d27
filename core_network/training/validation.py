"""How good the probe heads are on labelled stills: people AP, ball recall and precision."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from core_network.training.augment import full_view
from core_network.training.detection import average_precision, ball_score, box_iou
from core_network.training.losses import box_from_maps
from core_network.training.network import normalise
from core_network.training.stills import Still
from core_network.training.targets import STRIDE

__all__ = ["decode_balls", "decode_people", "validate"]

Maps = Callable[[Tensor], tuple[Tensor, Tensor]]

_CANDIDATES = 1 / 35
"""Share of all places whose boxes are compared: 402 at 640x352, where a person has about nine."""
_LEAST_SCORE, _SAME_IOU, _AGREED_IOU = 0.01, 0.6, 0.7


def decode_people(maps: Tensor) -> NDArray[np.float64]:
    """Return boxes and scores [n, 5] in px of the network input, best first, of people maps [5, h, w].

    Every place may hold a person; that two boxes are of one person is seen by their overlap alone (to ask for
    peaks of the heat would lose one of two people in places side by side, who are 5 to 7 % of all). Boxes
    that agree are averaged (box voting, arXiv 1505.01749, section 4.3). The player head does the same.
    """
    best, index = torch.sigmoid(maps[0]).flatten().topk(int(maps[0].numel() * _CANDIDATES))
    index, score = index[best > _LEAST_SCORE], best[best > _LEAST_SCORE].double().numpy()
    boxes = (box_from_maps(maps[None])[0].flatten(1)[:, index].T * STRIDE).double().numpy()
    kept: list[int] = []
    overlaps = box_iou(boxes, boxes)
    for number in range(len(boxes)):
        if (overlaps[number, kept] < _SAME_IOU).all():
            kept.append(number)
    votes = (overlaps[kept] > _AGREED_IOU) * score**2
    mean = votes @ boxes / votes.sum(1, keepdims=True)
    return np.concatenate([mean, score[kept, None]], 1)


def decode_balls(maps: Tensor, count: int = 3) -> NDArray[np.float64]:
    """Return ball points x, y, score [n, 3] in px of the network input, of ball maps [3, h, w]."""
    heat = torch.sigmoid(maps[0])[None, None]
    score, index = (heat * (F.max_pool2d(heat, 3, 1, 1) == heat)).flatten().topk(count)
    width = maps.shape[-1]
    x, y = index % width + maps[1].flatten()[index], index // width + maps[2].flatten()[index]
    return torch.stack([x * STRIDE, y * STRIDE, score], 1).double().numpy()


@torch.no_grad()
def validate(run: Maps, stills: Iterable[Still], shape: tuple[int, int]) -> dict[str, float]:
    """Return what the labels allow: ap50, ap75 and recall of people, the ball's best F1 with its threshold.

    `run` maps an input to probe maps. The ball radius is 12 px at 1920 px wide, which is 4 px of a
    640 px wide input.
    """
    people, boxes, points, balls = [], [], [], []
    for still in stills:
        sample = full_view(still, shape[1], shape[0])
        x = normalise(torch.from_numpy(sample.planes).permute(2, 0, 1)[None]).contiguous(
            memory_format=torch.channels_last
        )
        people_maps, ball_maps = run(x)
        if sample.people is not None:
            people.append(decode_people(people_maps[0].float()))
            boxes.append(sample.people)
        if sample.balls is not None:
            points.append(decode_balls(ball_maps[0].float())[:1])
            balls.append(sample.balls)
    found: dict[str, float] = {}
    if boxes:
        found["ap50"], found["recall"] = average_precision(people, boxes, 0.5)
        found["ap75"], _ = average_precision(people, boxes, 0.75)
    if balls:
        radius = 12 * shape[1] / 1920
        best, threshold = max(
            ((ball_score(points, balls, radius, t), t) for t in np.arange(0.05, 0.95, 0.05)),
            key=lambda s: s[0].f1,
        )
        found |= {
            "ball_f1": best.f1,
            "ball_recall": best.recall,
            "ball_precision": best.precision,
            "ball_threshold": float(threshold),
        }
    return found
