"""`featurecast evaluate track`: our tracking head against other trackers on the same detections."""

from __future__ import annotations

import argparse
from pathlib import Path

from core_network.catalogue import Core
from evaluation.rival_trackers import RIVALS
from evaluation.tracking_comparison import CLIPS, TUNING, Row, labelled, ours, rival, tuned, watch
from featurecast.commands.evaluation.figures import (
    add_core,
    add_figures,
    add_rate,
    add_root,
    chosen_core,
    root,
    table,
    write_figures,
)
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse
from stream.source import SourceError
from task_heads.manifest import HeadError

__all__ = ["configure", "run"]

_SHOTS = ("A", "B")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--clip", choices=tuple(CLIPS), default=next(iter(CLIPS)), help="labelled clip")
    parser.add_argument(
        "--shot", choices=_SHOTS, default="A", help="of the football clip: A is for the report, B for tuning"
    )
    parser.add_argument(
        "--against",
        metavar="A,B",
        type=_rivals,
        default=tuple(RIVALS),
        help=f"of {', '.join(RIVALS)}; or none",
    )
    add_rate(parser)
    add_core(parser)
    add_root(parser)
    add_figures(parser)


def _rivals(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(","))) if text != "none" else ()
    unknown = [name for name in names if name not in RIVALS]
    if unknown:
        raise argparse.ArgumentTypeError(f"expected trackers among {', '.join(RIVALS)}, got {unknown[0]!r}")
    return names


def run(arguments: argparse.Namespace) -> int:
    """Compare; print a table."""
    data = root(arguments)
    if not (data / CLIPS[arguments.clip]).is_file():
        raise Refusal(f"{data / CLIPS[arguments.clip]}: expected the labelled clip, there is no such file")
    core = chosen_core(arguments)
    rows = _rows(arguments, data, core)
    header = ("tracker", "HOTA", "95 %", "IDF1", "MOTA", "switches", "DetA", "AssA", "ids", "ms")
    lines = [
        (
            row.tracker,
            f"{row.score.hota:.3f}",
            row.score.hota_interval,
            f"{row.score.idf1:.3f}",
            f"{row.score.mota:.3f}",
            row.score.switches,
            f"{row.score.det_a:.3f}",
            f"{row.score.ass_a:.3f}",
            f"{row.score.ids} of {row.score.true_ids}",
            f"{row.ms:.2f}",
        )
        for row in rows
    ]
    shot = f", shot {arguments.shot}" if arguments.clip == TUNING[0] else ""
    print(f"{arguments.clip}{shot}, rate {arguments.rate}, core {core.spec.name}\n\n{table(header, lines)}")
    print(
        "All trackers get the detections of the same head. ms is the median of a frame: of ours with the\n"
        "detection, of the others without. `tuned`: the settings with the best HOTA on shot B of the\n"
        "football clip."
    )
    write_figures(
        arguments,
        {
            "clip": arguments.clip,
            "shot": arguments.shot,
            "rate": arguments.rate,
            "core": core.spec.name,
            "fingerprint": core.spec.fingerprint,
            "rows": [row.to_json() for row in rows],
        },
    )
    return 0


def _rows(arguments: argparse.Namespace, data: Path, core: Core) -> list[Row]:
    clip = labelled(data, arguments.clip, arguments.shot)
    tuning = labelled(data, *TUNING)
    same = arguments.clip == TUNING[0]
    last = max(clip.frames[-1].index, tuning.frames[-1].index if same and arguments.against else 0)
    with refuse(SourceError, HeadError):
        with Progress("frames", last + 1) as progress:
            seen = watch(data, arguments.clip, last, core, arguments.rate, progress.show)
        rows = [ours(clip, seen)]
        if not arguments.against:
            return rows
        tuning_seen = seen
        if not same:
            last = tuning.frames[-1].index
            with Progress("frames of the tuning clip", last + 1) as progress:
                tuning_seen = watch(data, TUNING[0], last, core, arguments.rate, progress.show)
    for name in arguments.against:
        with Progress(f"settings of {name}") as progress:
            best = tuned(name, tuning, tuning_seen, progress.show)
        rows.append(rival(name, clip, seen, RIVALS[name].own, "own settings"))
        rows.append(rival(name, clip, seen, best, "tuned"))
    return rows
