"""The viewer without a window: heads over a file, a folder, a synthetic match or a WHEP stream."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.catalogue import Core
from core_network.prepare import View
from core_network.spec import FeatureSpec
from stream.bitstream import BitstreamDecoder, BitstreamError, FeatureFrame
from stream.file_reader import carries_features
from stream.sources.container import is_url
from stream.sync import CLOCK_RATE
from task_heads.manifest import BoxesDraw, Manifest
from task_heads.registry import FoundHead, Registry
from task_heads.result import result_from
from task_heads.runner import HeadRunner, run_order
from viewer.inputs import EncodedInput, FileInput, Input, ViewedFrame, ViewError, is_whep_url
from viewer.outputs import HeadResult, MotFile, OutputFile, OverlayVideo, ResultsFile, SeenFrame
from viewer.statistics_file import STATISTICS_SUFFIXES, StatisticsFile
from viewer.tracking_file import TRACKING_SUFFIX, TrackingFiles

__all__ = ["ViewError", "ViewSummary", "view"]

_PROGRESS_S = 0.5


@dataclass
class ViewSummary:
    """Frames seen and with features, results written, mean ms per frame of each head, warnings for stderr."""

    frames: int = 0
    frames_with_features: int = 0
    results: int = 0
    head_ms: dict[str, float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def view(
    source: str,
    heads: Sequence[str],
    *,
    core: Core,
    rate: str = "default",
    results: Path | None = None,
    mot: Path | None = None,
    video: Path | None = None,
    stats: Path | None = None,
    tracking: Path | None = None,
    frames: int | None = None,
    keep_all: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> ViewSummary:
    """Run heads over every frame of `source` and write what was asked for.

    `source`: an MP4 with features; anything `open_source` takes (encoded on the fly by `core` at `rate`);
    or an http(s) WHEP URL. `heads`: names of the catalogue or folders (`--head`). `results`: JSON lines;
    `mot`: MOT lines (needs exactly one head with ids); `video`: overlay MP4; `stats`: every statistic, .csv
    or .json; `tracking`: EPTS metadata (.xml), its raw file beside it (needs exactly one head with ids).
    `frames` stops after that many frames (of a WHEP stream, counted from the first with features);
    `keep_all` is `--all`.
    `on_progress(frames_done)` is called about twice a second.
    Raises ViewError, SourceError or HeadError (all ValueError, one line, exit 2).
    """
    chosen = _Chosen(heads)
    mot_head = chosen.with_ids("--mot") if mot else ""
    tracked_head = chosen.with_ids("--tracking") if tracking else ""
    _check_suffix(stats, "--stats", STATISTICS_SUFFIXES)
    _check_suffix(tracking, "--tracking", (TRACKING_SUFFIX,))
    for path in (results, mot, video, stats, tracking):
        if path is not None and not path.parent.is_dir():
            raise ViewError(f"{path}: the folder {path.parent} does not exist; make it first")
    summary = ViewSummary()
    with ExitStack() as stack:
        seen = stack.enter_context(closing(_open_input(source, core, rate)))
        outputs: list[OutputFile] = []
        if results:
            outputs.append(stack.enter_context(closing(ResultsFile(results))))
        if mot:
            outputs.append(stack.enter_context(closing(MotFile(mot, mot_head))))
        if stats:
            outputs.append(stack.enter_context(closing(StatisticsFile(stats))))
        if tracking:
            outputs.append(stack.enter_context(closing(TrackingFiles(tracking, tracked_head, seen.fps))))
        if video:
            outputs.append(stack.enter_context(closing(OverlayVideo(video, seen.fps))))
        _view_frames(seen, _Heads(chosen, seen, keep_all, summary), outputs, summary, frames, on_progress)
        summary.warnings.extend(seen.warnings)
    return summary


def _view_frames(
    seen: Input,
    heads: _Heads,
    outputs: list[OutputFile],
    summary: ViewSummary,
    limit: int | None,
    on_progress: Callable[[int], None] | None,
) -> None:
    told = time.monotonic()
    for frame in seen:
        result = heads.run(frame)
        if seen.joins_late and not summary.frames_with_features and result.number is None:
            continue
        for output in outputs:
            output.add(result)
        summary.frames += 1
        summary.frames_with_features += result.number is not None
        summary.results += len(result.results)
        if on_progress and time.monotonic() - told >= _PROGRESS_S:
            told = time.monotonic()
            on_progress(summary.frames)
        if limit is not None and summary.frames >= limit:
            break
    heads.report()


def _check_suffix(path: Path | None, option: str, suffixes: Sequence[str]) -> None:
    if path is not None and path.suffix.lower() not in suffixes:
        raise ViewError(f"{option}: expected a name that ends in {' or '.join(suffixes)}, got {path.name}")


def _open_input(source: str, core: Core, rate: str) -> Input:
    if is_whep_url(source):
        # aiortc takes a while to load; files do without it.
        from viewer.whep_input import WhepInput

        return WhepInput(source)
    if not is_url(source) and Path(source).is_file() and carries_features(source):
        return FileInput(source)
    return EncodedInput(source, core, rate)


class _Chosen:
    """The heads that the user named, and those that they need."""

    def __init__(self, heads: Sequence[str]) -> None:
        if not heads:
            raise ViewError("no head chosen; name at least one with --head")
        built_in = Registry()
        known = {head.folder.resolve(): head.name for head in built_in}
        folders = [Path(head) for head in dict.fromkeys(heads) if _is_folder(head)]
        registry = Registry(folders=[folder for folder in folders if folder.resolve() not in known])
        by_folder = {head.folder.resolve(): head.name for head in registry}
        self.names = list(
            dict.fromkeys(by_folder[Path(head).resolve()] if _is_folder(head) else head for head in heads)
        )
        self.found: dict[str, FoundHead] = {}
        waiting = list(self.names)
        while waiting:
            name = waiting.pop()
            if name not in self.found:
                self.found[name] = registry.get(name)
                waiting.extend(self.manifest(name).needs)

    def manifest(self, name: str) -> Manifest:
        """Return a chosen head's manifest."""
        manifest = self.found[name].manifest
        assert manifest is not None  # `Registry.get` returns usable heads only
        return manifest

    def with_ids(self, option: str) -> str:
        """Return the one chosen head whose boxes have ids; raises ViewError when there is not exactly one."""
        names = [name for name in self.names if _has_ids(self.manifest(name))]
        if len(names) != 1:
            raise ViewError(
                f"{option} needs exactly one head whose boxes have ids, got {', '.join(names) or 'none'}; "
                "choose for example --head player_tracking"
            )
        return names[0]


