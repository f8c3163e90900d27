"""The real broadcast of a source whose pictures show their own frame number, for measurements in a browser.

    picture with its number as blocks -> core network, bitstream, H.264 -> WHEP

so that the number read back from the screen can be compared with the number in the payload that the page
paired with it. Usage: python -m evaluation.numbered_server SRC [--loss 0.01]; prints its address.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator

import av

from core_network.catalogue import default_core
from stream.broadcast import Broadcast
from stream.programme import FeatureEncoder
from stream.rtc_private import lose_rtp
from stream.server import create_app, serve
from stream.source import Source, open_source
from stream.sources.base import Arrival
from stream.spec_document import spec_documents
from stream.video_encoder import VideoEncoder
from task_heads.registry import Registry
from task_heads.shelf import HeadShelf
from viewer.vendor_files import VENDOR_FOLDER

__all__ = ["BITS", "BLOCK", "RECORDER", "numbered"]

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
  const picture = new VideoFrame(document.getElementById('video'));
  context.drawImage(picture, 0, 0);
  const pictureTimestamp = picture.metadata().rtpTimestamp;
  picture.close();
  const row = context.getImageData(0, {BLOCK // 2}, canvas.width, 1).data;
  let burnt = 0;
  for (let bit = 0; bit < {BITS}; bit++) if (row[(bit * {BLOCK} + {BLOCK // 2}) * 4] > 120) burnt += 2 ** bit;
  window.recorded.push({{ burnt, pictureTimestamp, at: performance.now(), ...detail }});
}});
"""
"""For the page: keeps what the player says of every shown frame, with the number that the picture shows
at that moment, and the timestamp of that picture."""


def numbered(source: Source) -> Source:
    """Return the source with each frame's number in its top left corner, a block per bit, white for 1."""

    def arrivals() -> Iterator[Arrival]:
        for frame in source:
            picture = _with_number(frame.picture, frame.number)
            size = frame.source_width, frame.source_height
            yield Arrival(picture, frame.pts, *size, discontinuity=frame.discontinuity)

    return Source(arrivals(), source.fps, source.warnings)


def _with_number(picture: av.VideoFrame, number: int) -> av.VideoFrame:
    planes = picture.to_ndarray()
    for bit in range(BITS):
        planes[:BLOCK, bit * BLOCK : (bit + 1) * BLOCK] = 235 if number >> bit & 1 else 16
    marked = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    marked.colorspace, marked.color_range = picture.colorspace, picture.color_range
    return marked


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("--loss", type=float, default=0.0, help="share of RTP packets that is thrown away")
    arguments = parser.parse_args()
    if arguments.loss:
        dice = random.Random(1)
        lose_rtp(lambda: dice.random() < arguments.loss)
    core = default_core()
    broadcast = Broadcast(
        arguments.source,
        lambda: numbered(open_source(arguments.source, loop=True)),
        FeatureEncoder(core, threads=2),
        VideoEncoder,
        fingerprint=core.spec.fingerprint,
        rate="default",
    )
    app = create_app(broadcast, VENDOR_FOLDER.parent, HeadShelf(Registry(), core.spec), spec_documents())
    serve(app, port=0, on_ready=lambda address: print(address, flush=True))


if __name__ == "__main__":
    main()
