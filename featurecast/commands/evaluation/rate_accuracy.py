"""`featurecast evaluate rate-accuracy`: accuracy against bits on real clips, written to docs/results/."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.provenance import Provenance, provenance
from evaluation.datasets.types import DatasetError
from evaluation.rate_accuracy.comparison import (
    OURS,
    BreakEven,
    RateDifference,
    break_evens,
    rate_differences,
)
from evaluation.rate_accuracy.equal_total import MEASURES, TOTALS, crossing, equal_total
from evaluation.rate_accuracy.footage import footage_of, videos_in
from evaluation.rate_accuracy.plots import draw
from evaluation.rate_accuracy.study import CACHE, CLEAN, FRAMES, LOCAL, Study, plan_for, run_study
from featurecast.commands.evaluation.figures import add_figures, positive, table, write_figures
from featurecast.commands.evaluation.pages import RESULTS, write_page
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
from stream.source import SourceError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]

_QUICK_FRAMES = 24


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--clips", metavar="DIR", type=Path, nargs="+", required=True, help="videos, or folders with videos"
    )
    parser.add_argument(
        "--quick", action="store_true", help=f"{_QUICK_FRAMES} frames of each clip and fewer points: minutes"
    )
    parser.add_argument(
        "--frames", metavar="N", type=positive, help=f"frames of each clip (default {FRAMES})"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="DIR",
        type=Path,
        default=RESULTS,
        help="where table and plots go (docs/results)",
    )
    parser.add_argument(
        "--cache", metavar="DIR", type=Path, default=CACHE,
        help="what was coded and seen: a run that was stopped goes on there (runs/rate_accuracy)",
    )  # fmt: skip
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure every clip, print the tables, write table and plots."""
    most = arguments.frames or (_QUICK_FRAMES if arguments.quick else FRAMES)
    with refuse(DatasetError, SourceError):
        footages = [footage_of(video, most) for clip in arguments.clips for video in videos_in(clip)]
    names = [footage.name for footage in footages]
    if len(set(names)) != len(names):
        raise Refusal("expected clips whose folder and name differ, one is there twice; name each once")
    core, studies = default_core(), []
    for footage in footages:
        plan = plan_for(footage, quick=arguments.quick)
        with Progress(footage.name, plan.frames(footage.count)) as progress:
            done = 0

            def tick(_: str, progress: Progress = progress) -> None:
                nonlocal done
                done += 1
                progress.show(done)

            with refuse(HeadError, SourceError):
                studies.append(run_study(core, footage, plan, arguments.cache, tick))
    origin = provenance(_command(arguments))
    text = "\n".join([_HEADER, *map(_section, studies), _origin(origin)])
    print(text)
    with refuse():
        write_page(arguments.output / "rate_accuracy.md", "Accuracy against bits", text)
        for study in studies:
            draw(study, arguments.output)
    write_figures(
        arguments,
        {
            "provenance": asdict(origin),
            "core": core.spec.name,
            "clips": [
                {
                    **study.to_json(),
                    "bd_rate": [asdict(row) for row in rate_differences(study)],
                    "break_even": [asdict(row) for row in break_evens(study)],
                }
                for study in studies
            ],
        },
    )
    return 0


def _command(arguments: argparse.Namespace) -> str:
    words = ["featurecast", "evaluate", "rate-accuracy", "--clips", *map(str, arguments.clips)]
    words += ["--quick"] if arguments.quick else []
    words += ["--frames", str(arguments.frames)] if arguments.frames else []
    return shlex.join(words)


_HEADER = """Written by `featurecast evaluate rate-accuracy`. Bits are of real bitstreams: H.264 access units
of our encoder, features and boxes as carried (SEI, escaping, chunk headers), the elementary stream of x265.
Core and heads are the shipped ones everywhere; people are scored as one class, balls as displayed, within
12 px at 1920 px width. Brackets hold 95 % intervals from resampling frames.
"""


