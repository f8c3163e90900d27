from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest
import yaml
from PIL import Image

from core_network.scenes.still import random_still
from evaluation.datasets.people import PERSON, people_only
from evaluation.datasets.types import Clip, Dataset, Frame, Thing
from evaluation.models.contenders import cost_of
from evaluation.models.running import measure_running
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
    for module in ("seed_table", "rival_rows"):
        monkeypatch.setattr(
            f"evaluation.split.{module}.measure_running", lambda path, _: measure_running(path, 1)
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
    assert [variant["variant"] for variant in variants] == ["whole", "npz", "rival", "rival npz"]
    assert variants[2]["predictions_equal_whole"] is None
    assert variants[2]["ap"] == variants[0]["ap"]
    assert variants[3]["predictions_equal_whole"]  # split at the narrowest map, the latent
    assert variants[3]["sequences"][0]["bytes_per_image"] == variants[1]["sequences"][0]["bytes_per_image"]
    assert "| rival" in (tmp_path / "table.md").read_text()


@pytest.fixture
def rivals(tmp_path, repository, monkeypatch):
    """Two configurations, of which one has a checkpoint (of a slim network that knows nothing)."""
    torch = pytest.importorskip("torch", reason="the baselines need the extra featurecast[train]")
    from evaluation.baselines.systems import Settings, build

    folder = tmp_path / "rivals"
    folder.mkdir()
    settings = {"input": [64, 96], "width": 0.1}
    for name in ("ssd_mobilenetv1", "ssd_mobilenetv2"):
        document = yaml.safe_load((repository / "configs" / "baselines" / f"{name}.yaml").read_text())
        document |= {"settings": settings, "output": str(tmp_path / name)}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    labels = ["person", "ball"]
    detector = build("ssd_mobilenetv2", labels, Settings.parse(settings))
    (tmp_path / "ssd_mobilenetv2").mkdir()
    torch.save(
        {
            "system": "ssd_mobilenetv2",
            "labels": labels,
            "settings": settings,
            "average": detector.network.state_dict(),
        },
        tmp_path / "ssd_mobilenetv2" / "checkpoint.pt",
    )
    for module in ("table", "models"):
        monkeypatch.setattr(f"featurecast.commands.evaluation.{module}.RIVALS", folder)
    return folder


def test_all_models_stand_beside_ours_with_a_verdict(stills, rivals, tmp_path, capsys):
    figures = tmp_path / "figures.json"
    arguments = ["--models", "all", "--store", "npz8", "--store", "default", "--first", "1"]
    paths = ["--data", stills, "-o", tmp_path / "table.md", "--json", figures]
    assert main(["evaluate", "table", *arguments, *map(str, paths)]) == 0
    document = json.loads(figures.read_text())
    names = [variant["variant"] for variant in document["variants"]]
    assert names == ["whole", "npz8", "default", "ssd_mobilenetv2", "ssd_mobilenetv2 npz8"]
    assert document["rivals"]["ssd_mobilenetv2"]["ball"]["truths"] == 2
    assert set(document["rivals"]["ssd_mobilenetv2"]["graphs"]) == {"whole", "part 1", "part 2"}
    assert {"ssd_mobilenetv1", "ssd_mobilenetv2"} < {row["name"] for row in document["models"]}
    text = capsys.readouterr().out
    (row,) = [
        line for line in text.splitlines() if line.startswith("| ssd_mobilenetv2 ") and "AP per byte" in line
    ]
    assert "AP per ms" in row and "0 of 18 min of one core" in row
    assert (
        "ssd_mobilenetv2: trained: 0 of 18 min of one core, 0 views of 0 pictures; cited: COCO AP 24.3"
        in text
    )
    (cited,) = [line for line in text.splitlines() if line.startswith("| ssd_mobilenetv1 ")]
    assert "not trained here; cited: COCO AP 19.3" in cited and "featurecast train baseline" in cited
    assert not (tmp_path / "table.md").exists()  # a quick look writes no page


def test_models_shows_what_is_cited_beside_what_is_counted(rivals, capsys, monkeypatch):
    monkeypatch.setattr("featurecast.commands.evaluation.models.shipped", lambda core: [])
    assert main(["evaluate", "models", "--runs", "1"]) == 0
    rows = [[cell.strip() for cell in line.split("|")] for line in capsys.readouterr().out.splitlines()]
    assert [row[2] for row in rows if row[1:2] == ["ssd_mobilenetv2"]] == ["rival", "300x300"]
    (original,) = [row for row in rows if row[1:3] == ["ssd_mobilenetv1", "300x300"]]
    assert original[4] == "6,800,000" and 6.7e6 < int(original[3].replace(",", "")) < 6.9e6
