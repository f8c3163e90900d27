"""`featurecast evaluate table`: the split-inference scenario's table for our network on our data."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from core_network.catalogue import default_core
from evaluation.bench.provenance import provenance
from evaluation.datasets.types import Dataset, DatasetError
from evaluation.models.contenders import Contender, cost_of, shipped
from evaluation.split.cutting import CutError
from evaluation.split.detector import DetectorError
from evaluation.split.rival_rows import Entrant, RivalRows, rival_rows
from evaluation.split.seed_table import our_balls, our_data, seed_table
from evaluation.split.storage import PLAIN_STORES, STORES
from featurecast.commands.evaluation.figures import add_figures, add_root, positive, root, write_figures
from featurecast.commands.evaluation.models import RIVALS, add_also, check_also, fresh_costs, untrained_table
from featurecast.commands.evaluation.networks import add_model, chosen_model
from featurecast.commands.evaluation.pages import add_page, write_page
from featurecast.commands.evaluation.table_text import table_text
from featurecast.progress import Progress
from featurecast.refusal import refuse

__all__ = ["configure", "run"]

if TYPE_CHECKING:
    from evaluation.baselines.rivals import Rival

_TITLE = "Whole against split"
_RUNS, _RIVAL_RUNS = 20, 5


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_model(parser)
    parser.add_argument(
        "--store",
        choices=STORES,
        action="append",
        default=[],
        help="only these stores; may repeat (default: all)",
    )
    add_also(parser, "rows of another whole network as `evaluate convert` writes it")
    parser.add_argument(
        "--models", choices=("ours", "all"), default="ours",
        help="all: also every trained rival of configs/baselines (docs/baselines.md)",
    )  # fmt: skip
    parser.add_argument(
        "--first", metavar="N", type=positive,
        help="only the first N pictures of each clip: a quick look, which writes no page",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="DATASET", choices=("stills", "clip"), help="stills by match, or the labelled clip"
    )
    add_page(parser, "table.md")
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure; print the table and write the page. Exit 1 when the lossless split is not the whole."""
    data = root(arguments)
    stores = arguments.store or list(STORES)
    with refuse(DatasetError):
        datasets, balls = our_data(data), our_balls(data)
    if arguments.only:
        datasets = [one for one in datasets if one.clips[0].continuous == (arguments.only == "clip")]
        if not datasets:
            raise DatasetError(f"{data}: the {arguments.only} are not there")
    if arguments.first:
        datasets = [_beginning(dataset, arguments.first) for dataset in datasets]
        balls = balls and _beginning(balls, arguments.first)
    model, detector = chosen_model(arguments)
    core = default_core()
    check_also(arguments, detects=True)
    entrants = [Entrant(one.name, one.model) for one in arguments.also]
    fresh: list[Rival] = []
    if arguments.models == "all":
        # PyTorch is an extra: only here is it needed.
        from evaluation.baselines.rivals import rivals

        with refuse(DetectorError, ValueError):
            known = rivals(RIVALS)
            entrants += [one.entrant() for one in known if one.model is not None]
        fresh = [one for one in known if one.model is None]
    plain = [name for name in stores if name in PLAIN_STORES]
    pictures = sum(dataset.frames for dataset in datasets)
    stills = sum(dataset.frames for dataset in datasets if not dataset.clips[0].continuous)
    ways = pictures * (1 + 2 * len(stores)) + len(entrants) * (pictures + stills * len(plain))
    with refuse(CutError, DetectorError), Progress("table", ways) as progress:
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            progress.show(done)

        result = seed_table(model, detector, core, datasets, stores, tick=tick)
        others: list[RivalRows] = [rival_rows(one, datasets, balls, stores, tick=tick) for one in entrants]
        rows = [*shipped(core), *(Contender(one.name, "rival", one.graph) for one in entrants)]
        costs = [cost_of(one, runs=_RIVAL_RUNS if one.role == "rival" else _RUNS) for one in rows]
        untrained = fresh_costs(fresh, lambda _: progress.show(done))
    words = [word for store in arguments.store for word in ("--store", store)]
    words += ["--models", "all"] if arguments.models == "all" else []
    words += [word for one in arguments.also for word in ("--also", f"{one.name}={one.model.name}")]
    words += ["--only", arguments.only] if arguments.only else []
    words += ["--first", str(arguments.first)] if arguments.first else []
    origin = provenance(" ".join(["featurecast evaluate table", *words]))
    text = f"{table_text(result, others, costs)}{untrained_table(fresh, untrained)}\n{origin.line()}\n"
    print(text)
    if not arguments.first:
        with refuse():
            write_page(arguments.output, _TITLE, text)
    write_figures(
        arguments,
        {
            "provenance": asdict(origin),
            "core": core.spec.name,
            "variants": [
                variant.to_json()
                for variants in (result.variants, *(one.variants for one in others))
                for variant in variants
            ],
            "graphs": {name: asdict(running) for name, running in result.running.items()},
            "rivals": {
                one.name: {
                    "cut": one.cut,
                    "graphs": {name: asdict(running) for name, running in one.running.items()},
                    "ball": None if one.ball is None else one.ball.to_json(),
                }
                for one in others
            },
            "models": [cost.to_json() for cost in (*costs, *untrained)],
        },
    )
    lossless = [variant for variant in result.variants if variant.name == "npz"]
    return int(not all(variant.equals_whole for variant in lossless))


def _beginning(dataset: Dataset, count: int) -> Dataset:
    """Return the first pictures of each clip."""
    return replace(dataset, clips=tuple(replace(clip, frames=clip.frames[:count]) for clip in dataset.clips))
