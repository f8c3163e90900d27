"""`featurecast encode`: a source into an ordinary MP4 with the features inside."""

from __future__ import annotations

import argparse
import json
import sys

from core_network.catalogue import default_core
from core_network.spec import RATES
from featurecast.progress import Progress
from featurecast.refusal import refuse
from stream.file_writer import OutputError, encode_file
from stream.source import SourceError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "source", metavar="SRC", help="video file, folder of images, URL or synthetic:football"
    )
    parser.add_argument("-o", "--output", metavar="OUT.mp4", required=True, help="the MP4 to write")
    parser.add_argument("--rate", choices=RATES, default="default", help="how finely features are coded")
    parser.add_argument("--json", action="store_true", help="print sizes and times as JSON on stdout")


def run(arguments: argparse.Namespace) -> int:
    """Encode; report sizes and times."""
    with Progress("frames") as progress, refuse(SourceError, OutputError):
        report = encode_file(
            arguments.source,
            arguments.output,
            default_core(),
            arguments.rate,
            on_progress=lambda done, _seconds: progress.show(done),
        )
    for warning in report.warnings:
        print(f"featurecast: {warning}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(report.to_json(), indent=2))
    else:
        features, video = report.feature_bytes["mean"], report.video_bytes["mean"]
        print(
            f"{arguments.output}: {report.frames} frames coded at {report.fps:.1f} fps, "
            f"{features:.0f} B of features and {video:.0f} B of video a frame",
            file=sys.stderr,
        )
    return 0
