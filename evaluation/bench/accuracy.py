"""What the shipped core and heads find on the report split."""

from __future__ import annotations

from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.core_accuracy import score_core
from evaluation.datasets.types import DatasetError

__all__ = ["measure"]


def measure(root: Path | None) -> list[Figure]:
    """Score the shipped heads at rate `default`."""
    if root is None:
        raise NotMeasured(
            "the labelled stills are not here; name the folder that holds splits.csv with --data"
        )
    try:
        score = score_core(root, default_core())
    except DatasetError as error:
        raise NotMeasured(str(error)) from error
    people, ball, shuttle = score.people.overall, score.ball.counts, score.shuttle.counts
    return [
        Figure("stills", "football stills of matches never seen", score.stills),
        Figure("people", "people on them", people.truths),
        Figure("people_ap50", "people AP50", people.ap50, at_least=0.85),
        Figure("people_ap75", "people AP75", people.ap75),
        Figure("small_recall", "recall of people under 55 px (at 1920 wide)", score.small_recall),
        Figure("ball_recall", "ball recall, as displayed", ball.recall, at_least=0.5),
        Figure("ball_precision", "ball precision, as displayed", ball.precision, at_least=0.6),
        Figure("tennis_recall", "tennis ball recall, as displayed, stills", score.tennis.counts.recall),
        Figure("shuttle_f1", "shuttle F1, as displayed, clips of a venue never seen", shuttle.f1),
    ]
