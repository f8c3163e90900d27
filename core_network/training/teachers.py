"""Detectors of any people, over a picture in tiles and as a whole: accurate, at a hundred times our cost.

Weights: ../shared/data/weights (each folder's README gives the layout of inputs and outputs).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from core_network.training.detection import box_iou

__all__ = ["PICODET", "YOLOX", "Detector", "PicoDet", "TiledTeacher", "YoloxNano"]

PICODET = "weights/picodet_s_416_coco/picodet_s_416_coco.onnx"
YOLOX = "weights/yolox_nano_coco/yolox_nano.onnx"
_SIDE, _PERSON = 416, 0
_LEAST, _IOU = 0.05, 0.55
_COLUMNS, _ROWS, _OVERLAP = 4, 3, 0.2

Found = NDArray[np.float64]


class Detector(Protocol):
    """Finds people in one picture that it scales to its own input."""

    def people(self, picture: Image.Image) -> Found:
        """Return boxes x0 y0 x1 y1 in px of the picture and scores, [n, 5]; they may overlap."""


def _session(model: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # everything here is timed
    options.log_severity_level = 3  # such graphs' initialisers are inputs too, and it is told of each
    return ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


class PicoDet:
    """PP-PicoDet-S: four strides, boxes as distributions over eight distances to each side."""

    _STRIDES, _BINS = (8, 16, 32, 64), 8
    _MEAN = np.array([0.485, 0.456, 0.406], np.float32)
    _DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

    def __init__(self, model: Path) -> None:
        """Load the graph."""
        self._session = _session(model)
        self._input = self._session.get_inputs()[0].name

    def people(self, picture: Image.Image) -> Found:
        """Return boxes and scores; see `Detector`."""
        x = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR), np.float32) / 255
        x = (x - self._MEAN) / self._DEVIATION
        outputs = self._session.run(None, {self._input: x.transpose(2, 0, 1)[None]})
        found = []
        for stride, scores, distances in zip(self._STRIDES, outputs[:4], outputs[4:], strict=True):
            score = scores[0, :, _PERSON]
            chosen = np.flatnonzero(score > _LEAST)
            side = -(-_SIDE // stride)
            centre = (np.stack([chosen % side, chosen // side], 1) + 0.5) * stride
            share = np.exp(distances[0, chosen].reshape(-1, 4, self._BINS))
            reach = (share * np.arange(self._BINS)).sum(2) / share.sum(2) * stride
            boxes = np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1)
            found.append(np.concatenate([boxes, score[chosen, None]], 1))
        whole = np.concatenate(found).astype(np.float64)
        whole[:, :4] *= np.tile(np.array(picture.size) / _SIDE, 2)
        return whole


class YoloxNano:
    """YOLOX-nano: three strides, a centre offset, log sizes and an objectness a place (arXiv 2107.08430)."""

    _STRIDES, _GREY = (8, 16, 32), 114

    def __init__(self, model: Path) -> None:
        """Load the graph."""
        self._session = _session(model)
        self._input = self._session.get_inputs()[0].name
        sides = [_SIDE // stride for stride in self._STRIDES]
        grids = [np.indices((n, n)).reshape(2, -1)[::-1].T for n in sides]
        self._cells = np.concatenate(grids)
        self._stride = np.repeat(self._STRIDES, [n * n for n in sides])[:, None]

    def people(self, picture: Image.Image) -> Found:
        """Return boxes and scores; see `Detector`."""
        scale = _SIDE / max(picture.size)
        size = [round(v * scale) for v in picture.size]
        x = np.full((_SIDE, _SIDE, 3), self._GREY, np.float32)
        small = picture.resize((size[0], size[1]), Image.Resampling.BILINEAR)
        x[: size[1], : size[0]] = np.asarray(small)[..., ::-1]
        rows = self._session.run(None, {self._input: x.transpose(2, 0, 1)[None]})[0][0].astype(np.float64)
        score = rows[:, 4] * rows[:, 5 + _PERSON]
        chosen = score > _LEAST
        centre = ((rows[:, :2] + self._cells) * self._stride)[chosen]
        half = (np.exp(rows[:, 2:4]) * self._stride)[chosen] / 2
        boxes = np.concatenate([centre - half, centre + half], 1) / scale
        return np.concatenate([boxes, score[chosen, None]], 1)


class TiledTeacher:
    """People as boxes and scores [n, 5] in px of the picture; `ms` is the CPU time of the last picture."""

    def __init__(self, detector: Detector) -> None:
        """Run this detector on the whole picture and on 12 tiles."""
        self._detector = detector
        self.ms = 0.0

    def people(self, picture: Image.Image) -> Found:
        """Return what is found in the whole picture and in the tiles, after suppression, best first."""
        started = time.process_time()
        found = np.concatenate([self._part(picture, tile) for tile in _tiles(*picture.size)])
        kept = _suppressed(found[np.argsort(-found[:, 4], kind="stable")])
        self.ms = (time.process_time() - started) * 1e3
        return kept

    def _part(self, picture: Image.Image, tile: tuple[int, int, int, int]) -> Found:
        found = self._detector.people(picture.crop(tile))
        found[:, :4] += np.tile(tile[:2], 2)
        return found


def _tiles(width: int, height: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield the whole picture, then 4 x 3 tiles that overlap by a fifth."""
    yield 0, 0, width, height
    tile_width = width / (_COLUMNS - (_COLUMNS - 1) * _OVERLAP)
    tile_height = height / (_ROWS - (_ROWS - 1) * _OVERLAP)
    for row in range(_ROWS):
        for column in range(_COLUMNS):
            left, top = column * tile_width * (1 - _OVERLAP), row * tile_height * (1 - _OVERLAP)
            yield round(left), round(top), round(left + tile_width), round(top + tile_height)


def _suppressed(found: Found) -> Found:
    """Return the boxes, best first, that overlap no better one."""
    kept: list[int] = []
    for index in range(len(found)):
        if not kept or box_iou(found[index : index + 1], found[kept]).max() < _IOU:
            kept.append(index)
    return found[kept]
