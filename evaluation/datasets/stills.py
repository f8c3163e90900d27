"""Stills on disk: which file belongs to which name, and how large it is."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, UnidentifiedImageError

from evaluation.datasets.types import DatasetError

__all__ = ["SUFFIXES", "frame_name", "picture_size", "stills"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def stills(folder: Path) -> list[Path]:
    """Return the pictures of a folder by name; raises DatasetError when there are none."""
    found = (
        sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if folder.is_dir()
        else []
    )
    if not found:
        raise DatasetError.at(folder, None, f"a folder of pictures ({' '.join(SUFFIXES)})", "none")
    return found


def picture_size(path: Path) -> tuple[int, int]:
    """Return width and height in px from the file's header; raises DatasetError."""
    try:
        with Image.open(path) as picture:
            return picture.size
    except FileNotFoundError:
        raise DatasetError.at(path, None, "a picture", "no such file") from None
    except (UnidentifiedImageError, OSError):
        raise DatasetError.at(path, None, "a picture", "a file that is none") from None


def frame_name(file: str) -> str:
    """Return a still's name for its predictions' file: no suffix, folders joined by two underscores."""
    return Path(file).with_suffix("").as_posix().strip("/").replace("/", "__")
