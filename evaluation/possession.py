"""Who has the ball, by the heads on procedural matches, against exact truth.

match -> core -> player_tracking, ball_statistics -> who is said to get the ball  --> held against
      -> truth                                    -> who gets it from somebody else --> each other
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import av
import numpy as np

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import prepare
from core_network.scenes import Match, Truth
from core_network.training.detection import box_iou
from evaluation.bench.figure import Figure
from evaluation.decoded import DecodedFrame, HeadOutcome, heads_on

__all__ = ["SEEDS", "Claim", "Tally", "possession_figures", "tally"]

SEEDS = (209, 211, 301, 303)
"""Matches that nothing was chosen on."""

_SIZE = (1280, 720)
_SECONDS, _FPS = 30, 25.0
_RATE = "default"
_PLAYERS, _BALL = "player_tracking", "ball_statistics"
_LATE_S = 0.6
"""Somebody who gets the ball must be named within this time, before or after, to be named in time."""
_COVERED = 0.3
"""A track stands for the person whose true box it covers best, from this IoU on: far people are small."""
_OF_THE_MOMENT = ("ball_speed", "ball_speed_ground", "ball_x", "ball_y", "ball_confidence")

Claim = tuple[float, int | None]
"""When, and which true person (None: nobody is there)."""


@dataclass(frozen=True)
class Tally:
    """Events named right (in time; later, but while the person has the ball), named at all, and true ones;
    and frames without a ball on which a figure of the moment was told."""

    right: int = 0
    later: int = 0
    named: int = 0
    true: int = 0
    invented: int = 0

    def __add__(self, other: Tally) -> Tally:
        """Return both together."""
        return Tally(
            self.right + other.right,
            self.later + other.later,
            self.named + other.named,
            self.true + other.true,
            self.invented + other.invented,
        )


def possession_figures(
    core: Core, report: Callable[[str], None], seeds: Sequence[int] = SEEDS
) -> list[Figure]:
    """Return precision and recall of possession on whole matches, seen as a viewer sees them.

    An event is somebody's getting the ball from somebody else. Raises HeadError.
    """
    total = Tally()
    for seed in seeds:
        report(f"possession: match {seed}")
        total += _match(seed, core)
    where = f"{len(seeds)} procedural matches, {total.true} events"
    precision, recall = total.right / max(total.named, 1), total.right / max(total.true, 1)
    with_ball = total.right + total.later
    return [
        Figure("possession_precision", f"Possession: precision, {where}", precision, at_least=0.9),
        Figure("possession_recall", f"Possession: recall, {where}", recall, at_least=0.7),
        Figure(
            "possession_precision_late",
            "Possession: precision, where somebody may be named as long as he has the ball",
            with_ball / max(total.named, 1),
        ),
        Figure(
            "possession_recall_late",
            "Possession: recall, where somebody may be named as long as he has the ball",
            with_ball / max(total.true, 1),
        ),
        Figure("invented", "Frames without a ball that have its speed or place", total.invented, at_most=0),
    ]


def tally(claims: Sequence[Claim], truths: Sequence[Truth], fps: float) -> Tally:
    """Hold who was said to get the ball against who did; each true event counts once."""
    left = [
        (number / fps, _until(truths, number, event.player) / fps, event.player)
        for number, truth in enumerate(truths)
        for event in (truth.play.events if truth.play is not None else ())
        if event.kind in ("pass", "turnover")
    ]
    true, right, later = len(left), 0, 0
    for time, who in claims:
        mine = [event for event in left if event[2] == who]
        near = [event for event in mine if abs(event[0] - time) <= _LATE_S]
        during = [event for event in mine if event[0] <= time <= event[1] + _LATE_S]
        if near:
            left.remove(near[0])
            right += 1
        elif during:
            left.remove(during[0])
            later += 1
    return Tally(right, later, len(claims), true)


def _until(truths: Sequence[Truth], first: int, player: int | None) -> int:
    """Return the last frame on which `player` has the ball without a break."""
    last = first
    while last + 1 < len(truths) and (play := truths[last + 1].play) is not None and play.holder == player:
        last += 1
    return last


def _match(seed: int, core: Core) -> Tally:
    truths: list[Truth] = []
    claims: list[Claim] = []
    holder: int | None = None
    said: int | None = None
    invented = 0
    for frame, outcomes in heads_on(_frames(seed, core, truths), core, [_PLAYERS, _BALL]):
        truth = truths[-1]
        if frame.number == 0 and truth.play is not None:
            holder = truth.play.holder
        stats = outcomes[_BALL].shown.stats
        if not outcomes[_BALL].shown.points:
            invented += any(name in stats for name in _OF_THE_MOMENT)
        if "ball_holder" not in stats or round(stats["ball_holder"]) == said:
            continue
        said = round(stats["ball_holder"])
        who = _person(outcomes[_PLAYERS], said, truth)
        if who is None or who != holder:  # a new number of the same person is no event
            claims.append((frame.number / _FPS, who))
            holder = who if who is not None else holder
    found = tally(claims, truths, _FPS)
    return replace(found, invented=invented)


def _frames(seed: int, core: Core, truths: list[Truth]) -> Iterator[DecodedFrame]:
    """Yield a match's frames as decoded; the truth of the newest is the last of `truths`."""
    encoder, spec = Encoder(core), core.spec
    for number, scene in enumerate(Match(seed, *_SIZE, fps=_FPS).frames(int(_SECONDS * _FPS))):
        truths.append(scene.truth)
        picture = av.VideoFrame.from_ndarray(scene.image, format="rgb24")
        image, view = prepare(picture, spec.input_width, spec.input_height)
        symbols = spec.quantise(encoder.latent(image, fresh=number == 0), _RATE)
        fresh = number == 0
        yield DecodedFrame(
            number, None, spec.dequantise(symbols, _RATE), view.as_array(), *_SIZE,
            0.0 if fresh else 1 / _FPS, fresh, 0,
        )  # fmt: skip


def _person(players: HeadOutcome, number: int, truth: Truth) -> int | None:
    """Return the true person behind an id, None when its track is nobody's."""
    boxes = [box.xyxy for box in players.shown.boxes if box.id == number]
    if not boxes or not truth.players:
        return None
    people = np.array([person.box for person in truth.players], np.float64)
    overlap = box_iou(np.array(boxes[:1], np.float64), people)[0]
    return truth.players[int(overlap.argmax())].id if overlap.max() >= _COVERED else None
