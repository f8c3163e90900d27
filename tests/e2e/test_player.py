"""The player in a real headless Chromium, over a real broadcast."""

from __future__ import annotations

import csv
import io
import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.chromium import Chromium
from evaluation.numbered_server import RECORDER
from tests.e2e.conftest import Server

# For the page: when the endless head's worker said that it runs, when the page ended that worker, and when
# other heads gave results.
WATCH_ENDLESS = """
window.endless = { loading: 0, running: 0, stopped: 0 };
window.results = [];
window.Worker = class extends Worker {
  constructor(url, options) {
    super(url, options);
    this.own = options.name === 'head endless';
    this.addEventListener('message', ({ data }) => {
      if (this.own && data.kind === 'loaded') window.endless.loading = data.ms;
      if (this.own && data.kind === 'running') window.endless.running ||= performance.now();
      if (!this.own && data.kind === 'result') window.results.push(performance.now());
    });
  }
  terminate() {
    super.terminate();
    if (this.own) window.endless.stopped = performance.now();
  }
};
"""

LIVE = "document.getElementById('status').dataset.state === 'live'"


def head_state(name: str, state: str) -> str:
    return f"document.querySelector('.head[data-name=\"{name}\"]')?.dataset.state === '{state}'"


def turn(browser: Chromium, head: str, on: bool = True) -> None:
    browser.send("check", selector=f"[data-head={head}]", on=on)


def watch(browser: Chromium, server: Server, *heads: str, **options: Any) -> None:
    """Open the player, wait for its first frame, and turn heads on."""
    browser.open(server.url, **{"before": RECORDER, **options})
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

    turn(browser, "whole_picture", on=False)
    browser.until(f"{results} === 'number_reader'")
    names = browser.evaluate("[...document.querySelectorAll('[data-head]')].map((e) => e.dataset.head)")
    browser.send("press", key=str(names.index("number_reader") + 1))
    browser.until(f"{results} === ''")
    # A head that was off begins anew.
    turn(browser, "number_reader")
    browser.until("window.recorded.at(-1).results[0]?.stats.count > 0")
    assert browser.evaluate("window.recorded.find((frame) => frame.results.length === 1)") is not None
    assert browser.evaluate(LIVE)


def test_a_head_that_fails_or_never_ends_is_stopped_and_others_go_on(
    browser: Chromium, server: Server
) -> None:
    watch(browser, server, "number_reader", before=WATCH_ENDLESS + RECORDER)
    reason = "document.querySelector('.head[data-name=\"{}\"] .reason').textContent"

    turn(browser, "failing")
    browser.until(head_state("failing", "failed"))
    assert "Stopped: " in browser.evaluate(reason.format("failing"))

    turn(browser, "endless")
    browser.until(head_state("endless", "failed"), 60)
    assert "longer than 2 s" in browser.evaluate(reason.format("endless"))
    # On a machine so busy that loading takes longer, the first run has as long.
    limit = max(2000, browser.evaluate("window.endless.loading") + 300)
    assert 0 < browser.evaluate("window.endless.stopped - window.endless.running") <= limit
    meanwhile = "{}.filter((at) => at > window.endless.running && at < window.endless.stopped).length"
    shown = "window.recorded.map(({ at }) => at)"
    assert browser.evaluate(meanwhile.format(shown)), "the video stood still while a head ran"
    assert browser.evaluate(meanwhile.format("window.results")), "the other head stood still"
    browser.evaluate("window.recorded.length = 0")
    browser.until("window.recorded.at(-1)?.results[0]?.head === 'number_reader'")

    for name, words in {"broken": "head.json", "foreign": "features"}.items():
        assert browser.evaluate(f"document.querySelector('[data-head={name}]').disabled")
        assert words in browser.evaluate(reason.format(name))


def test_a_head_that_wants_all_memory_or_gives_no_numbers_is_stopped(
    browser: Chromium, server: Server
) -> None:
    watch(browser, server, "number_reader")
    reason = "document.querySelector('.head[data-name=\"{}\"] .reason').textContent"
    for name, words in {"hungry": "Stopped: ", "no_numbers": "not a finite number"}.items():
        turn(browser, name)
        browser.until(head_state(name, "failed"), 60)
        assert words in browser.evaluate(reason.format(name))
        browser.evaluate("window.recorded.length = 0")
        browser.until("window.recorded.at(-1)?.results[0]?.head === 'number_reader'")
    assert browser.evaluate(LIVE)


def test_a_head_gets_what_it_needs_from_another_on_the_same_frame(browser: Chromium, server: Server) -> None:
    watch(browser, server, "second_reader")
    # Of the needed head, which the viewer did not turn on, nothing is shown.
    frames = [frame for frame in frames_with_number(browser, 30, 90) if frame["results"]]
    assert len(frames) > 5
    for frame in frames:
        assert [result["head"] for result in frame["results"]] == ["second_reader"]
        assert frame["results"][0]["stats"]["number"] == frame["burnt"]


