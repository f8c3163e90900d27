"""`featurecast evaluate visualize`: truth and predictions side by side, to a file or in a window."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from evaluation.datasets.predictions import load_predictions, relabel
from evaluation.side_by_side import pairs, write_sheet, write_video
from evaluation.stepping_window import NoDisplay, show
from featurecast.commands.evaluation.figures import (
    add_dataset,
    add_figures,
    merged_names,
    number,
    open_dataset,
    positive,
    write_figures,
)
from featurecast.progress import Progress
from featurecast.refusal import Refusal, refuse

__all__ = ["configure", "run"]

_SHEET_FRAMES = 6
_FPS = 25.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_dataset(parser)
    parser.add_argument(
        "--predictions", metavar="DIR", type=Path, required=True, help="folder that `infer` wrote"
    )
    parser.add_argument(
        "--normalised", action="store_true", help="predicted coordinates are 0..1, as the framework's own are"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="F.mp4|F.png",
        type=Path,
        help="a video of every frame, or a sheet of some; without it a window steps through the frames",
    )
    parser.add_argument(
        "--frames", metavar="N", type=positive, help=f"frames of each clip (a sheet: {_SHEET_FRAMES})"
    )
    parser.add_argument(
        "--confidence", metavar="P", type=float, default=0.5, help="draw predictions from this score on"
    )
    parser.add_argument(
        "--sleep-time",
        metavar="S",
        type=number(lambda seconds: 0 <= seconds <= 3600, "seconds from 0 to 3600"),
        default=0.0,
        help="seconds between frames in the window; 0 waits for a key or click",
    )
    add_figures(parser)


def run(arguments: argparse.Namespace) -> int:
    """Draw; write the file or step through the window."""
    output: Path | None = arguments.output
    kind = output.suffix.lower() if output else ""
    if output and kind not in (".mp4", ".png"):
        raise Refusal(f"{output}: expected a name that ends in .mp4 or .png")
    if output and not output.parent.is_dir():
        raise Refusal(f"{output}: the folder {output.parent} does not exist; make it first")
    dataset = open_dataset(arguments)
    names = merged_names(arguments)
    predictions = relabel(
        load_predictions(arguments.predictions, dataset, normalised=arguments.normalised, renamed=names),
        names,
    )
    limit = arguments.frames or (_SHEET_FRAMES if kind == ".png" else None)
    total = sum(min(len(clip.frames), limit or len(clip.frames)) for clip in dataset.clips)
    drawn = pairs(dataset, predictions, confidence=arguments.confidence, limit=limit)
    with Progress("frames", total) as progress, refuse():
        seen = _counted(drawn, progress)
        if output is None:
            try:
                count = show(seen, arguments.sleep_time)
            except NoDisplay as error:
                raise Refusal(f"no window here ({error}); write a file with -o F.mp4 or -o F.png") from None
        elif kind == ".png":
            count = write_sheet(output, seen)
        else:
            count = write_video(output, seen, _FPS)
    print(f"{count} frames{f' in {output}' if output else ' shown'}", file=sys.stderr)
    write_figures(arguments, {"frames": count, "output": str(output) if output else None})
    return 0


def _counted(
    drawn: Iterator[tuple[str, NDArray[np.uint8]]], progress: Progress
) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    for done, picture in enumerate(drawn, 1):
        yield picture
        progress.show(done)
