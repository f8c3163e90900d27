"""From a decoded frame to the core's input: one resize, one colour conversion, one letterbox for everybody.

Training, calibration, evaluation and serving all go through `prepare`, so that a filter or matrix can
never differ between them.
"""

from __future__ import annotations

from dataclasses import dataclass

import av
import numpy as np
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

__all__ = ["View", "prepare"]

_HD_LINES = 720
"""Untagged pictures with at least this many lines are BT.709, smaller ones BT.601."""


@dataclass(frozen=True)
class View:
    """Where the picture lies inside the core's input (0..1 of the input) and how large its source is (px)."""

    x0: float
    y0: float
    width: float
    height: float
    source_width: int
    source_height: int

    @classmethod
    def letterbox(cls, source_width: int, source_height: int, input_width: int, input_height: int) -> View:
        """Return the centred view of a source picture that keeps its aspect.

        Edges fall on whole input pixels. Decoders derive it from the sizes on the wire, so it is
        arithmetic on integers only.
        """
        if source_width < 1 or source_height < 1:
            raise ValueError(f"expected a picture of at least 1x1 px, got {source_width}x{source_height}")
        if source_width * input_height >= source_height * input_width:
            width, height = (
                input_width,
                max(1, (source_height * input_width * 2 + source_width) // (2 * source_width)),
            )
        else:
            width, height = (
                max(1, (source_width * input_height * 2 + source_height) // (2 * source_height)),
                input_height,
            )
        left, top = (input_width - width) // 2, (input_height - height) // 2
        return cls(
            left / input_width,
            top / input_height,
            width / input_width,
            height / input_height,
            source_width,
            source_height,
        )

    def as_array(self) -> NDArray[np.float32]:
        """Return float32[6]: x0, y0, width, height (0..1 of the input), source width and height (px)."""
        return np.array(
            [self.x0, self.y0, self.width, self.height, self.source_width, self.source_height], np.float32
        )


def prepare(
    frame: av.VideoFrame,
    input_width: int,
    input_height: int,
    source_size: tuple[int, int] | None = None,
    reformatter: VideoReformatter | None = None,
) -> tuple[NDArray[np.uint8], View]:
    """Return the core's input, uint8 [input_height, input_width, 3] RGB, and the view of the picture in it.

    `source_size` (width, height) names the source when `frame` is already a scaled copy of it; the aspect
    of the source decides the letterbox. Pass the same `reformatter` for a stream to keep its scaler.
    The border is mid-grey, which is about zero after the network's normalisation.
    """
    view = View.letterbox(*(source_size or (frame.width, frame.height)), input_width, input_height)
    width, height = round(view.width * input_width), round(view.height * input_height)
    source_matrix = frame.colorspace
    if source_matrix not in (Colorspace.ITU709, Colorspace.ITU601, Colorspace.SMPTE240M):
        source_matrix = Colorspace.ITU709 if frame.height >= _HD_LINES else Colorspace.ITU601
    resized = (reformatter or VideoReformatter()).reformat(
        frame,
        width=width,
        height=height,
        format="rgb24",
        src_colorspace=source_matrix,
        src_color_range=frame.color_range
        if frame.color_range in (ColorRange.JPEG, ColorRange.MPEG)
        else None,
        interpolation=Interpolation.AREA,
    )
    picture = np.asarray(resized.to_ndarray(), np.uint8)
    if (width, height) == (input_width, input_height):
        return picture, view
    image = np.full((input_height, input_width, 3), 114, np.uint8)
    left, top = round(view.x0 * input_width), round(view.y0 * input_height)
    image[top : top + height, left : left + width] = picture
    return image, view
