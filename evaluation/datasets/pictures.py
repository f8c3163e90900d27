"""The pictures of a clip, in order, wherever they lie: stills, a video file or raw video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from evaluation.datasets.rgb import rgb
from evaluation.datasets.types import Clip, DatasetError, Frame
from evaluation.datasets.yuv import Yuv
from stream.sources.base import SourceError
from stream.sources.container import decoded_frames, open_container

__all__ = ["pictures"]

Picture = NDArray[np.uint8]


def pictures(clip: Clip, *, every: bool = False) -> Iterator[tuple[Frame, Picture]]:
    """Yield (frame, RGB [height, width, 3]) of every labelled frame, with its true size filled in.

    `every`: of a video also the frames between the first and the last, as frames that are not labelled.
    Raises DatasetError for what is missing or has another size than the labels say.
    """
    if clip.pictures is None:
        raise DatasetError(
            f"{clip.name}: expected a folder or video of pictures, got labels alone; use --pictures"
        )
    if not clip.frames:
        return
    if clip.pictures.is_dir():
        source = _stills(clip, clip.pictures)
    elif clip.pictures.suffix.lower() == ".yuv":
        source = _raw(clip, clip.pictures, every)
    else:
        source = _video(clip, clip.pictures, every)
    for frame, picture in source:
        height, width, _ = picture.shape
        if frame.width and (frame.width, frame.height) != (width, height):
            raise DatasetError(
                f"{clip.name}/{frame.name}: expected a picture of {frame.width}x{frame.height}, "
                f"got {width}x{height}"
            )
        yield replace(frame, width=width, height=height), picture


def _stills(clip: Clip, folder: Path) -> Iterator[tuple[Frame, Picture]]:
    for frame in clip.frames:
        path = folder / (frame.file or f"{frame.name}.png")
        try:
            with Image.open(path) as picture:
                yield frame, np.asarray(picture.convert("RGB"))
        except FileNotFoundError:
            raise DatasetError.at(
                path, None, f"the picture of {clip.name}/{frame.name}", "no such file"
            ) from None
        except (UnidentifiedImageError, OSError):
            raise DatasetError.at(path, None, "a picture", "a file that is none") from None


def _raw(clip: Clip, path: Path, every: bool) -> Iterator[tuple[Frame, Picture]]:
    first = clip.frames[0]
    video = Yuv(path, first.width, first.height)
    wanted = _wanted(clip)
    for index in range(min(wanted), max(wanted) + 1) if every else wanted:
        yield wanted.get(index) or _between(first, index), video.picture(index)


def _video(clip: Clip, path: Path, every: bool) -> Iterator[tuple[Frame, Picture]]:
    wanted = _wanted(clip)
    first, last = min(wanted), max(wanted)
    number = -1
    try:
        with open_container(str(path)) as container:
            for number, (decoded, _) in enumerate(decoded_frames(str(path), container, [])):
                if number in wanted:
                    yield wanted[number], rgb(decoded)
                elif every and number > first:
                    yield _between(clip.frames[0], number), rgb(decoded)
                if number == last:
                    return
    except SourceError as error:
        raise DatasetError(str(error)) from None
    raise DatasetError.at(path, None, f"at least {last + 1} frames, as labelled", f"{number + 1}")


def _wanted(clip: Clip) -> dict[int, Frame]:
    return {frame.index: frame for frame in clip.frames}


def _between(like: Frame, index: int) -> Frame:
    return Frame(f"{index:06d}", like.width, like.height, index=index, labelled=False)
