"""What the shipped core and heads find on the report split."""

from __future__ import annotations

from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.core_accuracy import score_core

__all__ = ["measure"]


def measure(root: Path | None) -> list[Figure]:
    """Score the shipped heads at rate `default`."""
    if root is None:
        raise NotMeasured(
            "the labelled stills are not here; name the folder that holds splits.csv with --data"
        )
    try:
        score = score_core(root, default_core())
    except FileNotFoundError as error:
        raise NotMeasured(str(error)) from error
    return [
        Figure("stills", "stills of matches never seen", score.stills),
        Figure("people", "people on them", score.people),
        Figure("people_ap50", "people AP50", score.ap50, at_least=0.85),
        Figure("people_ap75", "people AP75", score.ap75),
        Figure("people_recall", "people recall at the lowest score", score.people_recall),
        Figure("ball_recall", "ball recall, as displayed", score.ball.recall, at_least=0.5),
        Figure("ball_precision", "ball precision, as displayed", score.ball.precision, at_least=0.6),
    ]
