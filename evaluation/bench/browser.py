"""The player in a real Chromium, over the real broadcast of a real match."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evaluation.bench.figure import Figure, NotMeasured
from evaluation.bench.pipeline import real_clip
from evaluation.chromium import REPOSITORY, Chromium, ChromiumError, find_chromium
from evaluation.numbered_server import RECORDER
from task_heads.registry import Registry
from viewer.vendor_files import WebRuntimeError, install_web_runtime

__all__ = ["measure", "percentile_95"]

_SHOWN_FRAMES = 560
_JOINS = 20
_WASM_LIMIT_MS = 12.0
_PATIENCE_S = 120.0


def measure(root: Path | None) -> list[Figure]:
    """Watch the clip at 0 and 1 % loss, join twenty times, time each head alone."""
    clip = real_clip(root)
    try:
        executable = find_chromium()
        install_web_runtime()
    except (ChromiumError, WebRuntimeError) as error:
        raise NotMeasured(str(error)) from error
    heads = Registry().names()
    with Chromium(executable) as browser:
        with _server(clip, 0.0) as url:
            figures = _pairing(_watched(browser, url, heads), "without loss", "", 0.99)
            figures += _joins(browser, url, heads)
            for head in heads:
                _watched(browser, url, [head], 150)
                figures.append(
                    Figure(
                        f"{head}_wasm_ms",
                        f"`{head}` in WASM, one thread, median",
                        browser.stats()["head_ms"],
                        "ms",
                        at_most=_WASM_LIMIT_MS,
                    )
                )
        with _server(clip, 0.01) as url:
            figures += _pairing(_watched(browser, url, heads), "at 1 % packet loss", "_lossy", 0.9)
    return figures


@contextlib.contextmanager
def _server(clip: Path, loss: float) -> Iterator[str]:
    command = [sys.executable, "-m", "evaluation.numbered_server", str(clip.resolve()), "--loss", str(loss)]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _open(browser: Chromium, url: str, heads: Sequence[str]) -> None:
    browser.open(f"{url}/?heads={','.join(heads)}", before=RECORDER)
    browser.until("window.recorded.length > 0", 30)


def _watched(
    browser: Chromium, url: str, heads: Sequence[str], count: int = _SHOWN_FRAMES
) -> list[dict[str, Any]]:
    """Return `count` shown frames after every head has begun to run."""
    _open(browser, url, heads)
    for head in heads:
        browser.until(f"document.querySelector('.head[data-name=\"{head}\"]')?.dataset.state === 'on'", 30)
    browser.evaluate("window.recorded.length = 0")
    browser.until(f"window.recorded.length >= {count}", _PATIENCE_S)
    return list(browser.evaluate("window.recorded"))


def _pairing(shown: list[dict[str, Any]], when: str, suffix: str, with_features: float) -> list[Figure]:
    paired = [frame for frame in shown if frame["number"] is not None]
    # A starved page may see the video move on before the recorder has looked: those pictures prove nothing.
    compared = [frame for frame in paired if frame["pictureTimestamp"] == frame["rtpTimestamp"]]
    wrong = sum(frame["number"] != frame["burnt"] for frame in compared)
    late = sum(frame["late"] for frame in paired)
    return [
        Figure(f"shown{suffix}", f"frames shown {when}", len(shown)),
        Figure(f"compared{suffix}", "of these, numbers compared", len(compared), at_least=500),
        Figure(f"wrong{suffix}", "of these, with another frame's features", wrong, at_most=0),
        Figure(
            f"with_features{suffix}",
            f"shown with features, {when}",
            100 * len(paired) / len(shown),
            "%",
            at_least=100 * with_features,
        ),
        Figure(f"late{suffix}", f"overlay late, {when}", 100 * late / max(len(paired), 1), "%", at_most=5),
    ]


def _joins(browser: Chromium, url: str, heads: Sequence[str]) -> list[Figure]:
    joins, overlays = [], []
    for _ in range(_JOINS):
        _open(browser, url, heads)
        browser.until("document.querySelector('[data-stat=first_overlay_ms]').textContent > 0", 30)
        figures = browser.stats()
        joins.append(figures["join_ms"])
        overlays.append(figures["first_overlay_ms"])
    return [
        Figure(
            "join_ms",
            f"join: offer to first frame shown, p95 of {_JOINS}",
            percentile_95(joins),
            "ms",
            at_most=700,
        ),
        Figure("join_median_ms", "join, median", statistics.median(joins), "ms"),
        Figure("first_overlay_ms", "offer to first overlay, p95", percentile_95(overlays), "ms"),
    ]


def percentile_95(values: Sequence[float]) -> float:
    """Return the smallest of the values that at least 95 % of them do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[-(-95 * len(ordered) // 100) - 1]
