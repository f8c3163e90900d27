"""The real broadcast of a source whose pictures show their own frame number, for measurements in a browser.

    picture with its number as blocks -> core network, bitstream, H.264 -> WHEP

so that the number read back from the screen can be compared with the number in the payload that the page
paired with it. Usage: python -m evaluation.numbered_server SRC [--loss 0.01] [--fps 25]; prints its address.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np

from core_network.catalogue import default_core
from stream.broadcast import Broadcast
from stream.programme import FeatureEncoder, core_threads
from stream.rtc_private import lose_rtp
from stream.server import create_app, serve
from stream.source import Source, open_source
from stream.sources.base import Arrival
from stream.spec_document import spec_documents
from stream.video_encoder import VideoEncoder
from task_heads.registry import Registry
from task_heads.shelf import HeadShelf
from viewer.vendor_files import VENDOR_FOLDER

__all__ = [
    "BITS",
    "BLOCK",
    "RECORDER",
    "add_server_arguments",
    "burn",
    "burnt",
    "moving_picture",
    "numbered",
    "serve_numbered",
]

_TICKS = 90_000
BITS = 16
BLOCK = 32
"""Side of the block of one bit (px)."""

RECORDER = f"""
window.recorded = [];
const canvas = document.createElement('canvas');
canvas.width = {BITS * BLOCK};
canvas.height = {BLOCK};
const context = canvas.getContext('2d', {{ willReadFrequently: true }});
document.addEventListener('featurecast:frame', ({{ detail }}) => {{
  let picture;
  try {{
    picture = new VideoFrame(document.getElementById('video'));
  }} catch {{
    // No current frame, as at the first one of a session: nothing to compare.
    return;
  }}
  const pictureTimestamp = picture.metadata().rtpTimestamp;
  // The whole picture would have to be converted for the few pixels that are read.
  const visibleRect = {{ x: 0, y: 0, width: canvas.width, height: canvas.height }};
  const strip = new VideoFrame(picture, {{ visibleRect }});
  context.drawImage(strip, 0, 0);
  strip.close();
  picture.close();
  const row = context.getImageData(0, {BLOCK // 2}, canvas.width, 1).data;
  let burnt = 0;
  for (let bit = 0; bit < {BITS}; bit++) if (row[(bit * {BLOCK} + {BLOCK // 2}) * 4] > 120) burnt += 2 ** bit;
  window.recorded.push({{ burnt, pictureTimestamp, at: performance.now(), ...detail }});
}});
"""
"""For the page: keeps what the player says of every shown frame, with the number that the picture shows
at that moment, and the timestamp of that picture."""


def burn(picture: av.VideoFrame, number: int, block: int = BLOCK) -> None:
    """Write a number into the top left corner of a yuv420p picture, a block per bit, white for 1."""
    bits = np.arange(BITS, dtype=np.uint32)
    row = np.where(number >> bits & 1, 235, 16).astype(np.uint8).repeat(block)
    # Decoders still refer to the pixels of a picture that they have handed out.
    picture.make_writable()
    plane = picture.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    luma[:block, : BITS * block] = row


def burnt(picture: av.VideoFrame, block: int = BLOCK) -> int:
    """Read back what `burn` wrote."""
    plane = picture.planes[0]
    luma = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    centres = luma[block // 2, block // 2 : BITS * block : block]
    return sum(int(level > 120) << bit for bit, level in enumerate(centres))


def numbered(source: Source, fps: float | None = None) -> Source:
    """Return the source with each frame's number burnt into its pictures, at its own rate or at `fps`."""

    def arrivals() -> Iterator[Arrival]:
        for frame in source:
            burn(frame.picture, frame.number)
            size = frame.source_width, frame.source_height
            pts = round(frame.number * _TICKS / fps) if fps else frame.pts
            yield Arrival(frame.picture, pts, *size, discontinuity=frame.discontinuity)

    return Source(arrivals(), fps or source.fps, source.warnings)


def moving_picture(number: int, width: int, height: int, block: int = BLOCK) -> av.VideoFrame:
    """Return a picture [height, width] of waves that wander with the number, which is burnt in."""
    across = 60 + 50 * np.sin((np.arange(width) + 5 * number) / 17)
    down = 50 * np.cos((np.arange(height) - 3 * number) / 11)
    luma = (across + down[:, None]).clip(16, 235).astype(np.uint8)
    chroma = np.full((height // 2, width), 128, np.uint8)
    picture = av.VideoFrame.from_ndarray(np.vstack([luma, chroma]), format="yuv420p")
    burn(picture, number, block)
    return picture


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `serve_numbered` is told on the command line."""
    parser.add_argument("--loss", type=float, default=0.0, help="share of RTP packets that is thrown away")
    parser.add_argument("--port", type=int, default=0, help="0 lets the system choose one")
    parser.add_argument("--heads", metavar="DIR", type=Path, help="these heads instead of those installed")


def serve_numbered(
    open_numbered: Callable[[], Source],
    features: FeatureEncoder,
    make_video_encoder: Callable[[int, int, float], VideoEncoder],
    arguments: argparse.Namespace,
) -> None:
    """Serve a source with burnt-in numbers until SIGTERM; prints the address once it listens."""
    if arguments.loss:
        dice = random.Random(1)
        lose_rtp(lambda: dice.random() < arguments.loss)
    broadcast = Broadcast(
        "numbered pictures",
        open_numbered,
        features,
        make_video_encoder,
        fingerprint=features.spec.fingerprint,
        rate=features.rate,
    )
    registry = Registry(heads_folder=arguments.heads, installed=arguments.heads is None)
    app = create_app(broadcast, VENDOR_FOLDER.parent, HeadShelf(registry, features.spec), spec_documents())
    serve(app, port=arguments.port, on_ready=lambda address: print(address, flush=True))


def main() -> None:
    """Serve a video with its frame numbers burnt in."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("--fps", type=float, help="play the source at this rate instead of its own")
    add_server_arguments(parser)
    arguments = parser.parse_args()
    serve_numbered(
        lambda: numbered(open_source(arguments.source, loop=True), arguments.fps),
        FeatureEncoder(default_core(), threads=core_threads()),
        VideoEncoder,
        arguments,
    )


if __name__ == "__main__":
    main()
