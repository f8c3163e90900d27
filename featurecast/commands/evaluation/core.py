"""`featurecast evaluate core`: everything that a core network is held against, as one table."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core_network.catalogue import Core, default_core, load_core
from core_network.spec import RATES
from evaluation.bench.figure import Figure
from evaluation.core_accuracy import CoreAccuracy, FootballAccuracy, score_core, score_football
from evaluation.gallery import write_gallery
from evaluation.metrics.bootstrap import Interval
from featurecast.commands.evaluation.figures import add_figures, add_root, root, table, write_figures
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]

_PARTS = ("accuracy", "rates", "loss", "int8", "cost", "larger", "teacher")


@dataclass(frozen=True)
class _Row:
    figure: Figure
    spread: Interval | None = None


@dataclass(frozen=True)
class _Task:
    """What is measured, with what."""

    data: Path
    core: Core
    checkpoint: Path
    rates: tuple[str, ...]
    gallery: Path | None


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--core", metavar="DIR", type=Path, help="a core's folder instead of the shipped one")
    parser.add_argument(
        "--only",
        choices=_PARTS,
        nargs="+",
        default=list(_PARTS),
        help="accuracy through the shipped heads; rates: bytes on real clips; loss: what coarser rates lose; "
        "int8: what it loses against float32; cost: time beside MobileNetV2-0.5 + FPN; larger: the same "
        "weights at 768x448; teacher: tiled PicoDet-S on the same stills (default: all)",
    )
    parser.add_argument(
        "--rate",
        choices=RATES,
        nargs="+",
        default=["default"],
        help="of the accuracy: how finely it is coded",
    )
    parser.add_argument(
        "--checkpoint",
        metavar="FILE",
        type=Path,
        help="of the core's training run, for int8 and larger; default: runs/<core>/checkpoint.pt",
    )
    parser.add_argument(
        "--gallery",
        metavar="DIR",
        type=Path,
        help="also draw the stills with most mistakes (footage: keep them out of the repository)",
    )
    add_root(parser)
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure part by part; print one table with every figure, its interval and whether it is met."""
    data = root(arguments)
    with refuse(ValueError):
        core = load_core(arguments.core) if arguments.core else default_core()
    checkpoint = arguments.checkpoint or Path("runs") / core.spec.name / "checkpoint.pt"
    parts = [part for part in _PARTS if part in arguments.only]
    if {"int8", "larger"} & set(parts) and not checkpoint.is_file():
        raise Refusal(
            f"{checkpoint}: int8 and larger need the core's float weights; name the run's checkpoint with "
            "--checkpoint, or leave them out with --only"
        )
    task = _Task(data, core, checkpoint, tuple(dict.fromkeys(arguments.rate)), arguments.gallery)
    figures: dict[str, Any] = {}
    rows: list[_Row] = []
    for part in parts:
        with Progress(f"{part}: steps") as progress, refuse(ValueError):
            done = 0

            def tick(show: Callable[[int], None] = progress.show) -> None:
                nonlocal done
                done += 1
                show(done)

            for found, detail in _MEASURES[part](task, tick):
                rows += found
                figures |= detail
    print(f"{core.spec.name}, report split: matches, venues and clips never seen in training\n")
    print(table(["figure", "measured", "95 % interval", "wanted", ""], [_shown(row) for row in rows]))
    figures["rows"] = [
        {
            "name": row.figure.name,
            "title": row.figure.title,
            "value": row.figure.value,
            "interval": row.spread.to_json() if row.spread else None,
            "wanted": row.figure.wanted,
            "met": row.figure.met,
        }
        for row in rows
    ]
    write_figures(arguments, figures)
    return 0


def _shown(row: _Row) -> list[str]:
    value = f"{row.figure.value:.3f} {row.figure.unit}".strip()
    if abs(row.figure.value) >= 100:
        value = row.figure.shown()
    return [row.figure.title, value, str(row.spread or "-"), row.figure.wanted or "-", row.figure.verdict()]


Measured = Iterator[tuple[list[_Row], dict[str, Any]]]
Tick = Callable[[], None]


def _accuracy(task: _Task, tick: Tick) -> Measured:
    for rate in task.rates:
        score = score_core(task.data, task.core, rate, lambda _: tick())
        yield _accuracy_rows(score), {rate: score.to_json()}
        if task.gallery:
            write_gallery(score.mistakes, task.gallery / rate)


def _accuracy_rows(score: CoreAccuracy) -> list[_Row]:
    rate, people = score.rate, score.people.overall
    worst = min(score.shuttle_clips, key=lambda name: score.shuttle_clips[name].counts.f1)
    worst_clip = score.shuttle_clips[worst]
    ball, tennis, shuttle = score.ball, score.tennis, score.shuttle

    def row(title: str, value: float, spread: Interval | None, wanted: float | None = None) -> _Row:
        return _Row(Figure(f"{rate} {title}", f"{title}, {rate}", value, at_least=wanted), spread)

    return [
        row("people AP50", people.ap50, score.people.ap50_interval, 0.92),
        row("people AP75", people.ap75, None, 0.60),
        row("people AP .50:.95", people.ap, score.people.ap_interval),
        row("recall of people under 55 px", score.small_recall, score.small_interval, 0.90),
        row("ball recall", ball.counts.recall, ball.recall_interval, 0.70),
        row("ball precision", ball.counts.precision, ball.precision_interval, 0.80),
        row("tennis ball recall", tennis.counts.recall, tennis.recall_interval, 0.80),
        row("tennis ball precision", tennis.counts.precision, tennis.precision_interval),
        row("shuttle F1, all clips", shuttle.counts.f1, shuttle.f1_interval, 0.88),
        row(f"shuttle F1, worst clip ({worst})", worst_clip.counts.f1, worst_clip.f1_interval, 0.60),
    ]


