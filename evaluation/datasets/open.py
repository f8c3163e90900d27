"""One door to every dataset format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from evaluation.datasets.ball_points import read_ball
from evaluation.datasets.box_csv import read_ava, read_retinanet_csv
from evaluation.datasets.coco import read_coco
from evaluation.datasets.mot import read_mot
from evaluation.datasets.sfu import read_sfu
from evaluation.datasets.types import Dataset, DatasetError
from evaluation.datasets.voc import read_voc
from evaluation.datasets.yolo import read_yolo

__all__ = ["FORMS", "open_dataset"]

FORMS = {
    "sfu": "SFU-HW-Objects or -Tracks: a folder of annotations; --pictures for the .yuv or PNG",
    "coco": "COCO JSON; --pictures for the images",
    "yolo": "a folder with images/ and labels/; --labels where it names no classes",
    "voc": "a folder with Annotations/ and JPEGImages/",
    "csv": "path,x1,y1,x2,y2,label",
    "ava": "video,second,x1,y1,x2,y2,action,person; --pictures for the videos",
    "mot": "a MOTChallenge sequence, a folder of them, or a folder with gt.txt; --pictures for the video",
    "ball": "a CSV of ball places, or a folder of them beside their videos",
}
"""Name of each format -> what its path is."""


def open_dataset(
    form: str,
    path: Path,
    *,
    pictures: Path | None = None,
    labels: Sequence[str] = (),
    split: str | None = None,
) -> Dataset:
    """Return the dataset at `path` in one of FORMS.

    `pictures`: where the pictures are, when not beside the labels. `labels`: names of numbered classes.
    `split`: only what splits.csv says belongs to it (yolo and ball). Raises DatasetError, one line.
    """
    if form not in FORMS:
        raise DatasetError(f"expected a format among {', '.join(FORMS)}, got {form!r}")
    if not path.exists():
        raise DatasetError.at(path, None, FORMS[form], "no such file or folder")
    if split is not None and form not in ("yolo", "ball"):
        raise DatasetError(f"a split is known for yolo and ball only, got {form!r}")
    if form == "sfu":
        return read_sfu(path, pictures)
    if form == "coco":
        return read_coco(path, pictures)
    if form == "yolo":
        return read_yolo(path, labels, pictures, split)
    if form == "voc":
        return read_voc(path, pictures)
    if form == "csv":
        return read_retinanet_csv(path, pictures)
    if form == "ava":
        return read_ava(path, labels, pictures)
    if form == "mot":
        return read_mot(path, labels, pictures)
    return read_ball(path, pictures, split)
