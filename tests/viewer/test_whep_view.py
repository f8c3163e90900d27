"""The headless viewer on a live broadcast."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import av
import numpy as np
import pytest

from core_network.catalogue import Core
from stream.programme import Analysis, FeatureEncoder
from stream.source import SourceFrame
from tests.stream.live.rig import HEIGHT, WIDTH, burnt_number, serving, until
from tests.viewer.heads import write_head
from viewer.headless import ViewError, view


class EmptyFeatures(FeatureEncoder):
    """Real payloads that cost next to nothing: the test must not depend on how fast the machine is."""

    def analyse(self, frame: SourceFrame) -> Analysis:
        return Analysis(np.zeros(self.spec.shape, np.float32), scene=0, prepare_ms=0.0, core_ms=0.0)


async def test_a_broadcast_is_viewed_and_left_again(tmp_path: Path, core: Core) -> None:
    head = str(write_head(tmp_path / "counter", core.spec))
    page = tmp_path / "page"
    page.mkdir()
    async with serving(page, coder=EmptyFeatures(core)) as live:
        summary = await asyncio.to_thread(
            view,
            live.whep,
            [head],
            core=core,
            results=tmp_path / "r.jsonl",
            video=tmp_path / "o.mp4",
            frames=12,
        )
        await until(lambda: live.sessions_now == 0)
    assert summary.frames == 12
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert len(lines) == summary.frames_with_features > 0
    for earlier, later in zip(lines, lines[1:], strict=False):
        steps = later["frame"] - earlier["frame"]
        assert steps >= 1
        assert later["pts"] - earlier["pts"] == 3600 * steps
        assert later["stats"]["dt"] == pytest.approx(0.04 * steps)
    assert (lines[0]["stats"]["source_width"], lines[0]["stats"]["source_height"]) == (WIDTH, HEIGHT)
    with av.open(str(tmp_path / "o.mp4")) as container:
        shown = [burnt_number(frame) for frame in container.decode(video=0)]
    assert len(shown) == 12
    assert shown[0] == lines[0]["frame"], "the first picture is the one that the first result belongs to"


def test_an_address_that_nobody_serves_is_refused(tmp_path: Path, core: Core) -> None:
    head = str(write_head(tmp_path / "counter", core.spec))
    with pytest.raises(ViewError, match="cannot be reached"):
        view("http://127.0.0.1:9/whep", [head], core=core)
