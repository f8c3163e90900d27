"""`featurecast evaluate generality`: what heads can learn of tasks that the core never knew."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from core_network.catalogue import default_core
from core_network.spec import RATES
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.commands.evaluation.pages import RESULTS, write_page
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

if TYPE_CHECKING:
    from evaluation.generality.protocol import Condition, Outcome

__all__ = ["configure", "run"]

_TITLE = "Generality: tasks the core was never trained for"
_WANTED = 0.8


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_root(parser)
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="of the core's training run; default: runs/<core>/checkpoint.pt",
    )
    parser.add_argument("--seeds", type=int, default=2, help="how often each head is trained (at least 2)")
    parser.add_argument("--steps", type=int, default=300, help="training steps of each head")
    parser.add_argument(
        "--ceiling-steps", type=int, default=150, help="further steps of the ceilings, backbone and head"
    )
    parser.add_argument("--rates", nargs="+", choices=RATES, default=["default", "low"])
    parser.add_argument(
        "--cache", metavar="DIR", type=Path, default=Path("runs/generality"),
        help="scores so far: a run that was stopped goes on (runs/generality)",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=RESULTS / "generality.md",
        help="the page whose generated part is replaced (docs/results/generality.md)",
    )  # fmt: skip
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, score, print a table and write the page."""
    # PyTorch is an extra: only here is it needed.
    from core_network.training.export import load_trained_core
    from evaluation.generality.protocol import CEILING, FLOORS, FROZEN, Outcome, Protocol
    from evaluation.generality.tasks import held_out_tasks

    if arguments.seeds < 2 or min(arguments.steps, arguments.ceiling_steps) < 1:
        raise Refusal("expected at least --seeds 2 (a spread needs two), --steps 1 and --ceiling-steps 1")
    core = default_core()
    checkpoint = arguments.checkpoint or Path("runs") / core.spec.name / "checkpoint.pt"
    if not checkpoint.is_file():
        raise Refusal(
            f"{checkpoint}: the ceiling starts from the core's float weights; train it (make models) or name "
            "the run's checkpoint with --checkpoint"
        )
    with refuse(ValueError):
        tasks = held_out_tasks(root(arguments), core.spec.input_height, core.spec.input_width)
    network, _ = load_trained_core(checkpoint)
    rates = list(dict.fromkeys(arguments.rates))
    protocol = Protocol(tasks, core, network, steps=arguments.steps, ceiling_steps=arguments.ceiling_steps)
    with Progress("pictures encoded") as progress:
        for done in protocol.encode():
            progress.show(done)
    known = _Scores(arguments.cache, checkpoint, (arguments.steps, arguments.ceiling_steps))
    conditions = protocol.conditions(rates, arguments.seeds)
    with Progress("heads trained", len(conditions)) as progress, refuse():
        for done, condition in enumerate(conditions):
            progress.show(done)
            if known.get(condition) is None:
                known.put(condition, protocol.score(condition))
    views = (*FLOORS, FROZEN, *rates, CEILING)
    outcomes = [
        Outcome(
            task.name,
            task.measure,
            {
                view: [known.of(c) for c in conditions if (c.task, c.view) == (task.name, view)]
                for view in views
            },
        )
        for task in tasks
    ]
    text = _text(outcomes, views, rates, arguments)
    print(text, end="")
    with refuse():
        write_page(arguments.output, _TITLE, text)
    write_figures(
        arguments,
        {
            one.task: {
                "measure": one.measure,
                "scores": one.scores,
                "floor": one.floor,
                "telling": one.telling,
                "G": {rate: one.share(rate) for rate in rates},
            }
            for one in outcomes
        },
    )
    return 0


def _text(
    outcomes: list[Outcome], views: tuple[str, ...], rates: list[str], arguments: argparse.Namespace
) -> str:
    rows = []
    for one in outcomes:
        means = [f"{fmean(one.scores[view]):.3f} ±{_spread(one.scores[view]):.3f}" for view in views]
        shares = [_verdict(one.share(rate), one.telling) for rate in rates]
        rows.append([f"{one.task} ({one.measure})", *means, *shares])
    header = ["task", *views, *(f"G at {rate}" for rate in rates)]
    return (
        table(header, rows)
        + f"\n{arguments.seeds} seeds, ± half their range; {arguments.steps} steps of 8 parts for each head, "
        f"{arguments.ceiling_steps} more for the ceiling (`unfrozen`). G is given where the ceiling lies "
        f"three seed deviations above the better floor; {_WANTED:.2f} is wanted at rate default.\n"
    )


def _spread(scores: list[float]) -> float:
    return (max(scores) - min(scores)) / 2


def _verdict(share: float, telling: bool) -> str:
    if not telling:
        return "no clear ceiling"
    return f"{share:.2f} {'met' if share >= _WANTED else 'missed'}"


class _Scores:
    """Scores on disk by core checkpoint and length of training."""

    def __init__(self, folder: Path, checkpoint: Path, lengths: tuple[int, ...]) -> None:
        weights = hashlib.sha256(checkpoint.read_bytes()).hexdigest()[:12]
        self._path = folder / "-".join(map(str, (weights, *lengths))) / "scores.json"
        self._scores: dict[str, float] = {}
        if self._path.is_file():
            self._scores = json.loads(self._path.read_text())

    def get(self, condition: Condition) -> float | None:
        return self._scores.get(self._key(condition))

    def of(self, condition: Condition) -> float:
        return self._scores[self._key(condition)]

    def put(self, condition: Condition, score: float) -> None:
        self._scores[self._key(condition)] = score
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".unfinished")
        unfinished.write_text(json.dumps(self._scores, indent=1))
        os.replace(unfinished, self._path)

    @staticmethod
    def _key(condition: Condition) -> str:
        return f"{condition.task}/{condition.view}/{condition.seed}"
