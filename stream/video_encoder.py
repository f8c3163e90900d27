"""Pictures into H.264 access units: one in, one out, fit for WebRTC, MP4 and SEI carriage alike."""

from __future__ import annotations

import time
from dataclasses import dataclass
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType

from stream.sync import CLOCK_RATE, KeySchedule

__all__ = ["VideoEncoder", "VideoUnit", "suggested_bitrate_kbps"]

_PRESET = "ultrafast"
"""With deblocking and sub-pixel motion, which it leaves out, as good as superfast on a panning match and
cheaper: the core network needs the processor more. Whole-pixel motion would save another third, and cost
2.6 dB when the camera pans."""
_BITS_PER_PIXEL = 0.1


@dataclass(frozen=True)
class VideoUnit:
    """One coded picture: Annex B with SPS and PPS before every IDR; `pts` in 90 kHz ticks; `key` = IDR."""

    access_unit: bytes
    pts: int
    key: bool
    encode_ms: float


def suggested_bitrate_kbps(width: int, height: int, fps: float) -> int:
    """Return a bitrate at which sport of this size looks good with the encoder's fast preset."""
    return round(min(8000.0, max(200.0, width * height * fps * _BITS_PER_PIXEL / 1000)))


class VideoEncoder:
    """x264, constrained baseline, no reordering, one slice per picture (RFC 6184 packetisation mode 1)."""

    def __init__(self, width: int, height: int, fps: float, bitrate_kbps: int | None = None) -> None:
        """`width`, `height`: even; `bitrate_kbps` None means the suggested one; VBV holds half a second."""
        if width % 2 or height % 2 or width < 2 or height < 2:
            raise ValueError(f"H.264 4:2:0 expects even sizes, got {width}x{height}; pad the picture first")
        self.width, self.height, self.fps = width, height, fps
        self.bitrate_kbps = bitrate_kbps or suggested_bitrate_kbps(width, height, fps)
        self._context: VideoCodecContext | None = None
        self._keys = KeySchedule(fps)

    def key_due(self, pts: int) -> bool:
        """Tell whether the picture with this pts will be an IDR even if nobody asks for one."""
        return self._keys.due(pts)

    def encode(self, picture: av.VideoFrame, pts: int, force_key: bool = False) -> list[VideoUnit]:
        """Code one yuv420p picture [height, width]; raises ValueError on another size.

        `pts` (90 kHz) must rise. The picture's pixels stay as they are; its pts and picture type are set.
        """
        if (picture.width, picture.height) != (self.width, self.height):
            raise ValueError(
                f"expected pictures of {self.width}x{self.height}, got {picture.width}x{picture.height}; "
                "open a new video encoder for another size"
            )
        started = time.perf_counter()
        key = self._keys.decide(pts, force_key)
        picture.pts, picture.time_base = pts, Fraction(1, CLOCK_RATE)
        # A decoded picture remembers its old type, which would be taken for an order.
        picture.pict_type = PictureType.I if key else PictureType.NONE
        if self._context is None:
            self._context = self._open(picture)
        packets = self._context.encode(picture)
        elapsed_ms = (time.perf_counter() - started) * 1e3
        return [
            VideoUnit(bytes(packet), int(packet.pts or 0), packet.is_keyframe, elapsed_ms)
            for packet in packets
        ]

    def flush(self) -> list[VideoUnit]:
        """Return what is still inside (nothing, with zero latency) and close; `encode` then starts anew."""
        context, self._context, self._keys = self._context, None, KeySchedule(self.fps)
        if context is None:
            return []
        return [
            VideoUnit(bytes(packet), int(packet.pts or 0), packet.is_keyframe, 0.0)
            for packet in context.encode(None)
        ]

    def _open(self, picture: av.VideoFrame) -> VideoCodecContext:
        context = av.CodecContext.create("libx264", "w")
        if not isinstance(context, VideoCodecContext):
            raise TypeError("libx264 is not a video encoder in this build of FFmpeg")
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.time_base = Fraction(1, CLOCK_RATE)
        context.framerate = Fraction(self.fps).limit_denominator(1001)
        context.bit_rate = self.bitrate_kbps * 1000
        context.thread_count = 1
        context.colorspace, context.color_range = picture.colorspace, picture.color_range
        context.profile = "Baseline"
        context.options = {
            "preset": _PRESET,
            "tune": "zerolatency",
            "forced-idr": "1",
            "x264-params": ":".join(
                (
                    "keyint=infinite",  # the schedule decides, so that every IDR carries a feature key
                    "scenecut=0",
                    "deblock=0,0",
                    "subme=1",
                    "slices=1",
                    "sliced-threads=0",
                    "repeat-headers=1",
                    "annexb=1",
                    f"vbv-maxrate={self.bitrate_kbps}",
                    f"vbv-bufsize={max(1, self.bitrate_kbps // 2)}",
                )
            ),
        }
        return context
