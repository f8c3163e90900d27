"""Heads on the features of a source as every viewer gets them: core, bitstream, decoder, then heads."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.prepare import View
from stream.bitstream import BitstreamDecoder
from stream.sync import CLOCK_RATE
from task_heads.registry import Registry
from task_heads.result import Result, result_from
from task_heads.runner import HeadRunner, run_order
from viewer.inputs import EncodedInput

__all__ = ["DecodedFrame", "HeadOutcome", "decoded_frames", "heads_on"]


@dataclass(frozen=True, eq=False)
class DecodedFrame:
    """One frame's features after the wire: float32 [1, C, h, w] as heads take them, and `view` float32 [6].

    `number` counts from 0; `name` is a still's file name; `dt`: seconds since the frame before, 0 where
    `fresh`; `payload_bytes`: size of the coded features, without their carriage.
    """

    number: int
    name: str | None
    features: NDArray[np.float32]
    view: NDArray[np.float32]
    width: int
    height: int
    dt: float
    fresh: bool
    payload_bytes: int


@dataclass(frozen=True)
class HeadOutcome:
    """A head's result on one frame: what is shown, every detection, and the time of its graph."""

    shown: Result
    every: Result
    ms: float


def decoded_frames(
    source: str, core: Core, rate: str = "default", *, last: int | None = None
) -> Iterator[DecodedFrame]:
    """Yield every frame of a source (up to number `last`); stills of a folder are each a new beginning.

    Raises SourceError for a source that cannot be opened, ValueError for an unknown rate.
    """
    before: int | None = None
    with closing(EncodedInput(source, core, rate)) as seen:
        decoder = BitstreamDecoder(seen.known)
        for frame in seen:
            assert frame.payload is not None  # it was encoded here
            decoded = decoder.decode(frame.payload)
            fresh = frame.fresh or before is None
            dt = 0.0 if fresh or before is None else (decoded.pts - before) / CLOCK_RATE
            before = decoded.pts
            size = decoded.source_width, decoded.source_height
            yield DecodedFrame(
                decoded.number,
                frame.name,
                core.spec.dequantise(decoded.symbols, decoded.rate),
                View.letterbox(*size, core.spec.input_width, core.spec.input_height).as_array(),
                *size,
                dt,
                fresh,
                len(frame.payload),
            )
            if last is not None and decoded.number >= last:
                return


def heads_on(
    frames: Iterator[DecodedFrame], core: Core, names: Sequence[str]
) -> Iterator[tuple[DecodedFrame, dict[str, HeadOutcome]]]:
    """Yield each frame with the outcome of the named heads of the catalogue; those they need run as well.

    Raises HeadError for an unknown head and for one that was made for another core.
    """
    runners = _with_needs(names, core)
    order = run_order([runner.manifest for runner in runners.values()])
    for frame in frames:
        tables: dict[str, dict[str, NDArray[np.float32]]] = {}
        spent = {}
        for name in order:
            if frame.fresh:
                runners[name].reset()
            started = time.perf_counter()
            tables[name] = runners[name].run(frame.features, frame.view, frame.dt, needs=tables)
            spent[name] = (time.perf_counter() - started) * 1e3
        yield (
            frame,
            {
                name: HeadOutcome(
                    result_from(runners[name].manifest, tables[name], frame.width, frame.height),
                    result_from(
                        runners[name].manifest, tables[name], frame.width, frame.height, every_detection=True
                    ),
                    spent[name],
                )
                for name in names
            },
        )


def _with_needs(names: Sequence[str], core: Core) -> dict[str, HeadRunner]:
    registry = Registry()
    runners: dict[str, HeadRunner] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in runners:
            runners[name] = HeadRunner(registry.get(name).folder, core.spec)
            waiting.extend(runners[name].manifest.needs)
    return runners