def _is_folder(head: str) -> bool:
    return Path(head).is_dir()


def _has_ids(manifest: Manifest) -> bool:
    return any(
        isinstance(draw, BoxesDraw) and "id" in manifest.output(draw.output).columns for draw in manifest.draw
    )


class _Heads:
    """payload -> features -> heads -> results; one decoder and one set of runners for one input."""

    def __init__(self, chosen: _Chosen, seen: Input, keep_all: bool, summary: ViewSummary) -> None:
        self._chosen, self._keep_all, self._summary = chosen, keep_all, summary
        self._specs = {spec.fingerprint: spec for spec, _ in seen.known}
        self._decoder = BitstreamDecoder(seen.known)
        self._runners: dict[str, HeadRunner] = {}
        self._order = run_order([chosen.manifest(name) for name in chosen.found])
        self._fingerprint = ""
        self._last_pts: int | None = None
        self._undecodable = 0
        self._reason = ""
        self._elapsed_s = dict.fromkeys(chosen.names, 0.0)

    def run(self, frame: ViewedFrame) -> SeenFrame:
        """Return the frame with the results of every chosen head, or bare when it has no usable features."""
        if frame.payload is None:
            return SeenFrame(frame.picture, frame.pts, name=frame.name)
        try:
            features = self._decoder.decode(frame.payload)
        except BitstreamError as error:
            self._undecodable += 1
            self._reason = str(error)
            return SeenFrame(frame.picture, frame.pts, name=frame.name)
        self._make_ready(features, fresh=frame.fresh)
        tables = self._run_heads(features)
        size = (features.source_width, features.source_height)
        results = []
        for name in self._chosen.names:
            manifest = self._chosen.manifest(name)
            shown = result_from(manifest, tables[name], *size)
            every = (
                result_from(manifest, tables[name], *size, every_detection=True) if self._keep_all else shown
            )
            results.append(HeadResult(manifest, every, shown))
        return SeenFrame(frame.picture, frame.pts, features.number, features.pts, frame.name, *size, results)

    def report(self) -> None:
        """Add time and trouble to the summary; raises ViewError when nothing at all could be decoded."""
        if self._undecodable and not self._summary.frames_with_features:
            raise ViewError(
                f"none of {self._undecodable} frames' features could be decoded: {self._reason}; "
                "encode the source again or install the version that wrote it"
            )
        ran = max(1, self._summary.frames_with_features)
        self._summary.head_ms = {name: round(total * 1e3 / ran, 3) for name, total in self._elapsed_s.items()}
        if self._undecodable:
            self._summary.warnings.append(
                f"{self._undecodable} payloads could not be decoded ({self._reason})"
            )

    def _make_ready(self, features: FeatureFrame, *, fresh: bool) -> None:
        """Load the heads for the features' spec; reset them where a new story begins."""
        if features.fingerprint != self._fingerprint:
            spec = self._spec(features)
            self._runners = {name: HeadRunner(head.folder, spec) for name, head in self._chosen.found.items()}
            self._fingerprint, self._last_pts = features.fingerprint, None
        elif fresh or (self._last_pts is not None and features.pts <= self._last_pts):
            for runner in self._runners.values():
                runner.reset()
            self._last_pts = None

    def _run_heads(self, features: FeatureFrame) -> dict[str, dict[str, NDArray[np.float32]]]:
        """Return the output tables of every head, those that others need first."""
        dt = 0.0 if self._last_pts is None else (features.pts - self._last_pts) / CLOCK_RATE
        self._last_pts = features.pts
        dequantised = self._spec(features).dequantise(features.symbols, features.rate)
        view = self._view(features)
        tables: dict[str, dict[str, NDArray[np.float32]]] = {}
        for name in self._order:
            started = time.perf_counter()
            tables[name] = self._runners[name].run(dequantised, view, dt, needs=tables)
            if name in self._elapsed_s:
                self._elapsed_s[name] += time.perf_counter() - started
        return tables

    def _spec(self, features: FeatureFrame) -> FeatureSpec:
        return self._specs[features.fingerprint]

    def _view(self, features: FeatureFrame) -> NDArray[np.float32]:
        spec = self._spec(features)
        return View.letterbox(
            features.source_width, features.source_height, spec.input_width, spec.input_height
        ).as_array()
