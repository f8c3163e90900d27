"""Decoded frames into upright pictures: square pixels, even size, at most 1080p, yuv420p, never stretched."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import numpy as np
from av.sidedata.sidedata import SideData, Type
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import NDArray

__all__ = ["LONG_SIDE", "SHORT_SIDE", "Orientation", "Uprighter", "luma"]

LONG_SIDE, SHORT_SIDE = 1920, 1080
"""Largest picture that is encoded (px); portrait or landscape alike."""

_HD_LINES = 720
"""Untagged pictures with at least this many lines are BT.709, smaller ones BT.601, as in `prepare`."""

_BT709 = 1
_BT601 = 5
"""Matrix numbers of ITU-T H.273 table 4; 5 and 6 are the same matrix."""


def _plane_array(plane: VideoPlane) -> NDArray[np.uint8]:
    """Return a writable view [height, width] of one 8-bit plane without its line padding."""
    whole = np.frombuffer(cast(bytearray, plane), np.uint8)
    return whole.reshape(plane.height, plane.line_size)[:, : plane.width]


def luma(picture: av.VideoFrame) -> NDArray[np.uint8]:
    """Return the luma [height, width] of a planar 8-bit YUV picture, as a view."""
    return _plane_array(picture.planes[0])


@dataclass(frozen=True)
class Orientation:
    """How a stored picture becomes upright: transpose first, then mirror."""

    transpose: bool = False
    flip_x: bool = False
    flip_y: bool = False

    @classmethod
    def of(cls, frame: av.VideoFrame) -> Orientation:
        """Return what the frame's display matrix asks for, to the nearest right angle.

        The matrix is ISO/IEC 14496-12, 6.2.2: x' = a x + c y, y' = b x + d y.
        """
        try:
            matrix = next(
                (
                    bytes(entry)
                    for entry in cast(Iterable[SideData], frame.side_data)
                    if entry.type == Type.DISPLAYMATRIX
                ),
                None,
            )
        except ValueError:
            # PyAV knows no name for newer kinds of side data (Exif of a JPEG) and gives up on all of it.
            return _RIGHT_ANGLES[round(frame.rotation / 90) % 4]
        if matrix is None:
            return cls()
        a, b, _, c, d = struct.unpack("<5i", matrix[:20])
        if abs(a) + abs(d) >= abs(b) + abs(c):
            return cls(False, a < 0, d < 0)
        return cls(True, c < 0, b < 0)

    def apply(self, plane: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the upright view of a plane."""
        if self.transpose:
            plane = plane.T
        return plane[:: -1 if self.flip_y else 1, :: -1 if self.flip_x else 1]


_RIGHT_ANGLES = (
    Orientation(),
    Orientation(True, False, True),
    Orientation(False, True, True),
    Orientation(True, True, False),
)
"""By quarter turns counterclockwise."""


