"""The player in a real headless Chromium, over a real broadcast."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from evaluation.chromium import Chromium
from evaluation.numbered_server import RECORDER
from tests.e2e.conftest import Server

LIVE = "document.getElementById('status').dataset.state === 'live'"


def head_state(name: str, state: str) -> str:
    return f"document.querySelector('.head[data-name=\"{name}\"]')?.dataset.state === '{state}'"


def turn(browser: Chromium, head: str, on: bool = True) -> None:
    browser.send("check", selector=f"[data-head={head}]", on=on)


def watch(browser: Chromium, server: Server, *heads: str, **options: Any) -> None:
    """Open the player, wait for its first frame, and turn heads on."""
    browser.open(server.url, before=RECORDER, **options)
    browser.until(f"{LIVE} && window.recorded.length > 0")
    for head in heads:
        turn(browser, head)
        browser.until(head_state(head, "on"))


def frames_with_number(browser: Chromium, count: int, seconds: float) -> list[dict[str, Any]]:
    """Return the next `count` shown frames whose features were read."""
    browser.evaluate("window.recorded.length = 0")
    browser.until(f"window.recorded.filter((frame) => frame.number !== null).length >= {count}", seconds)
    recorded = browser.evaluate("window.recorded")
    looked_at = [frame for frame in recorded if frame["pictureTimestamp"] == frame["rtpTimestamp"]]
    assert len(looked_at) >= 0.95 * len(recorded)
    return looked_at


@pytest.mark.parametrize(("loss", "with_features"), [(0.0, 0.7), (0.01, 0.5)])
def test_features_and_results_belong_to_the_frame_on_the_screen(
    browser: Chromium, start_server: Callable[..., Server], loss: float, with_features: float
) -> None:
    watch(browser, start_server("--loss", str(loss)), "number_reader")
    shown = frames_with_number(browser, 520, 140)
    paired = [frame for frame in shown if frame["number"] is not None]
    assert len(paired) >= 500

    wrong = Counter(frame["number"] - frame["burnt"] for frame in paired if frame["number"] != frame["burnt"])
    assert not wrong, f"payload number minus number on the screen: {wrong}"

    with_result = [frame for frame in paired if frame["results"]]
    of_results = [(frame["results"][0]["stats"]["number"], frame["burnt"]) for frame in with_result]
    assert [pair for pair in of_results if pair[0] != pair[1]] == []
    assert len(with_result) >= 0.5 * len(paired)
    # A frame without a result is either late or it has none of its own: it never has a neighbour's.
    assert all(frame["late"] for frame in paired if not frame["results"])

    stats = browser.stats()
    assert stats["pairs_wrong"] == 0
    assert stats["frames_shown"] >= 500
    assert len(paired) >= with_features * len(shown)
    assert stats["feature_bytes_mean"] > 20
    assert stats["head_ms"] > 0
    assert stats["join_ms"] > 0
    assert browser.send("complaints") == []


def test_head_state_and_time_go_on_from_frame_to_frame(browser: Chromium, server: Server) -> None:
    watch(browser, server, "number_reader")
    frames = [frame for frame in frames_with_number(browser, 40, 30) if frame["results"]]
    stats = [frame["results"][0]["stats"] for frame in frames]
    for (before, after), (first, second) in zip(
        zip(stats, stats[1:], strict=False), zip(frames, frames[1:], strict=False), strict=True
    ):
        assert after["count"] >= before["count"] + 1
        if after["count"] == before["count"] + 1:
            assert after["dt"] == pytest.approx((second["pts"] - first["pts"]) / 90_000, abs=1e-4)


def test_heads_are_switched_stacked_and_turned_off_while_it_plays(browser: Chromium, server: Server) -> None:
    watch(browser, server)
    results = "[...new Set(window.recorded.at(-1).results.map((result) => result.head))].sort().join()"
    assert browser.evaluate(results) == ""

    turn(browser, "number_reader")
    browser.until(f"{results} === 'number_reader'")
    turn(browser, "whole_picture")
    browser.until(f"{results} === 'number_reader,whole_picture'")
    assert browser.evaluate("new URL(location.href).searchParams.get('heads')") == (
        "number_reader,whole_picture"
    )
    figure = "document.querySelector('[data-statistic=\"number_reader.count\"]').textContent"
    browser.until(f"Number.parseFloat({figure}) > 0 && {figure}.endsWith('frames')")

    box = "window.recorded.at(-1).results.find((result) => result.head === 'whole_picture')?.boxes[0]"
    box_score = f"{box}.score"
    browser.until(f"{box_score} === 0.5")
    browser.evaluate(
        "(() => { const slider = document.querySelector('[data-setting=\"whole_picture.strength\"]');"
        " slider.value = '0.75'; slider.dispatchEvent(new Event('input')); })()"
    )
    browser.until(f"{box_score} === 0.75")

    turn(browser, "number_reader", on=False)
    browser.until(f"{results} === 'whole_picture'")
    names = browser.evaluate("[...document.querySelectorAll('[data-head]')].map((e) => e.dataset.head)")
    browser.send("press", key=str(names.index("whole_picture") + 1))
    browser.until(f"{results} === ''")
    # A head that was off begins anew.
    turn(browser, "number_reader")
    browser.until("window.recorded.at(-1).results[0]?.stats.count > 0")
    assert browser.evaluate("window.recorded.find((frame) => frame.results.length === 1)") is not None
    assert browser.evaluate(LIVE)


def test_a_head_that_fails_or_never_ends_is_stopped_and_others_go_on(
    browser: Chromium, server: Server
) -> None:
    watch(browser, server, "number_reader")
    reason = "document.querySelector('.head[data-name=\"{}\"] .reason').textContent"

    turn(browser, "failing")
    browser.until(head_state("failing", "failed"))
    assert "Stopped: " in browser.evaluate(reason.format("failing"))

    turn(browser, "endless")
    shown = browser.stats()["frames_shown"]
    browser.until(head_state("endless", "failed"), 40)
    assert "longer than 2 s" in browser.evaluate(reason.format("endless"))
    assert browser.stats()["frames_shown"] > shown + 10, "the video stood still while a head ran"
    browser.evaluate("window.recorded.length = 0")
    browser.until("window.recorded.at(-1)?.results[0]?.head === 'number_reader'")

    for name, words in {"broken": "head.json", "foreign": "features"}.items():
        assert browser.evaluate(f"document.querySelector('[data-head={name}]').disabled")
        assert words in browser.evaluate(reason.format(name))


def test_the_page_is_back_within_three_seconds_of_the_server(
    browser: Chromium, start_server: Callable[..., Server]
) -> None:
    server = start_server()
    watch(browser, server, "number_reader")
    for how in (signal.SIGTERM, signal.SIGKILL):
        server.stop(how)
        browser.until("document.getElementById('status').dataset.state === 'reconnecting'", 15)
        assert "Reconnecting" in browser.evaluate("document.getElementById('status').textContent")
        server.start()
        browser.until("fetch('/readyz').then((answer) => answer.ok).catch(() => false)")
        ready = browser.evaluate("performance.now()")
        browser.until(f"{LIVE} && window.recorded.at(-1).at > {ready}")
        first = browser.evaluate(f"window.recorded.find(({{ at }}) => at > {ready}).at")
        # How long a join takes is the machine's affair; until it begins is the page's.
        browser.until("document.querySelector('[data-stat=join_ms]').textContent > 0")
        assert first - ready - browser.stats()["join_ms"] <= 2000
        browser.until("window.recorded.at(-1)?.results[0]?.head === 'number_reader'")
    frames = frames_with_number(browser, 20, 30)
    assert [frame for frame in frames if frame["number"] not in (None, frame["burnt"])] == []
    assert browser.stats()["pairs_wrong"] == 0


# Where the picture is inside the video's box by the rules of object-fit, against where the canvas is.
MISALIGNMENT = """
(() => {
  const video = document.getElementById('video');
  const canvas = document.getElementById('overlay');
  const box = video.getBoundingClientRect();
  const scales = [box.width / video.videoWidth, box.height / video.videoHeight];
  const scale = getComputedStyle(video).objectFit === 'cover' ? Math.max(...scales) : Math.min(...scales);
  const [width, height] = [video.videoWidth * scale, video.videoHeight * scale];
  const at = canvas.getBoundingClientRect();
  const misses = [
    at.left - box.left - (box.width - width) / 2, at.top - box.top - (box.height - height) / 2,
    at.width - width, at.height - height,
    canvas.width - at.width * devicePixelRatio, canvas.height - at.height * devicePixelRatio,
  ];
  return Math.max(...misses.map(Math.abs));
})()
"""
# The share of the overlay's border that is painted: the test head draws a box around the whole picture.
PAINTED = """
(() => {
  const canvas = document.getElementById('overlay');
  const { width, height } = canvas;
  const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
  const painted = (x, y) => pixels[(Math.round(y) * width + Math.round(x)) * 4 + 3] > 0;
  const along = Array.from({ length: 21 }, (_, i) => 0.1 + 0.04 * i);
  const hits = along.flatMap((t) => [
    painted(t * width, 0), painted(t * width, height - 1),
    painted(0, t * height), painted(width - 1, t * height),
  ]);
  return hits.filter(Boolean).length / hits.length;
})()
"""


def test_the_overlay_stays_on_the_picture(browser: Chromium, server: Server) -> None:
    watch(browser, server, "whole_picture")
    browser.until("window.recorded.at(-1).results.length === 1")

    def aligned(what: str) -> None:
        browser.until(f"{MISALIGNMENT} <= 1", 10)
        browser.until(f"{PAINTED} === 1", 10)
        assert browser.evaluate(MISALIGNMENT) <= 1, what

    aligned("at first")
    for width, height in ((1920, 700), (700, 1000), (390, 844), (844, 390)):
        browser.send("size", width=width, height=height)
        aligned(f"window of {width}x{height}")
    browser.send("press", key="z")
    browser.until("getComputedStyle(document.getElementById('video')).objectFit === 'cover'")
    aligned("object-fit: cover")
    browser.send("size", width=390, height=844)
    aligned("cover, rotated")
    browser.send("press", key="f")
    browser.until("document.getElementById('fullscreen').ariaPressed === 'true'")
    aligned("full screen, cover")
    browser.send("press", key="z")
    aligned("full screen, contain")
    for ratio in (2, 1.5, 3):
        browser.send("ratio", width=800, height=600, ratio=ratio)
        browser.until(f"devicePixelRatio === {ratio}")
        aligned(f"device pixel ratio {ratio}")
    browser.send("press", key="f")
    browser.until("document.getElementById('fullscreen').ariaPressed === 'false'")
    aligned("out of full screen")


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("delete window.RTCRtpScriptTransform;", "encoded transforms"),
        ("delete HTMLVideoElement.prototype.requestVideoFrameCallback;", "which frame is on the screen"),
        (
            "const real = HTMLVideoElement.prototype.requestVideoFrameCallback;"
            "HTMLVideoElement.prototype.requestVideoFrameCallback = function (callback) {"
            "  return real.call(this, (now, { rtpTimestamp, ...metadata }) => callback(now, metadata)); };",
            "RTP timestamp",
        ),
    ],
)
def test_a_browser_that_cannot_pair_plays_plain_video_and_says_so(
    browser: Chromium, server: Server, before: str, words: str
) -> None:
    browser.open(f"{server.url}?heads=number_reader", before=before + RECORDER)
    browser.until(LIVE)
    browser.until("document.getElementById('video').currentTime > 0.5")
    browser.until("!document.getElementById('message').hidden")
    message = browser.evaluate("document.getElementById('message').textContent")
    assert words in message
    assert "without overlays" in message
    assert browser.evaluate("window.recorded.length") == 0
    controls = "[...document.querySelectorAll('[data-head]')]"
    assert browser.evaluate(f"{controls}.length > 0 && {controls}.every((control) => control.disabled)")
    assert browser.send("complaints") == []


def test_a_spec_that_the_server_does_not_know_is_said_and_the_video_plays(
    browser: Chromium, server: Server
) -> None:
    fake = (
        "const real = window.fetch; window.fetch = async (...request) => {"
        "  if (!String(request[0]).includes('spec/')) return real(...request);"
        "  return new Response('{\"detail\": \"no\"}', { status: 404 }); };"
    )
    browser.open(server.url, before=fake + RECORDER)
    browser.until(f"{LIVE} && document.getElementById('video').currentTime > 0.5")
    browser.until("document.getElementById('message').textContent.includes('does not describe')")
    assert browser.stats()["frames_with_features"] == 0


def test_the_session_ends_with_the_page(browser: Chromium, start_server: Callable[..., Server]) -> None:
    server = start_server()
    watch(browser, server)
    viewers = "fetch('/api/status').then((answer) => answer.json()).then(({ sessions }) => sessions)"
    assert browser.evaluate(viewers) == 1
    browser.open(f"{server.url}/icon.svg")
    browser.until(f"{viewers.replace('sessions)', 'sessions === 0)')}", 5)
