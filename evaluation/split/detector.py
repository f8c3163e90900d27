"""What a whole network must be, so that these tools can run any of them; the graph itself says it.

    image    uint8 [1, H, W, 3]     RGB, letterboxed by `core_network.prepare`
    planes   uint8 [1, H, W, 6]     instead of image: with the motion of `core_network.motion.with_motion`
    view     float32 [6]            optional: `View.as_array`
      -> detections float32 [N, K]  columns by name; x0 y0 x1 y1 in 0..1 of the picture
      -> masks [N, h, w]            optional: a number per place of the whole input, inside at 0.5 and more

Columns, labels and the spec whose latent it holds are JSON in the model's metadata under `featurecast`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from core_network.prepare import View

__all__ = [
    "KEY",
    "UNROUNDED",
    "Detections",
    "Detector",
    "DetectorError",
    "detections_of",
    "read_detector",
    "write_detector",
]

KEY = "featurecast"
UNROUNDED = "unrounded"
"""The latent before a network rounds it to its finest step: an output of networks that do."""
_COLUMNS = ("x0", "y0", "x1", "y1", "score")


class DetectorError(ValueError):
    """A graph that these tools cannot run: one line with what was expected and what came."""


@dataclass(frozen=True)
class Detector:
    """The meaning of a graph: columns of `detections`, labels by index, the latent's tensor and its spec."""

    columns: tuple[str, ...]
    labels: tuple[str, ...]
    latent: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes [n, 4] x0 y0 x1 y1 in px of the source picture, scores [n], labels, their rows in the table."""

    boxes: NDArray[np.float64]
    scores: NDArray[np.float64]
    labels: list[str]
    rows: NDArray[np.intp]


def write_detector(model: ModelProto, detector: Detector) -> None:
    """Store the meaning in the model's metadata, in place of an earlier one."""
    kept = [entry for entry in model.metadata_props if entry.key != KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=KEY, value=json.dumps(asdict(detector), sort_keys=True))


def read_detector(text: str | None, where: str) -> Detector:
    """Return what `write_detector` stored; raises DetectorError naming `where`."""
    if not text:
        raise DetectorError(
            f"{where}: expected a network that names its columns and labels in its metadata ({KEY}), found "
            "none; make it with `featurecast evaluate convert`, or see docs/evaluation.md"
        )
    try:
        stored: dict[str, Any] = json.loads(text)
        detector = Detector(
            tuple(stored["columns"]), tuple(stored["labels"]), stored.get("latent"), stored.get("fingerprint")
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DetectorError(
            f"{where}: its metadata {KEY} cannot be read ({error}); convert it again"
        ) from error
    missing = [name for name in _COLUMNS if name not in detector.columns]
    if missing:
        raise DetectorError(
            f"{where}: expected the detection columns {', '.join(_COLUMNS)}, it lacks {', '.join(missing)}"
        )
    return detector


def detections_of(
    detector: Detector, table: NDArray[np.float32], view: View, least_score: float
) -> Detections:
    """Return the valid rows of a table [N, K] with at least this score, best first, in px of the source.

    Rows whose corners are the wrong way round are no boxes and left out.

    Raises DetectorError for a table of another width and for numbers that are not finite.
    """
    if table.ndim != 2 or table.shape[1] != len(detector.columns):
        raise DetectorError(
            f"detections: expected {len(detector.columns)} columns ({', '.join(detector.columns)}), got a "
            f"table of shape {list(table.shape)}"
        )
    if not np.isfinite(table).all():
        raise DetectorError("detections: expected finite numbers, got NaN or infinity")
    column = {name: table[:, index].astype(np.float64) for index, name in enumerate(detector.columns)}
    keep = column["score"] >= least_score
    if "valid" in column:
        keep &= column["valid"] >= 0.5
    keep &= (column["x1"] >= column["x0"]) & (column["y1"] >= column["y0"])
    rows = np.flatnonzero(keep)
    rows = rows[np.argsort(-column["score"][rows], kind="stable")]
    size = np.array([view.source_width, view.source_height] * 2, np.float64)
    boxes = np.stack([column[name][rows] for name in _COLUMNS[:4]], 1) * size
    indices = np.rint(column["label"][rows]).astype(int) if "label" in column else np.zeros(len(rows), int)
    last = len(detector.labels) - 1
    labels = [detector.labels[min(max(index, 0), last)] for index in indices]
    return Detections(boxes, column["score"][rows], labels, rows)
