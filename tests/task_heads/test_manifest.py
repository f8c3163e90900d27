"""Manifests: what is accepted, and that each mistake is named in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from task_heads.manifest import HeadError, load_manifest, manifest_schema

ROOT = Path(__file__).parents[2]


def test_a_good_manifest_is_read(write_head):
    manifest = load_manifest(write_head())
    assert manifest.name == "counter"
    assert manifest.state_elements == 1
    assert manifest.output("point").columns == ("x", "y", "score", "valid")


TEAMS = [{"value": -1, "title": "Both"}, {"value": 0, "title": "First"}]


def setting(kind, **fields):
    return {"name": "chosen", "title": "Chosen", "type": kind, **fields}


def test_each_kind_of_setting_says_what_may_be_set(write_head):
    def change(document):
        document["outputs"][0]["columns"] = ["x", "id", "score", "valid"]
        document["draw"] = []
        document["statistics"] = []
        document["settings"] = [
            {**setting("number", min=1, max=3, default=2, step=0.5, unit="m"), "name": "number"},
            {**setting("boolean", default=1), "name": "boolean"},
            {**setting("choice", choices=TEAMS, default=-1), "name": "choice"},
            {**setting("object", output="point"), "name": "object"},
        ]

    number, boolean, choice, thing = load_manifest(write_head(change=change)).settings
    assert [number.refusal(value) is None for value in (1, 3, 3.1, float("nan"))] == [
        True,
        True,
        False,
        False,
    ]
    assert [boolean.refusal(value) is None for value in (0, 1, 0.5)] == [True, True, False]
    assert [choice.refusal(value) is None for value in (-1, 0, 1)] == [True, True, False]
    assert [thing.refusal(value) is None for value in (0, 7, 7.5, -1, 2**24)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert thing.default == 0


def test_a_head_with_another_default_is_another_head(write_head):
    def change(document):
        document["settings"] = [setting("number", min=0, max=1, default=0.2)]

    folder = write_head(change=change)
    before = load_manifest(folder)
    document = json.loads((folder / "head.json").read_text())
    document["settings"][0]["default"] = 0.25
    (folder / "head.json").write_text(json.dumps(document))
    after = load_manifest(folder)
    assert before.model.sha256 == after.model.sha256 and before.identity != after.identity


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(extra=1), "extra"),
        (lambda d: d.pop("licence"), "licence"),
        (lambda d: d.update(format=2), "format"),
        (lambda d: d.update(name="Not A Name"), "name"),
        (lambda d: d["model"].update(file="../../etc/passwd"), "model.file"),
        (lambda d: d["model"].update(sha256="abc"), "model.sha256"),
        (lambda d: d["model"].update(size=10**9), "model.size"),
        (lambda d: d["outputs"][0].update(shape=[1, 5]), "expected 5 column names, got 4"),
        (lambda d: d["outputs"][0].update(columns=["x", "x", "score", "valid"]), "twice"),
        (lambda d: d["outputs"][0].update(columns=["x", "z", "score", "valid"]), "column"),
        (
            lambda d: d["statistics"][0].update(output="nothing"),
            "expected one of the outputs point, got nothing",
        ),
        (lambda d: d["statistics"][0].update(column="speed"), "expected a column of output point, got speed"),
        (lambda d: d["draw"][0].update(kind="boxes"), "x0"),
        (lambda d: d["draw"][0].update(kind="hologram"), "hologram"),
        (lambda d: d["draw"][1].update(template="{speed}"), "expected the name of a statistic, got speed"),
        (lambda d: d["settings"][0].update(default=3.0), "expected a default from 0 to 2, got 3"),
        (lambda d: d["state"][0].update(output="point"), "point twice"),
        (lambda d: d["state"][0].update(shape=[4096, 4096]), "expected at most"),
        (lambda d: d["settings"].append(setting("boolean", default=0.5)), "default 0 or 1, got 0.5"),
        (
            lambda d: d["settings"].append(setting("choice", choices=TEAMS, default=2)),
            "default of -1, 0, got 2",
        ),
        (lambda d: d["settings"].append(setting("object", output="point")), "columns id and valid"),
        (lambda d: d["settings"].append(setting("object", output="nothing")), "got nothing"),
        (lambda d: d["settings"].append(setting("dial")), "dial"),
        (lambda d: d.update(schema_version="1.9"), "install a newer featurecast"),
        (lambda d: d.update(schema_version="one"), "schema_version"),
        (lambda d: d.update(needs={"counter": ["point"]}), "itself"),
    ],
)
def test_each_mistake_is_one_clear_line(write_head, change, words):
    folder = write_head(change=change)
    with pytest.raises(HeadError) as caught:
        load_manifest(folder)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "head.json" in str(caught.value)


def test_not_json_and_not_there(tmp_path):
    with pytest.raises(HeadError, match=r"found no head\.json"):
        load_manifest(tmp_path)
    (tmp_path / "head.json").write_bytes(b"\xff{")
    with pytest.raises(HeadError, match="expected JSON"):
        load_manifest(tmp_path)


def test_the_published_schema_is_this_one():
    published = json.loads((ROOT / "docs" / "head-manifest.schema.json").read_text())
    assert published == manifest_schema(), "write it again: python -m task_heads.training.schema"
