"""`featurecast evaluate generality`: what heads can learn of tasks that the core never knew."""

from __future__ import annotations

import argparse
from pathlib import Path
from statistics import fmean

from core_network.catalogue import default_core
from core_network.spec import RATES
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]


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
    parser.add_argument("--steps", type=int, default=200, help="training steps of each head")
    parser.add_argument("--rates", nargs="+", choices=RATES, default=["default", "low"])
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, score, print a table."""
    # PyTorch is an extra: only here is it needed.
    from core_network.training.export import load_trained_core
    from evaluation.generality.protocol import run_protocol
    from evaluation.generality.tasks import held_out_tasks

    if arguments.seeds < 2 or arguments.steps < 1:
        raise Refusal("expected at least --seeds 2 (a spread needs two) and --steps 1")
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
    rows, figures = [], {}
    rates = list(dict.fromkeys(arguments.rates))
    with Progress("heads trained") as progress:
        done = 0

        def step(_: str) -> None:
            nonlocal done
            progress.show(done)
            done += 1

        for task in tasks:
            outcome = run_protocol(
                task, core, network, rates=rates, seeds=arguments.seeds, steps=arguments.steps, progress=step
            )
            figures[task.name] = {
                "measure": outcome.measure,
                "scores": outcome.scores,
                "telling": outcome.telling,
                "G": {rate: outcome.share(rate) for rate in rates},
            }
            means = [fmean(outcome.scores[name]) for name in ("floor", "frozen", *rates, "ceiling")]
            shares = [f"{outcome.share(rate):.2f}" if outcome.telling else "-" for rate in rates]
            rows.append([task.name, outcome.measure, *(f"{mean:.3f}" for mean in means), *shares])
    header = [
        "task",
        "measure",
        "colours/8",
        "frozen",
        *rates,
        "unfrozen",
        *(f"G at {rate}" for rate in rates),
    ]
    print(table(header, rows), end="")
    write_figures(arguments, figures)
    return 0