def _section(study: Study) -> str:
    rows = [
        (
            point.method,
            point.setting,
            _number(point.video_kbps),
            _number(point.feature_kbps if point.method not in (LOCAL, CLEAN) else None),
            f"{point.bytes_per_frame:.0f}" if point.method != CLEAN else "-",
            _score(point.accuracy.ap50, point.accuracy.ap50_interval),
            _score(point.accuracy.ap, point.accuracy.ap_interval),
            _score(point.accuracy.f1, point.accuracy.f1_interval),
        )
        for point in study.points
    ]
    head = (
        "method",
        "setting",
        "video kbit/s",
        "features kbit/s",
        "bytes/frame",
        "people AP50",
        "people AP",
        "ball F1",
    )
    parts = [
        f"## {study.clip}\n",
        f"{study.frames} frames at {study.fps:.2f} fps; truth: {study.truth}.\n",
        table(head, rows),
        "Bits of our features against the other ways to send them, at equal people AP of 0.5 to 0.95 "
        "(Bjontegaard, over the points that no cheaper one equals):\n",
        table(("against", "bits", "between AP"), [_difference(row) for row in rate_differences(study)]),
        "kbit/s at which the other ways have the people AP of each rate of ours: other feature codecs "
        "(between their points), and local inference on the decoded video (the smallest that was "
        "measured). `total` is ours with the smallest video above:\n",
        _equal(break_evens(study)),
        "Ours with the finest rate that takes at most a third of all bits, against local inference on a "
        "video that gets them all (points, hundredths; local inference at its best height for each "
        "measure), and the luma PSNR that our video gives up:\n",
        _totals(study),
        "kbit/s in all from which local inference is as good as ours (`-`: nowhere that was measured):\n",
        _crossings(study),
        f"![curves](rate_accuracy-{study.clip}.svg)\n",
    ]
    return "\n".join(parts)


def _equal(rows: Sequence[BreakEven]) -> str:
    others = list(rows[0].beside_kbps) if rows else []
    head = ("rate of ours", "features", *others, "total", "local: same AP50", "local: same AP")
    return table(
        head,
        [
            (
                row.rate,
                _number(row.feature_kbps),
                *(_needed(row.beside_kbps[method]) for method in others),
                _number(row.total_kbps),
                _needed(row.local_kbps_ap50),
                _needed(row.local_kbps_ap),
            )
            for row in rows
        ],
    )


def _totals(study: Study) -> str:
    rows: list[tuple[str, ...]] = []
    for total in TOTALS:
        found = equal_total(study, total)
        if found is None:
            rows.append((f"{total:.0f}", "none fits", *["-"] * (len(MEASURES) + 2)))
            continue
        ahead = ("-" if value is None else f"{100 * value:+.1f}" for value in found.ahead.values())
        given_up = "-" if found.psnr_given_up_db is None else f"{found.psnr_given_up_db:.2f} dB"
        rows.append((f"{total:.0f}", found.rate, f"{found.feature_kbps:.0f}", *ahead, given_up))
    return table(("kbit/s in all", "rate", "features", *MEASURES, "PSNR given up"), rows)


def _crossings(study: Study) -> str:
    rows = []
    for point in study.of(OURS):
        found = (crossing(study, point.setting, measure) for measure in MEASURES.values())
        rows.append((point.setting, *(_number(total) for total in found)))
    return table(("rate of ours", *MEASURES), rows)


def _difference(row: RateDifference) -> Sequence[str]:
    if row.bd is None:
        return row.anchor, "-", row.reason
    return row.anchor, f"{row.bd.percent:+.1f} %", f"{row.bd.low:.3f} and {row.bd.high:.3f}"


def _needed(kbps: float | None) -> str:
    return "not measured" if kbps is None else f"{kbps:.0f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"


def _score(value: float | None, interval: tuple[float, float] | None) -> str:
    if value is None:
        return "-"
    bounds = (
        "" if interval is None or interval[0] != interval[0] else f" ({interval[0]:.3f}-{interval[1]:.3f})"
    )
    return f"{value:.3f}{bounds}"


def _origin(origin: Provenance) -> str:
    return f"{origin.line()}\n"
