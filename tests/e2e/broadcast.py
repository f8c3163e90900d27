"""The server of the browser tests: the real live path over pictures that show their own frame number.

    picture with its number as blocks -> features with the number stamped in -> bitstream, H.264, WHEP

so that the number on the screen, the number in the payload and the number that a head reads from the features
can be compared. Usage: python -m tests.e2e.broadcast --port 8090 [--loss 0.01] [--heads DIR] [--fps 25]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from core_network.catalogue import Core, default_core
from evaluation.numbered_server import BITS, add_server_arguments, moving_picture, serve_numbered
from stream.programme import Analysis, CodedFeatures, FeatureEncoder
from stream.source import Source, SourceFrame
from stream.sources.base import Arrival
from stream.video_encoder import VideoEncoder

WIDTH, HEIGHT = 640, 360


def numbered_source(fps: int) -> Source:
    """Return an endless source of numbered pictures."""

    def arrivals() -> Iterator[Arrival]:
        number = 0
        while True:
            picture, pts = moving_picture(number, WIDTH, HEIGHT), number * 90_000 // fps
            yield Arrival(picture, pts, WIDTH, HEIGHT, discontinuity=number == 0)
            number += 1

    return Source(arrivals(), fps, [])


class StampedFeatures(FeatureEncoder):
    """Features of usual size with the frame number over the first cells of channel 0: + for 1, - for 0.

    They take the core's place, which other tests run: these must not depend on how fast the machine is.
    """

    def __init__(self, core: Core) -> None:
        super().__init__(core)
        dice = np.random.default_rng(1)
        steps = np.asarray(self.spec.steps[self.rate], np.float32)[:, None, None]
        live = dice.random(self.spec.shape) < 0.03
        self._latent = (live * dice.normal(0, 2, self.spec.shape) * steps).astype(np.float32)

    def analyse(self, frame: SourceFrame) -> Analysis:
        return Analysis(self._latent, scene=0, prepare_ms=0.0, core_ms=1.0)

    def code(self, frame: SourceFrame, analysis: Analysis, *, force_key: bool) -> CodedFeatures:
        step = self.spec.steps[self.rate][0]
        moved = np.roll(analysis.latent, frame.number % 7, axis=2)
        for bit in range(BITS):
            moved[0, 0, bit] = 5 * step if frame.number >> bit & 1 else -5 * step
        return super().code(frame, replace(analysis, latent=moved), force_key=force_key)


def main() -> None:
    parser = argparse.ArgumentParser()
    add_server_arguments(parser)
    parser.add_argument("--fps", type=int, default=25)
    arguments = parser.parse_args()
    serve_numbered(
        lambda: numbered_source(arguments.fps),
        StampedFeatures(default_core()),
        lambda width, height, fps: VideoEncoder(width, height, fps, 1500),
        arguments,
    )


if __name__ == "__main__":
    main()
