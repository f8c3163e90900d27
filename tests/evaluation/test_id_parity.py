"""The built-in heads give the same ids in Python and in onnxruntime-web, frame after frame of a match."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core_network.catalogue import Core
from evaluation import id_parity
from evaluation.bench.figure import NotMeasured
from evaluation.decoded import decoded_frames
from evaluation.id_parity import compare_runtimes
from task_heads.browser_runtime import BrowserRuntime
from task_heads.registry import Registry
from viewer.vendor_files import VENDOR_FOLDER

BROWSER = BrowserRuntime(VENDOR_FOLDER, VENDOR_FOLDER.parent / "head_runner.js")
MATCH = "synthetic:football?seed=3&seconds=5&width=960&height=540&fps=25"
FRAMES = 120


@pytest.fixture
def node() -> None:
    if reason := BROWSER.missing():
        pytest.skip(reason)


@pytest.mark.usefixtures("node")
def test_ids_are_the_same_on_many_frames(core: Core) -> None:
    frames = decoded_frames(MATCH, core, last=FRAMES - 1)
    found = {each.head: each for each in compare_runtimes(frames, core, names(), lambda _: None)}
    assert set(found) == set(names())
    for each in found.values():
        assert each.frames == FRAMES
        assert each.other_ids == 0, each.first
    assert found["player_tracking"].ids > 5 * FRAMES


@pytest.mark.usefixtures("node")
def test_frames_that_differ_are_counted(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    # What Python sees of the frames is not what it leaves for the browser's runtime.
    seen = list(decoded_frames(MATCH, core, last=5))
    run = id_parity._in_python

    def other(frames, heads, scratch):
        outputs = run(iter(seen), heads, scratch)
        run((replace(frame, features=0 * frame.features) for frame in seen), heads, scratch)
        return outputs

    monkeypatch.setattr(id_parity, "_in_python", other)
    (found,) = compare_runtimes(iter(seen), core, ["player_tracking"], lambda _: None)
    assert found.other_ids > 0
    assert found.unequal > 0
    assert found.first is not None and "onnxruntime-web" in found.first


def test_without_node_nothing_is_claimed(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BrowserRuntime, "missing", lambda self: "node is not installed")
    with pytest.raises(NotMeasured, match="node"):
        compare_runtimes(iter(()), core, names(), lambda _: None)


def names() -> list[str]:
    return Registry(installed=False).names()
