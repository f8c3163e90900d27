"""`featurecast evaluate generality`: what heads can learn of tasks that the core never knew."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from core_network.catalogue import default_core
from core_network.spec import RATES
from evaluation.generality.scores import CACHE, WANTED, KeptScores, Lengths
from featurecast.commands.evaluation.figures import (
    add_checkpoint,
    add_figures,
    add_root,
    chosen_checkpoint,
    root,
    table,
    write_figures,
)
from featurecast.commands.evaluation.pages import add_page, write_page
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

if TYPE_CHECKING:
    from evaluation.generality.protocol import Outcome

__all__ = ["configure", "run"]

_TITLE = "Generality: tasks the core was never trained for"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_root(parser)
    add_checkpoint(parser)
    parser.add_argument("--seeds", type=int, default=2, help="how often each head is trained (at least 2)")
    parser.add_argument("--steps", type=int, default=300, help="training steps of each head")
    parser.add_argument(
        "--ceiling-steps", type=int, default=150, help="further steps of the ceilings, backbone and head"
    )
    parser.add_argument("--rates", nargs="+", choices=RATES, default=["default", "low"])
    parser.add_argument(
        "--cache", metavar="DIR", type=Path, default=CACHE,
        help="scores so far: a run that was stopped goes on (runs/generality)",
    )  # fmt: skip
    add_page(parser, "generality.md")
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
    checkpoint = chosen_checkpoint(arguments, core, "the ceiling starts from the core's float weights")
    with refuse(ValueError):
        tasks = held_out_tasks(root(arguments), core.spec.input_height, core.spec.input_width)
    network, _ = load_trained_core(checkpoint)
    rates = list(dict.fromkeys(arguments.rates))
    protocol = Protocol(tasks, core, network, steps=arguments.steps, ceiling_steps=arguments.ceiling_steps)
    with Progress("pictures encoded") as progress:
        for done in protocol.encode():
            progress.show(done)
    known = KeptScores(
        arguments.cache, core.spec, checkpoint, Lengths(arguments.steps, arguments.ceiling_steps)
    )
    conditions = protocol.conditions(rates, arguments.seeds)
    with Progress("heads trained", len(conditions)) as progress, refuse():
        for done, condition in enumerate(conditions):
            progress.show(done)
            place = condition.task, condition.view, condition.seed
            if known.get(*place) is None:
                known.put(*place, protocol.score(condition))
    views, seeds = (*FLOORS, FROZEN, *rates, CEILING), range(arguments.seeds)
    outcomes = [Outcome(task.name, task.measure, known.of(task.name, views, seeds)) for task in tasks]
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
        f"three seed deviations above the better floor; {WANTED:.2f} is wanted at rate default.\n"
    )


def _spread(scores: list[float]) -> float:
    return (max(scores) - min(scores)) / 2


def _verdict(share: float, telling: bool) -> str:
    if not telling:
        return "no clear ceiling"
    return f"{share:.2f} {'met' if share >= WANTED else 'missed'}"
