"""Truth and predictions drawn on the same picture, side by side."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from evaluation.datasets.pictures import pictures
from evaluation.datasets.predictions import Prediction, Predictions
from evaluation.datasets.types import Clip, Dataset, Frame, Rect

__all__ = ["pairs", "side_by_side", "write_sheet", "write_video"]

Picture = NDArray[np.uint8]

_COLOURS = ((66, 165, 245), (255, 167, 38), (102, 187, 106), (236, 64, 122), (171, 71, 188), (255, 238, 88))
_IGNORED = (160, 160, 160)
_PANEL_WIDTH = 960
_SHEET_COLUMNS = 2


def pairs(
    dataset: Dataset, predictions: Predictions, *, confidence: float, limit: int | None = None
) -> Iterator[tuple[str, Picture]]:
    """Yield (title, picture) of every labelled frame, or of `limit` frames spread over each clip.

    Predictions below `confidence` are not drawn. Raises DatasetError for missing pictures and KeyError for a
    frame without a list of predictions.
    """
    for clip in dataset.clips:
        for frame, picture in pictures(_spread(clip, limit)):
            found = [one for one in predictions[clip.name, frame.name] if one.score >= confidence]
            title = f"{clip.name} {frame.name}"
            yield title, side_by_side(picture, frame, found, title)


def _spread(clip: Clip, limit: int | None) -> Clip:
    if limit is None or len(clip.frames) <= limit:
        return clip
    chosen = np.linspace(0, len(clip.frames) - 1, limit).round().astype(int)
    frames = tuple(clip.frames[index] for index in sorted(set(chosen.tolist())))
    return Clip(clip.name, frames, clip.pictures, clip.continuous, clip.outside)


def side_by_side(picture: Picture, frame: Frame, found: Sequence[Prediction], title: str) -> Picture:
    """Return truth on the left and predictions on the right, RGB [h, 2 w, 3] with even sides.

    Each half is at most 960 px wide. Ignored truth is grey; boxes may reach out of the picture.
    """
    height, width, _ = picture.shape
    scale = min(1.0, _PANEL_WIDTH / width)
    size = (max(2, round(width * scale / 2) * 2), max(2, round(height * scale / 2) * 2))
    small = Image.fromarray(picture).resize(size, Image.Resampling.BOX)
    left, right = small.copy(), small
    truth = ImageDraw.Draw(left)
    for thing in frame.things:
        name = thing.label if thing.track is None else f"{thing.label} {thing.track}"
        _box(truth, thing.box, scale, name, _IGNORED if thing.ignore else _colour(thing.label))
    for spot in frame.spots:
        x, y = spot.x * scale, spot.y * scale
        truth.ellipse((x - 6, y - 6, x + 6, y + 6), outline=_colour(spot.label), width=2)
    guess = ImageDraw.Draw(right)
    for one in sorted(found, key=lambda one: one.score):
        _box(guess, one.box, scale, f"{one.label} {one.score:.2f}", _colour(one.label))
    _text(truth, (4, 2), f"{title}: truth ({len(frame.things) + len(frame.spots)})", (255, 255, 255))
    _text(guess, (4, 2), f"predictions ({len(found)})", (255, 255, 255))
    return np.concatenate([np.asarray(left), np.asarray(right)], axis=1)


def _box(draw: ImageDraw.ImageDraw, box: Rect, scale: float, name: str, colour: tuple[int, ...]) -> None:
    # Far outside, the drawing library would loop over every pixel of the line.
    x0, y0, x1, y1 = (min(max(value * scale, -1e4), 1e4) for value in box)
    draw.rectangle((x0, y0, x1, y1), outline=colour, width=2)
    _text(draw, (max(x0, 0.0) + 2, max(y0 - 11, 0.0)), name, colour)


def _text(draw: ImageDraw.ImageDraw, place: tuple[float, float], text: str, colour: tuple[int, ...]) -> None:
    draw.text(place, text, fill=colour, stroke_width=1, stroke_fill=(0, 0, 0))


def _colour(label: str) -> tuple[int, ...]:
    return _COLOURS[zlib.crc32(label.encode()) % len(_COLOURS)]


def write_sheet(path: Path, drawn: Iterable[tuple[str, Picture]]) -> int:
    """Write all pictures into one PNG, two in a row; returns how many. The file appears when it is whole."""
    every = [picture for _, picture in drawn]
    cell = max(picture.shape[0] for picture in every), max(picture.shape[1] for picture in every)
    rows = -(-len(every) // _SHEET_COLUMNS)
    sheet = np.zeros((rows * cell[0], min(len(every), _SHEET_COLUMNS) * cell[1], 3), np.uint8)
    for index, picture in enumerate(every):
        top, left = index // _SHEET_COLUMNS * cell[0], index % _SHEET_COLUMNS * cell[1]
        sheet[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    unfinished = path.with_name(f".unfinished.{path.name}")
    Image.fromarray(sheet).save(unfinished, format="PNG")
    unfinished.replace(path)
    return len(every)


def write_video(path: Path, drawn: Iterable[tuple[str, Picture]], fps: float) -> int:
    """Write an H.264 MP4; returns its frames. Pictures of another size are fitted to the first one's."""
    unfinished = path.with_name(f".unfinished.{path.name}")
    count = 0
    try:
        with av.open(str(unfinished), "w", format="mp4", options={"movflags": "faststart"}) as container:
            stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
            stream.pix_fmt = "yuv420p"
            stream.options = {"preset": "veryfast", "crf": "20"}
            for _, picture in drawn:
                if not count:
                    stream.height, stream.width = picture.shape[:2]
                elif picture.shape[:2] != (stream.height, stream.width):
                    fitted = Image.fromarray(picture).resize((stream.width, stream.height))
                    picture = np.asarray(fitted)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                count += 1
            container.mux(stream.encode(None))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count
