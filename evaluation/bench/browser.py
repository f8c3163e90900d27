"""The player in a real Chromium, over the real broadcast of a real match."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from evaluation.bench.figure import Figure, NotMeasured
from evaluation.bench.pipeline import real_clip
from evaluation.chromium import REPOSITORY, Chromium, ChromiumError, find_chromium
from evaluation.numbered_server import RECORDER
from task_heads.registry import Registry
from viewer.vendor_files import WebRuntimeError, install_web_runtime

__all__ = ["Shown", "compared", "measure", "percentile_95"]

_CLIP = Path("video/baseball_ibm_max")
"""640x360. Broadcaster and viewer share this machine here: what they watch must leave room for both."""
_FPS = 25.0
_PAGE = {"width": 844, "height": 390}
"""A phone held across (CSS px)."""
_COMPARED = 520
_SETTLED = 100
"""Frames before a page is measured: its heads and its jitter buffer have found their pace by then."""
_ASIDE = 300
_JOINS = 20
_OVERLAYS = 5
_LOOKING_S = 6.0
"""A viewer looks at the match for so long before picking a head."""
_HEAD_FRAMES = 120
_CALM_FPS = 8.0
"""Heads are timed at this rate: the encoder then leaves a core to the viewer, as on a machine of its own."""
_WASM_LIMIT_MS = 12.0
_PATIENCE_S = 75.0
_STEP_S = 2.0


@dataclass(frozen=True)
class Shown:
    """A frame that the player said is on the screen, and what the screen showed at that moment."""

    number: int | None
    """In the payload that the page paired with this frame; None without features."""
    timestamp: int
    """RTP timestamp of the frame."""
    late: bool
    picture_timestamp: int
    """RTP timestamp of the picture that was looked at: on a busy page it can be a later one."""
    burnt: int
    """Number that this picture showed."""


def measure(root: Path | None) -> list[Figure]:
    """Watch the clip with every head on at 0 and 1 % loss, join twenty times, time the heads.

    Then, for information, watch the 720p clip of the pipeline's figures.
    """
    clip, large = real_clip(root, _CLIP), real_clip(root)
    try:
        executable = find_chromium()
        install_web_runtime()
    except (ChromiumError, WebRuntimeError) as error:
        raise NotMeasured(str(error)) from error
    heads = Registry().names()
    figures = [_source(clip, _FPS)]
    with Chromium(executable, yields=True) as browser:
        with _server(clip, 0.0, _FPS) as url:
            when = "without loss"
            figures += _pairing(*_watched(browser, url, heads, when), when, "", 0.99)
            figures += [
                _delay(browser, when, ""),
                *_joins(browser, url),
                *_overlays(browser, url, heads),
                _pick(browser, url, heads),
            ]
        with _server(clip, 0.0, _CALM_FPS) as url:
            figures += _head_times(browser, url, heads)
        with _server(clip, 0.01, _FPS) as url:
            when = "at 1 % packet loss"
            figures += _pairing(*_watched(browser, url, heads, when), when, "_lossy", 0.9)
            figures.append(_delay(browser, when, "_lossy"))
        with _server(large, 0.0) as url:
            when = "720p football at 30 fps"
            figures += _aside(_watched(browser, url, heads, when, _ASIDE)[0], when, "_large")
    return figures


def _say(what: str) -> None:
    print(f"browser: {what}", file=sys.stderr, flush=True)


def _source(clip: Path, fps: float) -> Figure:
    with av.open(str(clip)) as container:
        context = container.streams.video[0].codec_context
        size = f"{context.width}x{context.height}"
    return Figure("source_fps", f"source: {clip.parent.name}/{clip.name}, {size}, played at", fps, "fps")


@contextlib.contextmanager
def _server(clip: Path, loss: float, fps: float | None = None) -> Iterator[str]:
    command = [sys.executable, "-m", "evaluation.numbered_server", str(clip.resolve()), "--loss", str(loss)]
    command += ["--fps", str(fps)] if fps else []
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _open(browser: Chromium, url: str, heads: Sequence[str]) -> None:
    browser.open(f"{url}/?heads={','.join(heads)}", before=RECORDER, **_PAGE)
    browser.until("window.recorded.length > 0", 30)


def _watched(
    browser: Chromium, url: str, heads: Sequence[str], when: str, wanted: int = _COMPARED
) -> tuple[list[Shown], float]:
    """Watch with these heads on until so many numbers were compared; the frames shown, and the seconds."""
    _open(browser, url, heads)
    for head in heads:
        browser.until(f"document.querySelector('.head[data-name=\"{head}\"]')?.dataset.state === 'on'", 60)
    browser.evaluate("window.recorded.length = 0")
    browser.until(f"window.recorded.length >= {_SETTLED}", _PATIENCE_S)
    browser.evaluate("window.recorded.length = 0")
    begun = time.monotonic()
    shown: list[Shown] = []
    while len(compared(shown)) < wanted and time.monotonic() - begun < _PATIENCE_S:
        time.sleep(_STEP_S)
        # Taken out of the page, where they would pile up with all their results.
        shown += [Shown(*row) for row in browser.evaluate(_TAKE)]
        _say(f"{when}: {len(shown)} frames shown, {len(compared(shown))} of {wanted} numbers compared")
    return shown, time.monotonic() - begun


_TAKE = """window.recorded.splice(0).map((shown) =>
  [shown.number, shown.rtpTimestamp, shown.late, shown.pictureTimestamp, shown.burnt])"""


def compared(shown: Sequence[Shown]) -> list[tuple[int, int]]:
    """Return (number in the payload, number on the screen) of every picture whose frame had features.

    The picture is looked at a moment after the player spoke, and may be the next one by then: its number is
    held against the payload that the player paired with that one. Each picture counts once.
    """
    paired = {frame.timestamp: frame.number for frame in shown if frame.number is not None}
    looked_at = {frame.picture_timestamp: frame.burnt for frame in shown}
    return [(paired[timestamp], number) for timestamp, number in looked_at.items() if timestamp in paired]


def _pairing(
    shown: list[Shown], seconds: float, when: str, suffix: str, with_features: float
) -> list[Figure]:
    paired = [frame for frame in shown if frame.number is not None]
    numbers = compared(shown)
    late = sum(frame.late for frame in paired)
    return [
        Figure(f"shown{suffix}", f"frames shown {when}", len(shown)),
        Figure(f"shown_fps{suffix}", "frames shown per second", len(shown) / seconds, "fps"),
        Figure(f"compared{suffix}", "of these, numbers compared", len(numbers), at_least=500),
        Figure(
            f"wrong{suffix}",
            "of these, with another frame's features",
            sum(payload != screen for payload, screen in numbers),
            at_most=0,
        ),
        Figure(
            f"with_features{suffix}",
            f"shown with features, {when}",
            100 * len(paired) / max(len(shown), 1),
            "%",
            at_least=100 * with_features,
        ),
        Figure(f"late{suffix}", f"overlay late, {when}", 100 * late / max(len(paired), 1), "%", at_most=5),
    ]


def _aside(shown: list[Shown], when: str, suffix: str) -> list[Figure]:
    paired = [frame for frame in shown if frame.number is not None]
    late = sum(frame.late for frame in paired)
    share = 100 * len(paired) / max(len(shown), 1)
    return [
        Figure(f"with_features{suffix}", f"for information, {when}: shown with features", share, "%"),
        Figure(f"late{suffix}", f"for information, {when}: late", 100 * late / max(len(paired), 1), "%"),
    ]


def _head_times(browser: Chromium, url: str, heads: Sequence[str]) -> list[Figure]:
    _say("head times")
    _open(browser, url, heads)
    with_results = f"window.recorded.filter((shown) => shown.results.length === {len(heads)})"
    browser.until(f"{with_results}.length >= {_HEAD_FRAMES}", _PATIENCE_S)
    return [
        Figure(
            f"{head}_wasm_ms",
            f"`{head}` in WASM, one thread, median",
            browser.evaluate(f"Number(document.querySelector('.head[data-name=\"{head}\"]').dataset.ms)"),
            "ms",
            at_most=_WASM_LIMIT_MS,
        )
        for head in heads
    ]


def _delay(browser: Chromium, when: str, suffix: str) -> Figure:
    """Return how long the page that is open lets frames wait, so that heads are in time."""
    return Figure(
        f"delay_ms{suffix}",
        f"frame's arrival to the screen, {when}, median",
        browser.stats()["delay_ms"],
        "ms",
    )


def _joins(browser: Chromium, url: str) -> list[Figure]:
    joins = []
    for count in range(_JOINS):
        _open(browser, url, ())  # as the page opens for everybody: heads are off until they are chosen
        browser.until("document.querySelector('[data-stat=join_ms]').textContent > 0", 30)
        joins.append(browser.stats()["join_ms"])
        _say(f"join {count + 1} of {_JOINS}: {joins[-1]:.0f} ms")
    return [
        Figure(
            "join_ms",
            f"join: offer to first frame shown, p95 of {_JOINS}",
            percentile_95(joins),
            "ms",
            at_most=700,
        ),
        Figure("join_median_ms", "join, median", statistics.median(joins), "ms"),
    ]


def _overlays(browser: Chromium, url: str, heads: Sequence[str]) -> list[Figure]:
    """Open the page with heads in its address, with nothing kept and then once more with what was kept."""
    first, again = [], []
    for count in range(_OVERLAYS):
        _open(browser, url, heads)
        first.append(_first_overlay_ms(browser))
        # What a runtime has compiled is kept once it has run for a moment.
        time.sleep(_STEP_S)
        browser.send("again", url=f"{url}/?heads={','.join(heads)}", before=RECORDER)
        again.append(_first_overlay_ms(browser))
        _say(f"first overlay {count + 1} of {_OVERLAYS}: {first[-1]:.0f} ms, again {again[-1]:.0f} ms")
    name = f"median of {_OVERLAYS}"
    return [
        Figure("first_overlay_ms", f"offer to first overlay, {name}", statistics.median(first), "ms"),
        Figure("again_overlay_ms", f"the same on a second visit, {name}", statistics.median(again), "ms"),
    ]


def _first_overlay_ms(browser: Chromium) -> float:
    browser.until("document.querySelector('[data-stat=first_overlay_ms]').textContent > 0", 60)
    return browser.stats()["first_overlay_ms"]


def _pick(browser: Chromium, url: str, heads: Sequence[str]) -> Figure:
    """Open the page as everybody does, look at it, then turn all heads on."""
    picks = []
    for count in range(_OVERLAYS):
        _open(browser, url, ())
        time.sleep(_LOOKING_S)
        begun = browser.evaluate(_PICK)
        every = f"({{ at, results }}) => at > {begun} && results.length === {len(heads)}"
        browser.until(f"window.recorded.some({every})", 60)
        picks.append(browser.evaluate(f"window.recorded.find({every}).at") - begun)
        _say(f"pick {count + 1} of {_OVERLAYS}: {picks[-1]:.0f} ms")
    name = f"heads turned on {_LOOKING_S:.0f} s after the page was opened: click to overlay of all"
    return Figure("pick_overlay_ms", f"{name}, median of {_OVERLAYS}", statistics.median(picks), "ms")


_PICK = """(() => {
  const begun = performance.now();
  for (const control of document.querySelectorAll('[data-head]')) control.click();
  return begun;
})()"""


def percentile_95(values: Sequence[float]) -> float:
    """Return the smallest of the values that at least 95 % of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[-(-95 * len(ordered) // 100) - 1]
