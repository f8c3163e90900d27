"""Feature datasets: what `featurecast record` writes and what heads are trained on.

    DIR/dataset.json      {"format": 1, "spec": {...}, "fingerprint": "...", "records": n,
                          "labels": ["player", ...], "shards": ["shard-00000.npz", ...]}
    DIR/shard-00000.npz   symbols int8 [n, C, H, W]   rate uint8 [n] (index into RATES)   view float32 [n, 6]
                          frame int32 [n]   source str [n]   split str [n]
                          people_known, balls_known uint8 [n] (0 = not labelled in this picture)
                          boxes float32 [m, 4]   box_label int8 [m] (index into labels, -1 = unknown)
                          box_record int32 [m] kits uint8 [m, 6] and kits_known uint8 [n] (absent in
                          recordings without colours)
                          balls float32 [k, 2]   ball_record int32 [k]

Boxes (x0 y0 x1 y1) and ball centres are in pixels of the source picture, whose size is in the view.
Features are kept as
the symbols that a viewer decodes, so a head trains on exactly what it will see.
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core_network.prepare import View
from core_network.spec import RATES, FeatureSpec

__all__ = ["ROLES", "DatasetError", "DatasetWriter", "FeatureDataset", "FrameTruth", "Record"]

ROLES = ("player", "goalkeeper", "referee")
"""Labels of boxes where a dataset names none of its own; the position is the number in `box_label`."""

_INDEX = "dataset.json"
_SHARD_RECORDS = 256


class DatasetError(ValueError):
    """A folder that is not a usable feature dataset: one line with what was expected and what to do."""


@dataclass(frozen=True)
class FrameTruth:
    """What is known of one picture, in px of the source; None means "not labelled", empty means "none
    there"."""

    boxes: NDArray[np.float32] | None = None  # [m, 4] x0 y0 x1 y1
    labels: tuple[str | None, ...] = ()  # one of the dataset's labels or None for each box
    balls: NDArray[np.float32] | None = None  # [k, 2] x y
    kits: NDArray[np.uint8] | None = None  # [m, 6] median RGB of shirt and shorts of each box


@dataclass(frozen=True)
class Record:
    """One frame of a dataset."""

    symbols: NDArray[np.int8]  # [C, H, W]
    rate: str
    view: NDArray[np.float32]  # [6]
    source: str
    frame: int
    split: str
    truth: FrameTruth


