"""PicoDet-S over a picture in tiles and as a whole: a detector for any people, at a hundred times the cost.

Weights: ../shared/data/weights/picodet_s_416_coco (its README gives the layout of inputs and outputs).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from PIL import Image

from core_network.training.detection import box_iou

__all__ = ["WEIGHTS", "TiledTeacher"]

WEIGHTS = "weights/picodet_s_416_coco/picodet_s_416_coco.onnx"
_SIDE, _STRIDES, _BINS, _PERSON = 416, (8, 16, 32, 64), 8, 0
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
_COLUMNS, _ROWS, _OVERLAP = 4, 3, 0.2
_LEAST, _IOU = 0.05, 0.55

Found = NDArray[np.float64]


class TiledTeacher:
    """People as boxes and scores [n, 5] in px of the picture; `ms` is the time of the last picture."""

    def __init__(self, model: Path) -> None:
        """Load the graph; one thread, as everything here is timed."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3  # this graph's initialisers are inputs too, and it is told of each
        self._session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name
        self.ms = 0.0

    def people(self, picture: Image.Image) -> Found:
        """Return what is found in the whole picture and in 12 tiles, after suppression, best first."""
        started = time.process_time()
        found = np.concatenate([self._part(picture, tile) for tile in _tiles(*picture.size)])
        kept = _suppressed(found[np.argsort(-found[:, 4], kind="stable")])
        self.ms = (time.process_time() - started) * 1e3
        return kept

    def _part(self, picture: Image.Image, tile: tuple[int, int, int, int]) -> Found:
        part = picture.crop(tile).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
        x = (np.asarray(part, np.float32) / 255 - _MEAN) / _DEVIATION
        outputs = self._session.run(None, {self._input: x.transpose(2, 0, 1)[None]})
        found = []
        for stride, scores, distances in zip(_STRIDES, outputs[:4], outputs[4:], strict=True):
            score = scores[0, :, _PERSON]
            chosen = np.flatnonzero(score > _LEAST)
            side = -(-_SIDE // stride)
            centre = (np.stack([chosen % side, chosen // side], 1) + 0.5) * stride
            share = np.exp(distances[0, chosen].reshape(-1, 4, _BINS))
            reach = (share * np.arange(_BINS)).sum(2) / share.sum(2) * stride
            boxes = np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], 1)
            found.append(np.concatenate([boxes, score[chosen, None]], 1))
        whole = np.concatenate(found).astype(np.float64)
        scale = np.array([tile[2] - tile[0], tile[3] - tile[1]]) / _SIDE
        whole[:, :4] = whole[:, :4] * np.tile(scale, 2) + np.tile(tile[:2], 2)
        return whole


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
