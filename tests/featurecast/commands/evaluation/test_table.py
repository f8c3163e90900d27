from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
from PIL import Image

from core_network.scenes.still import random_still
from evaluation.datasets.types import Clip, Dataset, Frame, Thing
from evaluation.models.contenders import cost_of
from evaluation.models.running import measure_running
from evaluation.split.seed_table import PERSON, people_only
from featurecast.cli import main


def test_people_become_one_label_and_balls_are_left_out():
    things = (Thing("player", (0, 0, 1, 1)), Thing("ball", (1, 1, 2, 2)), Thing("referee", (2, 2, 3, 3)))
    dataset = Dataset("d", (Clip("c", (Frame("f", 9, 9, things),)),), ("ball", "player", "referee"))
    people = people_only(dataset)
    assert people.labels == (PERSON,)
    assert [thing.label for thing in people.clips[0].frames[0].things] == [PERSON, PERSON]


@pytest.fixture
def stills(tmp_path, monkeypatch):
    """A data folder whose report split is two procedural stills with one labelled person each.

    Time and memory are measured on one run only.
    """
    monkeypatch.setattr("featurecast.commands.evaluation.table.cost_of", partial(cost_of, runs=1))
    monkeypatch.setattr(
        "evaluation.split.seed_table.measure_running", lambda path, _: measure_running(path, 1)
    )
    root = tmp_path / "data"
    folder = root / "images" / "football_players_yolo"
    rows = ["file,group,split"]
    for kind in ("images", "labels"):
        (folder / kind).mkdir(parents=True)
    for number in range(2):
        scene = random_still(number, 640, 360)
        Image.fromarray(np.asarray(scene.image)).save(folder / "images" / f"m{number}_1.jpg")
        (folder / "labels" / f"m{number}_1.txt").write_text("2 0.5 0.5 0.05 0.2\n0 0.4 0.4 0.01 0.01\n")
        rows.append(f"images/football_players_yolo/images/m{number}_1.jpg,m{number},report")
    (root / "splits.csv").write_text("\n".join(rows) + "\n")
    return root


def test_the_table_has_a_row_per_sequence_and_variant(stills, tmp_path, capsys):
    page, figures = tmp_path / "table.md", tmp_path / "figures.json"
    arguments = ["--data", stills, "--store", "npz", "--store", "low", "-o", page, "--json", figures]
    assert main(["evaluate", "table", *map(str, arguments)]) == 0
    variants = json.loads(figures.read_text())["variants"]
    assert [variant["variant"] for variant in variants] == ["whole", "npz", "low"]
    whole, npz, low = variants
    assert npz["predictions_equal_whole"] and npz["ap"] == whole["ap"]
    assert {row["clip"] for row in whole["sequences"]} == {"m0", "m1"}
    assert low["sequences"][0]["bytes_per_image"] < npz["sequences"][0]["bytes_per_image"] / 3
    assert all(math.isfinite(row["ap50"]) for row in low["sequences"])
    text = page.read_text()
    assert text.startswith("# Whole against split") and "| m1 " in text and "max" not in text
    assert "m0" in capsys.readouterr().out


def test_a_folder_without_the_stills_is_refused(tmp_path, capsys):
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    assert main(["evaluate", "table", "--data", str(tmp_path), "-o", str(tmp_path / "t.md")]) == 2
    assert "expected images/football_players_yolo or labels/football_zak_soccer" in capsys.readouterr().err
    assert not (tmp_path / "t.md").exists()


def test_a_network_without_a_latent_has_rows_as_a_rival_only(stills, tmp_path, capsys):
    from evaluation.split.cutting import exposed
    from evaluation.split.detector import Detector, write_detector
    from evaluation.split.networks import shipped_network
    from task_heads.registry import Registry

    manifest = Registry().get("player_tracking").manifest
    assert manifest is not None
    model = exposed(shipped_network(), ["latent"])
    write_detector(model, Detector(manifest.output("detections").columns, manifest.labels))
    rival = tmp_path / "rival.onnx"
    rival.write_bytes(model.SerializeToString())
    common = ["evaluate", "table", "--data", str(stills), "-o", str(tmp_path / "table.md")]
    assert main([*common, "--model", str(rival)]) == 2
    assert "names no latent to cut at; give it as --also" in capsys.readouterr().err
    figures = tmp_path / "figures.json"
    assert main([*common, "--store", "npz", "--also", f"rival={rival}", "--json", str(figures)]) == 0
    variants = json.loads(figures.read_text())["variants"]
    assert [variant["variant"] for variant in variants] == ["whole", "npz", "rival"]
    assert variants[2]["predictions_equal_whole"] is None
    assert variants[2]["ap"] == variants[0]["ap"]
    assert "| rival" in (tmp_path / "table.md").read_text()
