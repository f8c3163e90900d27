from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from core_network.scenes import random_still
from core_network.scenes.__main__ import main


def run(out: Path, count: int) -> list[dict[str, object]]:
    main(f"--out {out} --count {count} --seed 3 --width 160 --height 96 --workers 1".split())
    return [json.loads(line) for line in (out / "truth.jsonl").read_text().splitlines()]


def test_pictures_and_rows_are_written_and_a_second_run_continues(tmp_path: Path) -> None:
    rows = run(tmp_path, 2)
    with (tmp_path / "truth.jsonl").open("a") as file:
        file.write('{"file": "cut off')
    first = (tmp_path / "3-000000.jpg").stat().st_mtime_ns
    more = run(tmp_path, 3)
    assert more[:2] == rows
    assert [row["file"] for row in more] == ["3-000000.jpg", "3-000001.jpg", "3-000002.jpg"]
    assert (tmp_path / "3-000000.jpg").stat().st_mtime_ns == first
    assert not list(tmp_path.glob("*.part"))


def test_a_row_tells_what_the_picture_shows(tmp_path: Path) -> None:
    row = run(tmp_path, 1)[0]
    scene = random_still(3 * 1_000_003, 160, 96)
    picture = np.asarray(Image.open(tmp_path / str(row["file"]))).astype(int)
    assert np.abs(picture - scene.image).mean() < 6
    players = row["players"]
    assert isinstance(players, list)
    assert [p["id"] for p in players] == [p.id for p in scene.truth.players]
    assert all(
        np.allclose(p["box"], q.box, atol=0.01) for p, q in zip(players, scene.truth.players, strict=True)
    )
