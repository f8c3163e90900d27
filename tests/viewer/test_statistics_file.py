"""The table of statistics: what a row says, and when there is none."""

from __future__ import annotations

import csv
import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core_network.catalogue import Core
from task_heads.manifest import Manifest, load_manifest
from task_heads.result import Result
from tests.viewer.heads import write_head
from viewer.outputs import HeadResult, SeenFrame
from viewer.statistics_file import StatisticsFile


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory, core: Core) -> Manifest:
    return load_manifest(write_head(tmp_path_factory.mktemp("statistics") / "counter", core.spec))


def seen(manifest: Manifest, number: int | None, stats: dict[str, float]) -> SeenFrame:
    picture = av.VideoFrame(16, 16, "rgb24")
    picture.time_base = Fraction(1, 90_000)
    result = Result(manifest.name, stats=stats)
    pts = 0 if number is None else 3600 * number
    return SeenFrame(picture, pts, number, pts, results=[HeadResult(manifest, result, result)])


def write(path: Path, manifest: Manifest) -> Path:
    file = StatisticsFile(path)
    file.add(seen(manifest, 0, {"seen": 1.0, "mean": 0.123456}))
    file.add(seen(manifest, None, {"seen": 9.0}))
    file.add(seen(manifest, 7, {"mean": -2.5}))
    file.close()
    return path


def test_csv_has_a_row_for_each_value(manifest: Manifest, tmp_path: Path) -> None:
    path = write(tmp_path / "s.csv", manifest)
    assert path.read_text() == (
        "number,pts_s,head,statistic,value,unit\n"
        "0,0.000,counter,seen,1,\n"
        "0,0.000,counter,mean,0.1235,\n"
        "7,0.280,counter,mean,-2.5,\n"
    )


def test_json_has_the_same_rows(manifest: Manifest, tmp_path: Path) -> None:
    rows = json.loads(write(tmp_path / "s.json", manifest).read_text())
    with write(tmp_path / "s.csv", manifest).open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [list(row) for row in rows] == [list(row) for row in table]
    assert [(r["number"], r["pts_s"], r["value"]) for r in rows] == [
        (int(r["number"]), float(r["pts_s"]), float(r["value"])) for r in table
    ]
    assert len((tmp_path / "s.json").read_text().splitlines()) == len(rows) + 2, "one object per line"


def test_nothing_seen_is_still_valid(tmp_path: Path) -> None:
    StatisticsFile(tmp_path / "s.json").close()
    assert json.loads((tmp_path / "s.json").read_text()) == []


def test_the_file_appears_when_it_is_complete(manifest: Manifest, tmp_path: Path) -> None:
    file = StatisticsFile(tmp_path / "s.csv")
    file.add(seen(manifest, 0, {"seen": 1.0}))
    assert not (tmp_path / "s.csv").exists()
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["s.csv"]