class DatasetWriter:
    """Writes records in shards; the index appears last, so that a folder without one was not finished."""

    def __init__(self, folder: Path | str, spec: FeatureSpec, labels: Sequence[str] = ROLES) -> None:
        """Begin a dataset in a new or empty folder; raises DatasetError when it already holds one.

        A box whose label is not among `labels` is kept without one.
        """
        self._folder = Path(folder)
        if (self._folder / _INDEX).exists():
            raise DatasetError(
                f"{folder}: expected a new or empty folder, it already holds a dataset; choose another"
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._spec = spec
        self._labels = tuple(labels)
        self._waiting: list[Record] = []
        self._shards: list[str] = []
        self.records = 0

    def add(
        self,
        symbols: NDArray[np.int8],
        rate: str,
        view: View,
        *,
        source: str,
        frame: int,
        truth: FrameTruth | None = None,
        split: str = "",
    ) -> None:
        """Add one frame: symbols int8 [C, H, W] at a rate, its view, its source's name and number in it."""
        if symbols.shape != self._spec.shape or symbols.dtype != np.int8:
            raise ValueError(f"expected symbols int8 {self._spec.shape}, got {symbols.dtype} {symbols.shape}")
        known = truth or FrameTruth()
        if known.boxes is not None and len(known.labels) not in (0, len(known.boxes)):
            raise ValueError(
                f"expected a label for each of {len(known.boxes)} boxes, got {len(known.labels)}"
            )
        if known.kits is not None and (known.boxes is None or known.kits.shape != (len(known.boxes), 6)):
            raise ValueError(f"expected kits [boxes, 6], got {list(known.kits.shape)}")
        self._waiting.append(Record(symbols, rate, view.as_array(), source, frame, split, known))
        self.records += 1
        if len(self._waiting) == _SHARD_RECORDS:
            self._write_shard()

    def _write_shard(self) -> None:
        records, self._waiting = self._waiting, []
        name = f"shard-{len(self._shards):05}.npz"
        boxes = [
            r.truth.boxes if r.truth.boxes is not None else np.zeros((0, 4), np.float32) for r in records
        ]
        balls = [
            r.truth.balls if r.truth.balls is not None else np.zeros((0, 2), np.float32) for r in records
        ]
        labels = [
            [
                self._labels.index(label) if label in self._labels else -1
                for label in (r.truth.labels or (None,) * len(b))
            ]
            for r, b in zip(records, boxes, strict=True)
        ]
        kits = [
            r.truth.kits if r.truth.kits is not None else np.zeros((len(b), 6), np.uint8)
            for r, b in zip(records, boxes, strict=True)
        ]
        index = np.arange(len(records), dtype=np.int32)
        np.savez_compressed(
            self._folder / name,
            symbols=np.stack([r.symbols for r in records]),
            rate=np.array([RATES.index(r.rate) for r in records], np.uint8),
            view=np.stack([r.view for r in records]).astype(np.float32),
            frame=np.array([r.frame for r in records], np.int32),
            source=np.array([r.source for r in records], np.str_),
            split=np.array([r.split for r in records], np.str_),
            people_known=np.array([r.truth.boxes is not None for r in records], np.uint8),
            balls_known=np.array([r.truth.balls is not None for r in records], np.uint8),
            boxes=np.concatenate(boxes).astype(np.float32).reshape(-1, 4),
            box_label=np.array([label for row in labels for label in row], np.int8),
            box_record=np.repeat(index, [len(b) for b in boxes]),
            kits=np.concatenate(kits).astype(np.uint8).reshape(-1, 6),
            kits_known=np.array([r.truth.kits is not None for r in records], np.uint8),
            balls=np.concatenate(balls).astype(np.float32).reshape(-1, 2),
            ball_record=np.repeat(index, [len(b) for b in balls]),
        )
        self._shards.append(name)

    def close(self) -> None:
        """Write what is left and the index."""
        if self._waiting:
            self._write_shard()
        index = {
            "format": 1,
            "spec": self._spec.to_json(),
            "fingerprint": self._spec.fingerprint,
            "records": self.records,
            "labels": self._labels,
            "shards": self._shards,
        }
        partly = self._folder / f"{_INDEX}.part"
        partly.write_text(json.dumps(index, indent=1) + "\n")
        os.replace(partly, self._folder / _INDEX)

    def __enter__(self) -> Self:
        """Return the writer."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Finish the dataset unless an error ends the block."""
        if kind is None:
            self.close()


class FeatureDataset:
    """Reads a dataset's records in the order in which they were written."""

    def __init__(self, folder: Path | str) -> None:
        """Open a dataset; raises DatasetError when the folder holds none or its fingerprint is not its
        spec's."""
        self.folder = Path(folder)
        path = self.folder / _INDEX
        if not path.is_file():
            raise DatasetError(
                f"{folder}: expected a feature dataset with {_INDEX}; write one with featurecast record"
            )
        index: dict[str, Any] = json.loads(path.read_text())
        if index.get("format") != 1:
            raise DatasetError(f"{path}: expected format 1, got {index.get('format')}; record it again")
        self.spec = FeatureSpec.from_json(index["spec"])
        if self.spec.fingerprint != index["fingerprint"]:
            raise DatasetError(
                f"{path}: fingerprint {index['fingerprint'][:12]}... is not that of its spec; record it again"
            )
        self.labels = tuple(str(label) for label in index.get("labels", ROLES))
        self._records = int(index["records"])
        self._shards = [str(name) for name in index["shards"]]

    def __len__(self) -> int:
        """Return the number of records."""
        return self._records

    def __iter__(self) -> Iterator[Record]:
        """Yield every record; one shard is in memory at a time."""
        for name in self._shards:
            try:
                with np.load(self.folder / name) as shard:
                    arrays = {key: shard[key] for key in shard.files}
            except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
                raise DatasetError(
                    f"{self.folder / name}: expected a shard, got {error}; record the dataset again"
                ) from None
            yield from _records(arrays, self.labels)


def _records(arrays: dict[str, NDArray[Any]], names: Sequence[str]) -> Iterator[Record]:
    for i in range(len(arrays["symbols"])):
        boxes = balls = kits = None
        labels: tuple[str | None, ...] = ()
        if arrays["people_known"][i]:
            mine = arrays["box_record"] == i
            boxes = arrays["boxes"][mine]
            labels = tuple(names[n] if n >= 0 else None for n in arrays["box_label"][mine])
            if "kits" in arrays and arrays["kits_known"][i]:
                kits = arrays["kits"][mine]
        if arrays["balls_known"][i]:
            balls = arrays["balls"][arrays["ball_record"] == i]
        yield Record(
            arrays["symbols"][i],
            RATES[int(arrays["rate"][i])],
            arrays["view"][i],
            str(arrays["source"][i]),
            int(arrays["frame"][i]),
            str(arrays["split"][i]),
            FrameTruth(boxes, labels, balls, kits),
        )
