"""What the way to the viewer costs heads: the same heads on the core's float features and on decoded ones.

    picture -> core in float32 -> wide features before the bottleneck -> heads        the reference
    picture -> served core -> symbols at each rate -> dequantised     -> heads        what viewers have

Both are the core's probe heads, trained on the same views of the train split's football stills in the same
order. They begin with the probes that trained with the core; those of the reference read the wide features
through the core's own bottleneck at first, as one layer that learns. As with the shipped heads one set of
weights serves every rate. Thresholds for the ball are chosen on the validation split, scores are of the
report split.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core_network.catalogue import Core
from core_network.spec import RATES, FeatureSpec
from core_network.training.augment import Sample, full_view, random_view
from core_network.training.detection import BallScore, ball_score
from core_network.training.losses import task_loss
from core_network.training.memory import keep_freed_memory
from core_network.training.network import CoreNetwork, ProbeHeads
from core_network.training.stills import Still, load_football
from core_network.training.targets import Targets, make_targets
from core_network.training.validation import decode_balls
from evaluation.core_accuracy import ball_counts, report_football
from evaluation.core_accuracy_probes import (
    Shape,
    balls_in,
    load_core_and_probes,
    network_input,
    people_in,
    planes_of,
)
from evaluation.datasets.people import people_only
from evaluation.datasets.predictions import Prediction
from evaluation.datasets.types import Clip, Frame
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.coco import CocoScore, average_precision
from evaluation.metrics.paired import ap50_difference, f1_difference
from evaluation.metrics.points import RADIUS_PX, WIDTH_PX, total
from evaluation.split.session import Session
from task_heads.training.pictures import RATE_SHARES

__all__ = ["REFERENCE", "HeadScore", "Lost", "lost", "measure_heads"]

REFERENCE = "float"
"""The heads on float features, beside the names of the rates."""
_DECODED = "decoded"
_VIEWS, _WHOLE_SHARE = 3, 0.6
_STEPS, _BATCH, _RATE = 300, 8, 1e-3
_VIEWS_SEED, _STEPS_SEED = 5, 6

Pictures = Sequence[tuple[Clip, Frame]]
Tick = Callable[[], None]


@dataclass(frozen=True, eq=False)
class HeadScore:
    """One set of heads on one kind of features: people of the report stills, and their balls by still."""

    people: CocoScore
    detections: Mapping[tuple[str, str], list[Prediction]]
    balls: Sequence[BallScore]

    @property
    def ball_f1(self) -> float:
        """F1 of the ball over all stills."""
        return total(self.balls).f1


@dataclass(frozen=True)
class Lost:
    """Points (hundredths) of people's AP50 and the ball's F1, with intervals of the differences."""

    people: float
    people_spread: Interval
    ball: float
    ball_spread: Interval


@dataclass(frozen=True, eq=False)
class _Features:
    """Of each picture: wide features float16 [W, h, w] of the float core, latent float32 [C, h, w] of the
    served one."""

    wide: list[Tensor] = field(default_factory=list)
    latents: list[NDArray[np.float32]] = field(default_factory=list)

    def of(self, pictures: Sequence[int]) -> _Features:
        """Return those of some pictures."""
        return _Features([self.wide[i] for i in pictures], [self.latents[i] for i in pictures])


def measure_heads(root: Path, core: Core, checkpoint: Path, tick: Tick) -> dict[str, HeadScore]:
    """Train both sets of heads and score them: REFERENCE and every rate.

    `tick` hears of every picture and every step. Raises DatasetError or ValueError when something is absent.
    """
    keep_freed_memory()
    spec = core.spec
    shape = spec.input_height, spec.input_width
    network, probes = load_core_and_probes(checkpoint)
    session = Session(core.model_path)

    def see(planes: NDArray[np.uint8], features: _Features) -> None:
        with torch.no_grad():
            features.wide.append(network.shared(network_input(planes))[0].half().contiguous())
        features.latents.append(session.run({"planes": planes[None]})["latent"][0])
        tick()

    def seen(samples: Iterable[Sample]) -> tuple[_Features, list[Sample]]:
        features, kept = _Features(), []
        for sample in samples:
            see(sample.planes, features)
            kept.append(replace(sample, planes=sample.planes[:0]))  # the pictures would fill the memory
        return features, kept

    learned = seen(_views(load_football(root), shape))
    chosen = seen(full_view(still, *shape[::-1]) for still in load_football(root, ("validation",)))
    football = report_football(root)
    pictures, received = list[tuple[Clip, Frame]](), _Features()
    for clip, frame, planes in planes_of(football, shape):
        see(planes, received)
        pictures.append((clip, frame))
    heads = {REFERENCE: _on_wide(probes, network), _DECODED: probes}
    _train(heads, *learned, spec, tick)
    scores = {}
    for kind in (REFERENCE, *RATES):
        head = heads[REFERENCE if kind == REFERENCE else _DECODED].eval()
        # Viewers have one threshold, whatever the rate.
        at = kind if kind == REFERENCE else "default"
        threshold = _threshold(head, _given(chosen[0], at, spec), chosen[1], shape)
        detections, balls = _found(head, _given(received, kind, spec), pictures, shape, threshold)
        score = average_precision(people_only(football), detections)
        scores[kind] = HeadScore(score, detections, balls)
    return scores


def lost(root: Path, scores: Mapping[str, HeadScore], rate: str) -> Lost:
    """Return what heads at a rate lose against those of REFERENCE, on the same stills."""
    before, after = scores[REFERENCE], scores[rate]
    spread = ap50_difference(people_only(report_football(root)), before.detections, after.detections)
    return Lost(
        100 * (before.people.overall.ap50 - after.people.overall.ap50),
        spread.scaled(100),
        100 * (before.ball_f1 - after.ball_f1),
        f1_difference(before.balls, after.balls).scaled(100),
    )


def _views(stills: Sequence[Still], shape: Shape) -> Iterator[Sample]:
    for index, still in enumerate(stills):
        for number in range(_VIEWS):
            rng = np.random.default_rng([_VIEWS_SEED, index, number])
            yield random_view(still, *shape[::-1], rng, _WHOLE_SHARE)


def _on_wide(probes: ProbeHeads, core: CoreNetwork) -> ProbeHeads:
    """Return probes of the wide features that say what `probes` say of the unrounded latent."""
    bottleneck = core.bottleneck
    assert bottleneck.bias is not None
    mixing, bias = bottleneck.weight.detach()[:, :, 0, 0], bottleneck.bias.detach()
    wide = ProbeHeads(mixing.shape[1])
    weights = {name: value.clone() for name, value in probes.state_dict().items()}
    for head in ("people", "ball"):
        first = weights[f"{head}.0.0.weight"][:, :, 0, 0]
        weights[f"{head}.0.0.weight"] = (first @ mixing)[:, :, None, None]
        weights[f"{head}.0.1.running_mean"] -= first @ bias
    wide.load_state_dict(weights)
    return wide


def _given(features: _Features, kind: str, spec: FeatureSpec) -> list[Tensor]:
    """Return what heads are given [1, C, h, w] of each picture."""
    if kind == REFERENCE:
        return [wide[None].float() for wide in features.wide]
    return [
        torch.from_numpy(spec.dequantise(spec.quantise(latent, kind), kind)) for latent in features.latents
    ]


def _train(
    heads: Mapping[str, ProbeHeads],
    features: _Features,
    views: Sequence[Sample],
    spec: FeatureSpec,
    tick: Tick,
) -> None:
    rates, shares = list(RATE_SHARES), list(RATE_SHARES.values())
    optimisers = {
        name: torch.optim.AdamW(head.parameters(), _RATE, weight_decay=1e-3) for name, head in heads.items()
    }
    for step in range(_STEPS):
        rng = np.random.default_rng([_STEPS_SEED, step])
        chosen: list[int] = rng.integers(len(views), size=_BATCH).tolist()
        target = _targets([views[i] for i in chosen], (spec.input_height, spec.input_width))
        drawn = zip(chosen, rng.choice(rates, _BATCH, p=shares), strict=True)
        decoded = [_given(features.of([i]), str(rate), spec)[0] for i, rate in drawn]
        given = {
            REFERENCE: torch.cat(_given(features.of(chosen), REFERENCE, spec)),
            _DECODED: torch.cat(decoded),
        }
        for name, head in heads.items():
            head.train()
            for group in optimisers[name].param_groups:
                group["lr"] = (
                    _RATE * min(1.0, (step + 1) / 30) * (0.51 + 0.49 * math.cos(math.pi * step / _STEPS))
                )
            people, ball = head(given[name])
            loss, _ = task_loss(people, ball, target)
            optimisers[name].zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(head.parameters(), 5.0)
            optimisers[name].step()
        tick()


def _targets(views: Sequence[Sample], shape: Shape) -> dict[str, Tensor]:
    maps = [make_targets(view.people, view.balls, *shape) for view in views]

    def stacked(name: str) -> Tensor:
        return torch.from_numpy(np.stack([np.asarray(getattr(one, name), np.float32) for one in maps]))

    return {one.name: stacked(one.name) for one in fields(Targets)}


@torch.no_grad()
def _threshold(head: ProbeHeads, given: Sequence[Tensor], views: Sequence[Sample], shape: Shape) -> float:
    """Return the threshold at which the best ball of each picture has the best F1."""
    points = [decode_balls(head(features)[1][0].float())[:1] for features in given]
    truths = [view.balls if view.balls is not None else np.zeros((0, 2)) for view in views]
    radius = RADIUS_PX * shape[1] / WIDTH_PX
    scores = [(ball_score(points, truths, radius, t).f1, float(t)) for t in np.arange(0.05, 0.95, 0.05)]
    return max(scores)[1]


@torch.no_grad()
def _found(
    head: ProbeHeads, given: Sequence[Tensor], pictures: Pictures, shape: Shape, threshold: float
) -> tuple[dict[tuple[str, str], list[Prediction]], list[BallScore]]:
    detections, balls = {}, []
    for features, (clip, frame) in zip(given, pictures, strict=True):
        people, ball = head(features)
        detections[clip.name, frame.name] = people_in(people[0], frame, shape)
        balls.append(ball_counts(frame, balls_in(ball[0], frame, shape, threshold)))
    return detections, balls
