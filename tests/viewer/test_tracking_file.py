"""Tracking data: what is written, and that kloppy reads it back."""

from __future__ import annotations

import warnings
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core_network.catalogue import Core
from task_heads.manifest import Manifest, load_manifest
from task_heads.result import Box, Point, Result
from tests.viewer.heads import write_head
from viewer.outputs import HeadResult, SeenFrame
from viewer.tracking_file import TrackingFiles

SIZE = (1280, 720)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, core: Core) -> Manifest:
    return load_manifest(write_head(tmp_path_factory.mktemp("tracking") / "counter", core.spec))


def foot(player: int, number: int) -> tuple[float, float]:
    """Return where the player's feet are on a frame, 0..1 of the picture."""
    return 0.1 * player + 0.002 * number, 0.3 + 0.05 * player


def box(player: int, team: int | None, number: int) -> Box:
    x, y = foot(player, number)
    corners = (x * SIZE[0] - 10, y * SIZE[1] - 60, x * SIZE[0] + 10, y * SIZE[1])
    return Box(corners, 0.9, "player", player, team)


def frame(manifest: Manifest, number: int, boxes: list[Box], balls: list[Point]) -> SeenFrame:
    picture = av.VideoFrame(16, 16, "rgb24")
    picture.time_base = Fraction(1, 90_000)
    result = Result(manifest.name, boxes, balls)
    pts = 3600 * number
    return SeenFrame(picture, pts, number, pts, None, *SIZE, [HeadResult(manifest, result, result)])


def write(path: Path, manifest: Manifest) -> None:
    """Write 20 frames: players 1, 2 (first team) and 3 (second), a referee, a ball that is hidden at times.

    Player 2 comes at frame 10; frame 5 is lost; player 3 is taken for the first team once.
    """
    files = TrackingFiles(path, manifest.name, 25.0)
    for number in range(20):
        if number == 5:
            continue
        boxes = [box(1, 0, number), box(3, 0 if number == 2 else 1, number), box(9, None, number)]
        boxes += [box(2, 0, number)] if number >= 10 else []
        ball = Point((640.0, 360.0 + number), 0.8, "player", guess=number == 7)
        files.add(frame(manifest, number, boxes, [] if number in (3, 4) else [ball]))
    files.close()


def test_both_files_appear_together(manifest: Manifest, tmp_path: Path) -> None:
    write(tmp_path / "match.xml", manifest)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["match.txt", "match.xml"]
    lines = (tmp_path / "match.txt").read_text().splitlines()
    assert len(lines) == 19
    assert lines[0] == "0:0.10000,0.35000;,;0.30000,0.45000:0.50000,0.50000"
    assert lines[3].endswith(":,"), "a ball that was not found has no place"
    assert lines[6].startswith("7:"), "numbers follow the time"
    assert lines[6].endswith(":,"), "a guess is not a place"


def test_kloppy_reads_it_back(manifest: Manifest, tmp_path: Path) -> None:
    metrica: Any = pytest.importorskip("kloppy.metrica", reason="needs kloppy: pip install kloppy")
    write(tmp_path / "match.xml", manifest)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it knows neither the provider nor who attacks where
        dataset = metrica.load_tracking_epts(
            meta_data=str(tmp_path / "match.xml"), raw_data=str(tmp_path / "match.txt")
        )
    teams = {team.name: sorted(int(p.player_id) for p in team.players) for team in dataset.metadata.teams}
    assert teams == {"First team": [1, 2], "Second team": [3]}
    assert dataset.metadata.frame_rate == 25
    numbers = [n for n in range(20) if n != 5]
    assert [record.frame_id for record in dataset.records] == numbers
    assert [record.timestamp.total_seconds() for record in dataset.records] == pytest.approx(
        [n / 25 for n in numbers]
    )
    for record in dataset.records:
        number = record.frame_id
        places = {int(p.player_id): data.coordinates for p, data in record.players_data.items()}
        for player in (1, 3):
            assert (places[player].x, places[player].y) == pytest.approx(foot(player, number), abs=1e-5)
        assert np.isnan(places[2].x) == (number < 10)
        assert np.isnan(record.ball_coordinates.x) == (number in (3, 4, 7))
        if number not in (3, 4, 7):
            assert record.ball_coordinates.y == pytest.approx((360 + number) / 720, abs=1e-5)


def test_nobody_there_is_still_readable(manifest: Manifest, tmp_path: Path) -> None:
    files = TrackingFiles(tmp_path / "empty.xml", manifest.name, 30.0)
    for number in range(3):
        files.add(frame(manifest, number, [], []))
    files.close()
    assert (tmp_path / "empty.txt").read_text() == "0:,\n1:,\n2:,\n"
