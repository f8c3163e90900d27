"""`featurecast evaluate heads`: every part is told, and what cannot be measured stops no other."""

from __future__ import annotations

import json

import pytest

from evaluation.bench.figure import Figure, NotMeasured
from featurecast.cli import main
from featurecast.commands.evaluation import heads
from task_heads.manifest import HeadError


def absent(*_):
    raise NotMeasured("node is not installed")


def parts(value):
    return {
        "absent": absent,
        "there": lambda *_: [Figure("gain", "F1 above its own detections", value, "points", at_least=5)],
    }


@pytest.mark.parametrize(("value", "status"), [(6.0, 0), (4.0, 1)])
def test_a_missed_figure_is_a_failed_check(monkeypatch, tmp_path, value, status):
    monkeypatch.setattr(heads, "PARTS", {"there": parts(value)["there"]})
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    assert main(["evaluate", "heads", "--data", str(tmp_path)]) == status


@pytest.mark.parametrize(("value", "met", "verdict"), [(6.0, True, "met"), (4.0, False, "**missed**")])
def test_all_parts_are_told(monkeypatch, capsys, tmp_path, value, met, verdict):
    monkeypatch.setattr(heads, "PARTS", parts(value))
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    written = tmp_path / "figures.json"
    arguments = ["evaluate", "heads", "--data", str(tmp_path), "--json", str(written)]
    assert main(arguments) == 1  # a part that was not measured is not met
    lines = capsys.readouterr().out.splitlines()
    (told,) = [line for line in lines if "F1 above its own detections" in line]
    assert verdict in told and ">= 5 points" in told
    (skipped,) = [line for line in lines if "absent" in line]
    assert "not measured" in skipped and "node is not installed" in skipped
    document = json.loads(written.read_text())
    assert document["figures"][0]["met"] is met
    assert document["not_measured"] == {"absent": "node is not installed"}


def counted(calls):
    def measure(*_):
        calls.append("there")
        return [Figure("gain", "F1 above its own detections", 6.0, "points", at_least=5)]

    return measure


def test_parts_that_were_measured_are_not_measured_again(monkeypatch, capsys, tmp_path):
    """Unless a head's graph has changed meanwhile."""
    calls = []
    monkeypatch.setattr(heads, "PARTS", {"there": counted(calls), "broken": broken})
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    arguments = ["evaluate", "heads", "--data", str(tmp_path), "--json", str(tmp_path / "f.json"), "--resume"]
    for graphs in ({"a": "1"}, {"a": "1"}, {"a": "2"}):
        monkeypatch.setattr(heads, "graphs", lambda graphs=graphs: graphs)
        assert main(arguments) == 1
        told = capsys.readouterr().out
        assert "F1 above its own detections" in told
        assert "made for another core" in told
    assert calls == ["there", "there"]


def broken(*_):
    raise HeadError("made for another core")


@pytest.mark.parametrize("content", [None, "[]", "{}"])
def test_going_on_needs_a_file_of_figures(monkeypatch, capsys, tmp_path, content):
    monkeypatch.setattr(heads, "PARTS", {})
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    arguments = ["evaluate", "heads", "--data", str(tmp_path), "--resume"]
    if content is not None:
        (tmp_path / "f.json").write_text(content)
        arguments += ["--json", str(tmp_path / "f.json")]
    assert main(arguments) == 2
    assert "--json" in capsys.readouterr().err or content is not None
