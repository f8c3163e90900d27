"""What a viewer sees: the shipped heads over features, frame by frame."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.encoder import Encoder
from core_network.prepare import View, prepare
from core_network.spec import FeatureSpec
from evaluation.rate_accuracy.feature_codecs import Latents
from stream.carriage import carried_size
from stream.scene_cuts import SceneCuts
from stream.source import SourceFrame
from stream.sync import KeySchedule
from task_heads.registry import Registry
from task_heads.result import result_from
from task_heads.runner import HeadRunner, HeadSet

__all__ = [
    "BALL",
    "PEOPLE",
    "Seen",
    "Viewer",
    "clip_latents",
    "pack_seen",
    "sent_as_boxes",
    "unpack_seen",
]

PEOPLE, BALL = "player_tracking", "ball_statistics"
_BOX = struct.Struct("<4HB")
_POINT = struct.Struct("<2HB")


@dataclass(frozen=True)
class Seen:
    """One frame: every person's box x0 y0 x1 y1 and score, the displayed people's among them, and balls x y
    score, in px of the source; lists, so that JSON holds them."""

    people: list[list[float]]
    shown: list[list[float]]
    balls: list[list[float]]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"people": self.people, "shown": self.shown, "balls": self.balls}


class Viewer:
    """features -> heads -> what is seen; one for a clip, frames in order."""

    def __init__(self, spec: FeatureSpec, source_size: tuple[int, int], fps: float) -> None:
        """Load the shipped player and ball heads and those that they need; raises HeadError."""
        registry, names = Registry(), [PEOPLE, BALL]
        for name in names:
            manifest = registry.get(name).manifest
            assert manifest is not None  # `Registry.get` returns usable heads only
            names.extend(needed for needed in manifest.needs if needed not in names)
        runners = [HeadRunner(registry.get(name).folder, spec) for name in names]
        self._manifests = {runner.name: runner.manifest for runner in runners}
        self._heads, self._size, self._dt = HeadSet(runners), source_size, 1 / fps
        self._view = View.letterbox(*source_size, spec.input_width, spec.input_height).as_array()

    def see(self, features: NDArray[np.float32]) -> Seen:
        """Return what the heads make of the next frame's features [1, C, h, w]."""
        tables = self._heads.run(features, self._view, self._dt)
        people, ball = self._manifests[PEOPLE], self._manifests[BALL]
        every = result_from(people, tables[PEOPLE], *self._size, every_detection=True)
        shown = result_from(people, tables[PEOPLE], *self._size)
        balls = result_from(ball, tables[BALL], *self._size)
        return Seen(
            [_rounded(*box.xyxy, box.score) for box in every.boxes],
            [_rounded(*box.xyxy, box.score) for box in shown.boxes],
            # A guess says where the ball may be while it is hidden: it is not seen.
            [
                _rounded(*point["xy"], point["score"])
                for point in balls.to_json(0, 0, None)["points"]
                if not point.get("guess")
            ],
        )


def clip_latents(core: Core, frames: Iterable[SourceFrame], fps: float, tick: Callable[[], None]) -> Latents:
    """Return the latents of frames in order, as a broadcast computes them, with its IDRs and cuts as keys."""
    encoder, cuts, keys, reformatter = Encoder(core), SceneCuts(), KeySchedule(fps), VideoReformatter()
    spec, values, standing, size = core.spec, [], [], (0, 0)
    for frame in frames:
        size = (frame.source_width, frame.source_height)
        image, _ = prepare(frame.picture, spec.input_width, spec.input_height, size, reformatter)
        cut = cuts.is_cut(image)
        values.append(encoder.latent(image, fresh=cut or frame.discontinuity))
        standing.append(keys.decide(frame.pts, frame.discontinuity) or cut)
        tick()
    return Latents(values, standing, fps, size)


def pack_seen(seen: Seen, size: tuple[int, int], least_score: float) -> bytes:
    """Return boxes and balls as bytes: 16 bits a coordinate, 8 a score; no people below `least_score`."""
    people = [row for row in seen.people if row[4] >= least_score]
    rows = [_BOX.pack(*_places(row[:4], size), _level(row[4])) for row in people]
    rows += [_POINT.pack(*_places(row[:2], size), _level(row[2])) for row in seen.balls]
    return struct.pack("<BB", len(people), len(seen.balls)) + b"".join(rows)


def unpack_seen(content: bytes, size: tuple[int, int]) -> Seen:
    """Return what `pack_seen` wrote."""
    people, balls = struct.unpack_from("<BB", content)
    at = 2
    found: tuple[list[list[float]], list[list[float]]] = ([], [])
    for form, count, rows in ((_BOX, people, found[0]), (_POINT, balls, found[1])):
        for _ in range(count):
            *places, level = form.unpack_from(content, at)
            at += form.size
            sides = (size * 2)[: len(places)]
            rows.append([v * side / 65535 for v, side in zip(places, sides, strict=True)] + [level / 255])
    return Seen(found[0], [], found[1])


def sent_as_boxes(
    seen: Sequence[Seen], size: tuple[int, int], least_score: float
) -> Iterator[tuple[int, Seen]]:
    """Yield the bytes as carried, and what arrives, of each frame whose results are sent, not features."""
    for frame in seen:
        packed = pack_seen(frame, size, least_score)
        yield carried_size(packed), unpack_seen(packed, size)


def _places(values: Sequence[float], size: tuple[int, int]) -> list[int]:
    sides = (size * 2)[: len(values)]
    return [round(min(max(v / side, 0.0), 1.0) * 65535) for v, side in zip(values, sides, strict=True)]


def _level(score: float) -> int:
    return round(min(max(score, 0.0), 1.0) * 255)


def _rounded(*values: float) -> list[float]:
    return [round(value, 3) for value in values]