def test_settings_of_the_manifest_become_controls_and_reach_the_graph(
    browser: Chromium, server: Server
) -> None:
    watch(browser, server, "pair_of_boxes")
    stats = "window.recorded.at(-1).results[0]?.stats"
    browser.until(f"{stats}?.side === -1 && {stats}.loud === 0 && {stats}.follow === 0")
    setting = '[data-setting="pair_of_boxes.{}"]'.format
    # By the keyboard alone, as labels say it.
    browser.evaluate(f"document.querySelector('{setting('side')} input:checked').focus()")
    browser.send("press", key="ArrowRight")
    browser.until(f"{stats}?.side === 0")
    browser.send("check", selector=setting("loud"), on=True)
    browser.until(f"{stats}?.loud === 1")

    tap = """(() => {
      const canvas = document.getElementById('overlay').getBoundingClientRect();
      const at = { clientX: canvas.left + %f * canvas.width, clientY: canvas.top + %f * canvas.height };
      document.getElementById('video').dispatchEvent(new MouseEvent('click', { bubbles: true, ...at }));
    })()"""
    recent = "performance.now() - window.recorded.findLast(({ results }) => results.length).at < 200"
    browser.until(recent)
    browser.evaluate(tap % (0.75, 0.5))
    browser.until(f"{stats}?.follow === 8")
    assert browser.evaluate(f"document.querySelector('{setting('follow')}').value") == "8"
    browser.until(recent)
    browser.evaluate(tap % (0.15, 0.5))
    browser.until(f"{stats}?.follow === 7")
    browser.until(recent)
    browser.evaluate(tap % (0.5, 0.1))
    browser.until(f"{stats}?.follow === 0")
    browser.evaluate(f"document.querySelector('{setting('follow')}').focus()")
    browser.evaluate(
        f"(() => {{ const list = document.querySelector('{setting('follow')}'); list.value = '8';"
        " list.dispatchEvent(new Event('change')); })()"
    )
    browser.until(f"{stats}?.follow === 8")
    browser.send("press", key="Escape")
    browser.until(f"{stats}?.follow === 0")

    # What was set is kept in this browser; whom the viewer followed is not.
    browser.evaluate("location.reload()")
    browser.until(f"window.recorded?.length > 0 && {stats}?.side === 0 && {stats}.loud === 1", 60)
    assert browser.evaluate(f"{stats}?.follow ?? 0") == 0
    assert browser.evaluate(f"document.querySelector('{setting('loud')}').checked")


def test_statistics_are_exported_as_csv_and_json(browser: Chromium, server: Server) -> None:
    keep = (
        "window.saved = {}; const make = URL.createObjectURL;"
        "URL.createObjectURL = (file) => { file.text().then((text) => { window.saved[file.type] = text; });"
        " return make.call(URL, file); };"
    )
    browser.open(f"{server.url}?heads=number_reader", before=keep + RECORDER)
    browser.until("window.recorded.filter(({ results }) => results.length).length > 20", 60)
    frames = {frame["number"]: frame for frame in browser.evaluate("window.recorded") if frame["results"]}
    for format_ in ("csv", "json"):
        browser.send("click", selector=f"[data-export={format_}]")
    browser.until("Object.keys(window.saved).length === 2")
    saved = browser.evaluate("window.saved")
    rows = list(csv.DictReader(io.StringIO(saved["text/csv"])))
    assert list(rows[0]) == ["number", "pts_s", "head", "statistic", "value", "unit"]
    of_frames = {(int(row["number"]), row["statistic"]): row for row in rows}
    for number, frame in frames.items():
        row = of_frames[number, "count"]
        assert float(row["value"]) == frame["results"][0]["stats"]["count"]
        assert row["unit"] == "frames" and row["head"] == "number_reader"
        assert float(row["pts_s"]) == pytest.approx(frame["pts"] / 90_000, abs=1e-3)
    as_json = {(row["number"], row["statistic"]): row for row in json.loads(saved["application/json"])}
    assert set(of_frames) <= set(as_json)
    assert as_json[next(iter(frames)), "count"]["unit"] == "frames"


def test_heads_come_and_go_without_a_reload(
    browser: Chromium, tmp_path: Path, heads_folder: Path, start_server: Callable[..., Server]
) -> None:
    own = tmp_path / "heads"
    shutil.copytree(heads_folder / "number_reader", own / "number_reader")
    watch(browser, start_server("--heads", str(own)), "number_reader")
    shutil.copytree(heads_folder / "whole_picture", own / "whole_picture")
    browser.until("document.querySelector('[data-head=whole_picture]') !== null", 30)
    assert browser.evaluate("document.querySelector('[data-head=number_reader]').checked")
    turn(browser, "whole_picture")
    browser.until(head_state("whole_picture", "on"))
    shutil.rmtree(own / "whole_picture")
    browser.until("document.querySelector('[data-head=whole_picture]') === null", 30)
    browser.evaluate("window.recorded.length = 0")
    browser.until("window.recorded.at(-1)?.results.map(({ head }) => head).join() === 'number_reader'")
    assert browser.send("complaints") == []


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
        '  return new Response(\'{"detail": "no"}\', { status: 404 }); };'
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