class Uprighter:
    """Makes every frame of one stream upright; its first frame fixes the size of all.

    stored frame -> [scale, convert] -> [turn] -> [pad to even] -> picture; a frame that needs none of
    it passes through untouched. `source_width`, `source_height`: the upright source picture in square
    pixels before scaling and padding (for anamorphic video its display size: the height stays, the
    width is multiplied). `width`, `height`: the picture.
    """

    def __init__(self, first: av.VideoFrame, sample_aspect: Fraction | None = None) -> None:
        """Plan for frames like `first`, whose pixels are `sample_aspect` times as wide as high."""
        self._aspect = Fraction(sample_aspect) if sample_aspect and sample_aspect > 0 else Fraction(1)
        self._reformatter = VideoReformatter()
        self.source_width, self.source_height = _upright_size(first, self._aspect)
        scaled = _fit(self.source_width, self.source_height)
        self.width, self.height = (value + value % 2 for value in scaled)

    def picture(self, frame: av.VideoFrame) -> av.VideoFrame:
        """Return the picture of a frame; one of another shape is fitted between black bars."""
        orientation = Orientation.of(frame)
        upright = _upright_size(frame, self._aspect)
        if upright == (self.source_width, self.source_height):
            size = _fit(*upright)
        else:
            size = _inside(*upright, self.width, self.height)
        stored = size[::-1] if orientation.transpose else size
        picture = self._convert(frame, *stored)
        if orientation != Orientation() or size != (self.width, self.height):
            picture = self._place(picture, orientation, size)
        return picture

    def _convert(self, frame: av.VideoFrame, width: int, height: int) -> av.VideoFrame:
        full_range = frame.color_range == ColorRange.JPEG or frame.format.name.startswith("yuvj")
        matrix = _matrix(frame)
        known = frame.format.is_rgb or frame.colorspace in (_BT709, _BT601, 6, 2, 0)
        if (
            frame.format.name == "yuv420p"
            and (frame.width, frame.height) == (width, height)
            and known
            and not full_range
        ):
            picture = frame
        else:
            picture = self._reformatter.reformat(
                frame,
                width=width,
                height=height,
                format="yuv420p",
                src_colorspace=None if frame.format.is_rgb else _scaler_matrix(frame, matrix),
                dst_colorspace=matrix,
                src_color_range=ColorRange.JPEG
                if full_range
                else None
                if frame.format.is_rgb
                else ColorRange.MPEG,
                dst_color_range=ColorRange.MPEG,
                interpolation=Interpolation.AREA
                if width * height < frame.width * frame.height
                else Interpolation.BICUBIC,
            )
        picture.colorspace, picture.color_range = matrix, ColorRange.MPEG
        return picture

    def _place(
        self, picture: av.VideoFrame, orientation: Orientation, size: tuple[int, int]
    ) -> av.VideoFrame:
        """Turn a converted frame and centre it in a picture; one odd line or column is repeated."""
        placed = av.VideoFrame(self.width, self.height, "yuv420p")
        bars = (self.width - size[0], self.height - size[1])
        for index, (source, target) in enumerate(zip(picture.planes, placed.planes, strict=True)):
            upright = orientation.apply(_plane_array(source))
            canvas = _plane_array(target)
            halved = 1 if index == 0 else 2
            left, top = (value // 2 // 2 * 2 // halved for value in bars)
            rows, columns = upright.shape
            if max(bars) > 1:
                canvas[:] = 16 if index == 0 else 128
            canvas[top : top + rows, left : left + columns] = upright
            if bars[0] == 1 and columns < canvas.shape[1]:
                canvas[:, columns] = canvas[:, columns - 1]
            if bars[1] == 1 and rows < canvas.shape[0]:
                canvas[rows] = canvas[rows - 1]
        placed.pts, placed.time_base = picture.pts, picture.time_base
        placed.colorspace, placed.color_range = picture.colorspace, picture.color_range
        return placed


def _upright_size(frame: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    width, height = max(1, round(frame.width * aspect)), frame.height
    return (height, width) if Orientation.of(frame).transpose else (width, height)


def _fit(width: int, height: int) -> tuple[int, int]:
    """Return the size itself, or the even size of the same aspect that 1080p can hold."""
    scale = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
    if scale == 1.0:
        return width, height
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _inside(width: int, height: int, room_width: int, room_height: int) -> tuple[int, int]:
    scale = min(room_width / width, room_height / height)
    return (
        min(room_width, max(2, 2 * round(width * scale / 2))),
        min(room_height, max(2, 2 * round(height * scale / 2))),
    )


def _matrix(frame: av.VideoFrame) -> int:
    """Return the matrix of the picture that a frame becomes: its own where it is BT.709 or BT.601."""
    if not frame.format.is_rgb:
        if frame.colorspace in (_BT709, 9, 10):
            return _BT709
        if frame.colorspace in (_BT601, 6):
            return _BT601
    return _BT709 if frame.height >= _HD_LINES else _BT601


def _scaler_matrix(frame: av.VideoFrame, default: int) -> int:
    """Return swscale's number of a frame's own matrix."""
    return {
        9: int(Colorspace.BT2020),
        10: int(Colorspace.BT2020),
        4: int(Colorspace.FCC),
        7: int(Colorspace.SMPTE240M),
    }.get(frame.colorspace, default)
