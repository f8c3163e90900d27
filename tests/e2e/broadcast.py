"""The server of the browser tests: the real live path over pictures that show their own frame number.

    picture with its number as blocks -> features with the number stamped in -> bitstream, H.264, WHEP

so that the number on the screen, the number in the payload and the number that a head reads from the features
can be compared. Usage: python -m tests.e2e.broadcast --port 8090 [--loss 0.01] [--heads DIR] [--fps 25]
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core, default_core
from evaluation.numbered_server import BITS, BLOCK
from stream.broadcast import Broadcast
from stream.programme import CodedFeatures, FeatureEncoder
from stream.rtc_private import lose_rtp
from stream.server import create_app, serve
from stream.source import Source, SourceFrame
from stream.sources.base import Arrival
from stream.spec_document import spec_documents
from stream.video_encoder import VideoEncoder
from task_heads.registry import Registry
from task_heads.shelf import HeadShelf

WIDTH, HEIGHT = 640, 360


def numbered_picture(number: int) -> av.VideoFrame:
    """Return a moving picture whose top row shows `number`, a block per bit, white for 1."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    wave = 60 + 50 * np.sin((x + 5 * number) / 17) + 50 * np.cos((y - 3 * number) / 11)
    luma = wave.clip(16, 235).astype(np.uint8)
    for bit in range(BITS):
        luma[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
    chroma = np.full((HEIGHT // 2, WIDTH), 128, np.uint8)
    return av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")


def numbered_source(fps: int) -> Source:
    """Return an endless source of numbered pictures."""

    def arrivals() -> Iterator[Arrival]:
        number = 0
        while True:
            picture, pts = numbered_picture(number), number * 90_000 // fps
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

    def latent(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        return self._latent, 1.0

    def code(self, frame: SourceFrame, latent: NDArray[np.float32], **rest: Any) -> CodedFeatures:
        step = self.spec.steps[self.rate][0]
        moved = np.roll(latent, frame.number % 7, axis=2)
        for bit in range(BITS):
            moved[0, 0, bit] = 5 * step if frame.number >> bit & 1 else -5 * step
        return super().code(frame, moved, **rest)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--loss", type=float, default=0.0)
    parser.add_argument("--heads", type=Path)
    parser.add_argument("--fps", type=int, default=25)
    arguments = parser.parse_args()
    if arguments.loss:
        dice = random.Random(1)
        lose_rtp(lambda: dice.random() < arguments.loss)
    core = default_core()
    broadcast = Broadcast(
        "numbers",
        lambda: numbered_source(arguments.fps),
        StampedFeatures(core),
        lambda width, height, fps: VideoEncoder(width, height, fps, 1500),
        fingerprint=core.spec.fingerprint,
        rate="default",
    )
    app = create_app(
        broadcast,
        Path(__file__).parents[2] / "viewer" / "web",
        HeadShelf(Registry(heads_folder=arguments.heads, installed=False), core.spec),
        spec_documents(),
    )
    serve(app, port=arguments.port, on_ready=lambda address: print(address, file=sys.stdout, flush=True))


if __name__ == "__main__":
    main()
