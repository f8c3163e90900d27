"""`heads new`: the package is complete and consistent, and unusable names are refused."""

from __future__ import annotations

import json
import tomllib

import pytest

from core_network.catalogue import default_core
from task_heads.manifest import HeadError, load_manifest
from task_heads.scaffold import new_head


@pytest.mark.parametrize("people", [False, True])
def test_the_package_is_complete(tmp_path, people):
    folder = new_head("corner_flags", tmp_path, ["flag", "post"], people=people)
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert files == {
        ".gitignore", "README.md", "pyproject.toml", "train.yaml", "corner_flags/__init__.py",
        "corner_flags/head.json", "corner_flags/network.py", "tests/test_corner_flags.py",
    }  # fmt: skip
    for path in folder.rglob("*.py"):
        compile(path.read_text(), path, "exec")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["featurecast.task_heads"] == {"corner_flags": "corner_flags"}
    assert json.loads((folder / "corner_flags" / "head.json").read_text())["labels"] == ["flag", "post"]
    with pytest.raises(HeadError, match="not exported yet"):
        load_manifest(folder / "corner_flags")


@pytest.mark.parametrize("people", [False, True])
def test_network_and_manifest_agree_and_the_configuration_is_read(tmp_path, monkeypatch, people):
    pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")
    from task_heads.training.outside import outside_recipe
    from task_heads.training.train import HeadTrainingConfig

    folder = new_head("corner_flags", tmp_path, ["flag", "post"], people=people)
    monkeypatch.chdir(folder)
    config = HeadTrainingConfig.load(folder / "train.yaml")
    assert config.network is not None
    recipe = outside_recipe(config.network, default_core().spec)
    given = ["player_tracking__detections"] if people else []
    assert list(recipe.example((24, 44, 80), 0.25)) == ["features", "view", "threshold", *given]


@pytest.mark.parametrize("name", ["", "Corner", "1st", "a-b", "../up", "a" * 49, "class", "héads"])
def test_names_that_are_no_names_are_refused(tmp_path, name):
    with pytest.raises(HeadError, match="expected a name"):
        new_head(name, tmp_path, ["flag"])
    assert list(tmp_path.iterdir()) == []


def test_names_that_are_taken_are_refused(tmp_path):
    for name, words in (("player_tracking", "there is a head"), ("numpy", "Python package")):
        with pytest.raises(HeadError, match=words):
            new_head(name, tmp_path, ["flag"])
    new_head("corner_flags", tmp_path, ["flag"])
    with pytest.raises(HeadError, match="there already"):
        new_head("corner_flags", tmp_path, ["flag"])


@pytest.mark.parametrize("labels", [[], ["flag", "flag"], ["Flag"], ['a"b']])
def test_labels_must_be_usable(tmp_path, labels):
    with pytest.raises(HeadError, match="labels"):
        new_head("corner_flags", tmp_path, labels)