def _rates(task: _Task, tick: Tick) -> Measured:
    # Only what measures loads what it needs: torch is an extra, and coding needs none of it.
    from evaluation.core_accuracy_rates import measure_rate

    wanted = {"default": 2000.0, "low": 800.0}
    for rate in RATES:
        size = measure_rate(task.data, task.core, rate, tick)
        figure = Figure(
            f"bytes {rate}", f"features as carried, {rate}", size.mean, "B/frame", at_most=wanted.get(rate)
        )
        yield [_Row(figure, size.spread)], {f"bytes {rate}": size.to_json()}


def _loss(task: _Task, tick: Tick) -> Measured:
    finest = score_football(task.data, task.core, RATES[0], lambda _: tick())
    wanted = {"default": 1.5, "low": 3.5}
    for rate in RATES[1:]:
        score = score_football(task.data, task.core, rate, lambda _: tick())
        yield _lost(f"at {rate} against {RATES[0]}", finest, score, wanted.get(rate)), {}


def _int8(task: _Task, tick: Tick) -> Measured:
    from evaluation.float_core import write_float_core

    with tempfile.TemporaryDirectory() as scratch:
        exact = write_float_core(task.core, task.checkpoint, Path(scratch))
        whole = score_football(task.data, exact, "default", lambda _: tick())
    small = score_football(task.data, task.core, "default", lambda _: tick())
    yield _lost("by int8 against float32", whole, small, 0.5), {}


def _lost(how: str, better: FootballAccuracy, worse: FootballAccuracy, wanted: float | None) -> list[_Row]:
    """Return points (hundredths) that are lost of people's AP50 and the ball's F1."""
    people = 100 * (better.people.overall.ap50 - worse.people.overall.ap50)
    ball = 100 * (better.ball.counts.f1 - worse.ball.counts.f1)
    return [
        _Row(Figure(f"people {how}", f"people AP50 lost {how}", people, "points", at_most=wanted)),
        _Row(Figure(f"ball {how}", f"ball F1 lost {how}", ball, "points", at_most=wanted)),
    ]


def _cost(task: _Task, tick: Tick) -> Measured:
    from evaluation.core_accuracy_cost import measure_cost

    cost = measure_cost(task.core, tick)
    ratio = "core's time in units of MobileNetV2-0.5 + FPN's"
    yield (
        [
            _Row(Figure("core ms", "core, int8, one thread, CPU time", cost.core_ms, "ms", at_most=10)),
            _Row(Figure("reference ms", "MobileNetV2-0.5 + FPN, the same way", cost.reference_ms, "ms")),
            _Row(Figure("time ratio", ratio, cost.ratio, at_most=1.2)),
        ],
        {},
    )


def _larger(task: _Task, tick: Tick) -> Measured:
    from evaluation.larger_input import SIZES, probe_sizes

    wanted = {f"{SIZES[-1][1]}x{SIZES[-1][0]}": 0.95}
    for size, found in probe_sizes(task.data, task.checkpoint, tick).items():
        title = f"at {size}, training's probes"
        yield (
            [
                _Row(
                    Figure(f"AP50 {size}", f"people AP50 {title}", found["ap50"], at_least=wanted.get(size))
                ),
                _Row(Figure(f"AP75 {size}", f"people AP75 {title}", found["ap75"])),
            ],
            {size: found},
        )


def _teacher(task: _Task, tick: Tick) -> Measured:
    from evaluation.teacher_comparison import compare_with_teacher

    both = compare_with_teacher(task.data, task.core, tick)
    ours, theirs, stills = both.ours, both.teacher, f"{both.stills} stills"
    teacher_ap50 = round(theirs.overall.ap50, 3)

    def row(title: str, value: float, spread: Interval | None = None, **wanted: float) -> _Row:
        return _Row(Figure(title, title, value, "ms" if spread is None else "", **wanted), spread)

    yield (
        [
            row(f"tiled PicoDet-S, people AP50, {stills}", theirs.overall.ap50, theirs.ap50_interval),
            row(
                f"ours, people AP50, the same {stills}",
                ours.overall.ap50,
                ours.ap50_interval,
                at_least=teacher_ap50,
            ),
            row("tiled PicoDet-S, CPU time of a still", both.teacher_ms),
            row("ours, CPU time of a still: resize, core, head", both.our_ms, at_most=both.teacher_ms / 60),
        ],
        {},
    )


_MEASURES: dict[str, Callable[[_Task, Tick], Measured]] = {
    "accuracy": _accuracy,
    "rates": _rates,
    "loss": _loss,
    "int8": _int8,
    "cost": _cost,
    "larger": _larger,
    "teacher": _teacher,
}
