"""The server's heads: what comes and goes in the heads folder, and that nothing in it takes anything down."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from task_heads.registry import Registry
from task_heads.shelf import HeadShelf


@pytest.fixture
def shelf(tmp_path, small_spec):
    """A function -> entries by name, a second after the last look at the folder `shelf`."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    seconds = iter(range(1000))
    made = HeadShelf(Registry(heads_folder=folder, installed=False), small_spec, clock=lambda: next(seconds))

    def look():
        return {entry["name"]: entry for entry in made.entries()}

    look.folder, look.shelf = folder, made
    return look


def test_a_head_comes_and_goes_without_a_restart(shelf, write_head):
    assert "counter" not in shelf()
    folder = write_head(parent=shelf.folder)
    assert shelf()["counter"]["ok"] is True
    assert shelf.shelf.file("counter", "head.onnx") == folder / "head.onnx"
    shutil.rmtree(folder)
    assert "counter" not in shelf()
    assert shelf.shelf.file("counter", "head.onnx") is None


def test_a_new_version_of_a_head_replaces_the_old_one(shelf, write_head):
    path = write_head(parent=shelf.folder) / "head.json"
    shelf()
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": "1.10.0"}))
    assert shelf()["counter"]["manifest"]["version"] == "1.10.0"


def test_the_folder_is_looked_at_only_now_and_then(tmp_path, write_head, small_spec):
    (tmp_path / "shelf").mkdir()
    now = [0.0]
    shelf = HeadShelf(Registry(heads_folder=tmp_path / "shelf", installed=False), small_spec, lambda: now[0])
    write_head(parent=tmp_path / "shelf")
    assert "counter" not in [entry["name"] for entry in shelf.entries()]
    now[0] = 1.0
    assert "counter" in [entry["name"] for entry in shelf.entries()]


def truncated(folder):
    path = folder / "head.onnx"
    path.write_bytes(path.read_bytes()[:-5])


def another_hash(folder):
    content = bytearray((folder / "head.onnx").read_bytes())
    content[-1] ^= 1
    (folder / "head.onnx").write_bytes(content)


def no_graph(folder):
    (folder / "head.onnx").unlink()


def no_json(folder):
    (folder / "head.json").write_bytes(b"\xff\xfe")


def deep_json(folder):
    (folder / "head.json").write_text("[" * 100_000)


def huge_json(folder):
    (folder / "head.json").write_text(" " * 10_000_000)


def not_exported(folder):
    document = json.loads((folder / "head.json").read_text())
    del document["spec"], document["model"]
    (folder / "head.json").write_text(json.dumps(document))


def newer(folder):
    document = json.loads((folder / "head.json").read_text())
    (folder / "head.json").write_text(json.dumps({**document, "schema_version": "1.9", "hologram": True}))


def other_features(folder):
    document = json.loads((folder / "head.json").read_text())
    document["spec"]["fingerprint"] = "1" * 64
    (folder / "head.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (truncated, "bytes"),
        (another_hash, "sha256"),
        (no_graph, "it is missing"),
        (no_json, "expected JSON"),
        (deep_json, "expected JSON"),
        (huge_json, "expected at most"),
        (not_exported, "featurecast export head"),
        (newer, "install a newer featurecast"),
        (other_features, "train the head on this core"),
    ],
)
def test_a_broken_head_is_listed_with_its_reason_and_not_served(shelf, write_head, spoil, words):
    spoil(write_head(parent=shelf.folder))
    write_head("whole", parent=shelf.folder)
    entries = shelf()
    assert entries["counter"]["ok"] is False
    assert words in entries["counter"]["reason"]
    assert "\n" not in entries["counter"]["reason"]
    assert shelf.shelf.file("counter", "head.onnx") is None
    assert entries["whole"]["ok"] is True


def test_an_unsafe_graph_is_not_served(shelf, write_head):
    def stolen(model):
        model.graph.initializer[1].data_location = 1
        model.graph.initializer[1].external_data.add(key="location", value="../../secret")

    write_head(parent=shelf.folder, change_graph=stolen)
    assert "external data" in shelf()["counter"]["reason"]
    assert shelf.shelf.file("counter", "head.onnx") is None


def test_a_taken_name_is_listed_beside_the_head_that_has_it(shelf, write_head):
    write_head("player_tracking", parent=shelf.folder)
    entries = shelf()
    assert "two heads are named player_tracking" in entries["player_tracking in player_tracking"]["reason"]
    assert shelf.shelf.file("player_tracking in player_tracking", "head.onnx") is None


def test_the_whole_folder_may_vanish(shelf, write_head):
    write_head(parent=shelf.folder)
    shelf()
    shutil.rmtree(shelf.folder)
    assert "counter" not in shelf()
    write_head(parent=shelf.folder)
    assert shelf()["counter"]["ok"] is True


def test_heads_for_other_features_are_not_served(tmp_path, write_head, small_spec):
    registry = Registry(folders=[write_head()], installed=False)
    shelf = HeadShelf(registry, replace(small_spec, weights_sha256="1" * 64))
    assert shelf.file("counter", "head.json") is None
