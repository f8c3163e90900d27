"""`featurecast evaluate table`: the split-inference scenario's table for our network on our data."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.provenance import provenance
from evaluation.datasets.types import DatasetError
from evaluation.models.contenders import Cost, cost_of, shipped
from evaluation.split.cutting import CutError
from evaluation.split.detector import DetectorError
from evaluation.split.seed_table import SeedTable, Variant, our_data, seed_table
from evaluation.split.storage import STORES
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.commands.evaluation.models import also, cost_table
from featurecast.commands.evaluation.networks import add_model, chosen_model
from featurecast.commands.evaluation.pages import RESULTS, write_page
from featurecast.progress import Progress
from featurecast.refusal import refuse

__all__ = ["configure", "run"]

_TITLE = "Whole against split"


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
    parser.add_argument(
        "--also", metavar="NAME=FILE.onnx", type=also, action="append", default=[],
        help="rows of another whole network as `evaluate convert` writes it; may repeat",
    )  # fmt: skip
    parser.add_argument(
        "--only", metavar="DATASET", choices=("stills", "clip"), help="stills by match, or the labelled clip"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", type=Path, default=RESULTS / "table.md",
        help="the page whose generated part is replaced (docs/results/table.md)",
    )  # fmt: skip
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure; print the table and write the page. Exit 1 when the lossless split is not the whole."""
    data = root(arguments)
    stores = arguments.store or list(STORES)
    with refuse(DatasetError):
        datasets = our_data(data)
    if arguments.only:
        datasets = [one for one in datasets if one.clips[0].continuous == (arguments.only == "clip")]
        if not datasets:
            raise DatasetError(f"{data}: the {arguments.only} are not there")
    model, detector = chosen_model(arguments)
    core = default_core()
    pictures = sum(dataset.frames for dataset in datasets)
    with (
        refuse(CutError, DetectorError),
        Progress("table", pictures * (1 + 2 * len(stores) + len(arguments.also))) as progress,
    ):
        done = 0

        def tick() -> None:
            nonlocal done
            done += 1
            progress.show(done)

        rivals = {one.name: one.model for one in arguments.also}
        result = seed_table(model, detector, core, datasets, stores, rivals=rivals, tick=tick)
        costs = [cost_of(contender) for contender in (*shipped(core), *arguments.also)]
    words = [word for store in arguments.store for word in ("--store", store)]
    words += [word for one in arguments.also for word in ("--also", f"{one.name}={one.model.name}")]
    words += ["--only", arguments.only] if arguments.only else []
    origin = provenance(" ".join(["featurecast evaluate table", *words]))
    text = f"{_text(result, costs)}\n{origin.line()}\n"
    print(text)
    with refuse():
        write_page(arguments.output, _TITLE, text)
    write_figures(
        arguments,
        {
            "provenance": asdict(origin),
            "core": core.spec.name,
            "variants": [variant.to_json() for variant in result.variants],
            "graphs": {name: asdict(running) for name, running in result.running.items()},
            "models": [cost.to_json() for cost in costs],
        },
    )
    lossless = [variant for variant in result.variants if variant.name == "npz"]
    return int(not all(variant.equals_whole for variant in lossless))


_INTRODUCTION = """Detection of people (one class) by the core network and the player head, whose tracking
is reset for every picture; in the clip the core sees the frames before. `whole` is one graph; a split runs
part 1 (core), stores the latent, loads it and runs part 2 (head): `npz` as it is (deflate), the other rows as
our bitstream at that rate, without the bytes of its carriage. AP is COCO's (0.5 to 0.95); brackets hold 95 %
intervals. ms: median, one thread.
"""


def _text(result: SeedTable, costs: Sequence[Cost]) -> str:
    parts = [_INTRODUCTION]
    for dataset in dict.fromkeys(variant.dataset for variant in result.variants):
        chosen = [variant for variant in result.variants if variant.dataset == dataset]
        parts += [f"## {dataset}\n", _sequences(chosen), _overall(chosen)]
    rows = [
        (name, f"{one.ms:.2f}", f"{one.cpu_ms:.2f}", f"{one.peak_mb:.0f}", f"{one.growth_mb:.0f}")
        for name, one in result.running.items()
    ]
    head = ("graph", "ms", "CPU ms", "peak MB", "of it the graph")
    parts += [
        "## Time and memory of the parts\n",
        table(head, rows),
        "## The networks\n",
        cost_table(list(costs)),
    ]
    return "\n".join(parts)


def _sequences(variants: Sequence[Variant]) -> str:
    rows = [
        (
            row.clip,
            variant.name,
            row.images,
            "-" if row.bytes_per_image is None else f"{row.bytes_per_image:.0f}",
            f"{row.ap50:.3f}",
            f"{row.ap:.3f}",
            f"{row.first_ms:.1f}",
            "-" if row.second_ms is None else f"{row.second_ms:.1f}",
        )
        for clip in range(len(variants[0].sequences))
        for variant in variants
        for row in [variant.sequences[clip]]
    ]
    head = ("sequence", "variant", "images", "bytes per image", "AP50", "AP", "part 1 ms", "part 2 ms")
    return table(head, rows)


def _overall(variants: Sequence[Variant]) -> str:
    rows = []
    for variant in variants:
        score = variant.score
        split = [row for row in variant.sequences if row.bytes_per_image is not None]
        total = sum((row.bytes_per_image or 0.0) * row.images for row in split)
        images = sum(row.images for row in split)
        rows.append(
            (
                variant.name,
                f"{total / images:.0f}" if images else "-",
                f"{score.overall.ap50:.3f} ({score.ap50_interval})",
                f"{score.overall.ap:.3f} ({score.ap_interval})",
                {True: "yes", False: "no", None: "-"}[variant.equals_whole],
            )
        )
    head = ("all together", "bytes per image", "AP50", "AP", "predictions as whole")
    return f"Resampled for the intervals: {variants[0].score.unit}.\n\n{table(head, rows)}"
