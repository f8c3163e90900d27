"""Every way to the same results on one clip: what it costs in bits and how right the results are.

    source -> H.264 at some size and bitrate -> core and heads    local inference on the decoded video
    source -> core -> latents -> a feature codec -> heads         features beside the video
    source -> core -> heads -> boxes and balls as bytes           boxes beside the video

What was coded and seen is kept under `cache`, so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from core_network.catalogue import Core
from core_network.spec import RATES
from evaluation.rate_accuracy.feature_codecs import (
    FeatureCodec,
    Latents,
    OurBitstream,
    QuantisedBytes,
    X265Mosaic,
    rounded,
)
from evaluation.rate_accuracy.footage import Footage
from evaluation.rate_accuracy.scoring import Accuracy, score, truth_of
from evaluation.rate_accuracy.video import Delivery, coded_video, decoded_video, luma_psnr
from evaluation.rate_accuracy.viewing import BALL, PEOPLE, Seen, Viewer, clip_latents, sent_as_boxes
from task_heads.registry import Registry

__all__ = ["BOXES", "CACHE", "CLEAN", "FRAMES", "LOCAL", "Plan", "Point", "Study", "plan_for", "run_study"]

LOCAL, BOXES, CLEAN = "local inference", "boxes only", "clean source"
CACHE, FRAMES = Path("runs/rate_accuracy"), 150
"""Where a study is kept, and frames of a clip, unless somebody says otherwise."""
_BOXES_FROM = 0.05
"""People below this score are not sent as boxes."""

Tick = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """Which points are measured."""

    deliveries: tuple[Delivery, ...]
    rates: tuple[str, ...] = RATES
    bits: tuple[int, ...] = (8, 6, 5, 4, 3)
    qps: tuple[int, ...] = (4, 12, 20, 28, 36)

    def frames(self, count: int) -> int:
        """Return how many frames all variants of a clip of `count` frames have; boxes cost nothing more."""
        return count * (1 + len(self.deliveries) + len(self.rates) + len(self.bits) + len(self.qps))


@dataclass(frozen=True)
class Point:
    """One variant on one clip. `feature_kbps` is what travels beside the video (or instead of inference).

    `psnr_db`: luma PSNR of a delivered video of the source's size.
    """

    method: str
    setting: str
    video_kbps: float | None
    feature_kbps: float
    bytes_per_frame: float
    accuracy: Accuracy
    psnr_db: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Study:
    """All points of one clip, the clean source first."""

    clip: str
    frames: int
    fps: float
    truth: str
    points: tuple[Point, ...]

    def of(self, method: str) -> list[Point]:
        """Return the points of one method."""
        return [point for point in self.points if point.method == method]

    def methods(self) -> list[str]:
        """Return the methods that send something beside the video, boxes last."""
        named = dict.fromkeys(point.method for point in self.points)
        return [method for method in named if method not in (LOCAL, CLEAN)]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def plan_for(footage: Footage, *, quick: bool) -> Plan:
    """Return the points for this picture size: three heights, and bitrates that scale with the pixels.

    `quick`: four bitrates at full size and two at the others, fewer points of the feature codecs.
    """
    heights = [max(2, round(footage.height * share / 2) * 2) for share in (1, 0.75, 0.5)]
    full = footage.width * footage.height * footage.fps / 1000
    bits_per_pixel = (0.01, 0.02, 0.04, 0.08, 0.16)
    deliveries = []
    for height in heights:
        pixels = full * (height / footage.height) ** 2
        few = bits_per_pixel[:4] if height == heights[0] else bits_per_pixel[1:4:2]
        chosen = few if quick else bits_per_pixel
        deliveries += [Delivery(height, max(40, round(pixels * share))) for share in chosen]
    plan = Plan(tuple(deliveries))
    return replace(plan, bits=(8, 5, 4, 3), qps=(12, 20, 28, 36)) if quick else plan


def run_study(core: Core, footage: Footage, plan: Plan, cache: Path, tick: Tick = lambda step: None) -> Study:
    """Measure every point of the plan on one clip; `tick(variant)` is called for each frame of each.

    Raises HeadError or ValueError when core and heads do not belong together, SourceError for the clip.
    """
    bench = _Bench(core, footage, cache / footage.name, tick)
    clean = bench.kept(CLEAN, "", bench.clean)
    truth = truth_of(footage, [seen for _, seen in clean])
    points = [bench.point(CLEAN, "", clean, truth_score=score(truth, _seen(clean)), beside=False)]
    for delivery in plan.deliveries:
        units = coded_video(footage, delivery, cache / footage.name)
        kept = bench.kept(LOCAL, str(delivery), partial(bench.local, units))
        sized = [(len(unit), seen) for unit, (_, seen) in zip(units, kept, strict=True)]
        point = bench.point(LOCAL, str(delivery), sized, truth_score=score(truth, _seen(kept)), beside=False)
        points.append(replace(point, psnr_db=luma_psnr(units, footage, delivery, cache / footage.name)))
    codecs: list[FeatureCodec] = [
        *(OurBitstream(core, rate) for rate in plan.rates),
        *(QuantisedBytes(core.spec, bits) for bits in plan.bits),
        *(X265Mosaic(core.spec, qp) for qp in plan.qps),
    ]
    for codec in codecs:
        kept = bench.kept(codec.method, codec.setting, partial(bench.sent, codec))
        points.append(bench.point(codec.method, codec.setting, kept, truth_score=score(truth, _seen(kept))))
    boxes = list(sent_as_boxes(_seen(clean), (footage.width, footage.height), _BOXES_FROM))
    points.append(
        bench.point(BOXES, f"from score {_BOXES_FROM}", boxes, truth_score=score(truth, _seen(boxes)))
    )
    return Study(footage.name, footage.count, footage.fps, truth.kind, tuple(points))


Kept = list[tuple[int, Seen]]


def _seen(kept: Kept) -> list[Seen]:
    return [seen for _, seen in kept]


class _Bench:
    """Core, heads and cache of one clip."""

    def __init__(self, core: Core, footage: Footage, cache: Path, tick: Tick) -> None:
        self._core, self._footage, self._cache, self._tick = core, footage, cache, tick
        self._latents: Latents | None = None
        self._variant = ""
        registry = Registry()
        heads = [registry.get(name).manifest for name in (PEOPLE, BALL)]
        self._network = {
            "core": core.spec.fingerprint,
            "tables": [hashlib.sha256(core.tables_path(rate).read_bytes()).hexdigest() for rate in RATES],
            "heads": [head.identity for head in heads if head is not None],
        }

    def kept(self, method: str, setting: str, make: Callable[[], Iterator[tuple[int, Seen]]]) -> Kept:
        """Return bytes and results of each frame: those of an earlier run, or newly made."""
        self._variant = f"{method} {setting}".strip()
        settings = {
            **self._network,
            "method": method,
            "setting": setting,
            "file": [self._footage.path.name, self._footage.path.stat().st_size, self._footage.count],
        }
        key = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]
        path = self._cache / f"{_file_name(self._variant)}-{key}.json"
        if path.is_file():
            stored = [(size, Seen(**seen)) for size, seen in json.loads(path.read_text())]
            for _ in stored:
                self._tick(self._variant)
            return stored
        made = list(make())
        path.parent.mkdir(parents=True, exist_ok=True)
        partly = path.with_name(f"{path.name}.part")
        partly.write_text(json.dumps([[size, seen.to_json()] for size, seen in made]))
        os.replace(partly, path)
        return made

    def point(
        self, method: str, setting: str, kept: Kept, *, truth_score: Accuracy, beside: bool = True
    ) -> Point:
        """Return the figures of one variant; `beside`: its bytes travel beside the video, else as video."""
        mean = sum(size for size, _ in kept) / len(kept)
        kbps = mean * 8 * self._footage.fps / 1000
        video = None if beside or method == CLEAN else kbps
        return Point(method, setting, video, kbps if beside else 0.0, mean, truth_score)

    def clean(self) -> Iterator[tuple[int, Seen]]:
        """Yield what core and heads see in the source itself."""
        return self._viewed(self._source_latents())

    def local(self, units: list[bytes]) -> Iterator[tuple[int, Seen]]:
        """Yield what core and heads see in the decoded video."""
        return self._viewed(self._of(decoded_video(units, self._footage)))

    def sent(self, codec: FeatureCodec) -> Iterator[tuple[int, Seen]]:
        """Yield what the heads see in features that a codec has sent, and the bytes."""
        viewer = self._viewer()
        for sent in codec.send(self._source_latents()):
            self._tick(self._variant)
            yield sent.size, viewer.see(sent.features)

    def _viewed(self, latents: Latents) -> Iterator[tuple[int, Seen]]:
        viewer = self._viewer()
        for latent in latents.values:
            yield 0, viewer.see(rounded(self._core.spec, latent))

    def _source_latents(self) -> Latents:
        if self._latents is None:
            self._latents = self._of(self._footage.frames())
        return self._latents

    def _of(self, frames: Iterator[Any]) -> Latents:
        return clip_latents(self._core, frames, self._footage.fps, lambda: self._tick(self._variant))

    def _viewer(self) -> Viewer:
        return Viewer(self._core.spec, (self._footage.width, self._footage.height), self._footage.fps)


def _file_name(variant: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in variant).split())
