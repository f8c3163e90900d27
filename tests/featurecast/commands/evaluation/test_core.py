"""`featurecast evaluate core`: parts in order, one table, what is met, one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core_network.spec import RATES
from evaluation.metrics.bootstrap import Interval
from featurecast.cli import main
from featurecast.commands.evaluation import core as command


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    return tmp_path


def scored(rate: str) -> Any:
    """Return a football score that falls with the rate."""
    lost = RATES.index(rate) * 0.01
    people = SimpleNamespace(overall=SimpleNamespace(ap50=0.9 - lost))
    return SimpleNamespace(people=people, ball=SimpleNamespace(counts=SimpleNamespace(f1=0.7 - 2 * lost)))


def test_parts_become_one_table_with_verdicts(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    def football(root: Path, core: Any, rate: str, progress: Any) -> Any:
        seen.append(rate)
        return scored(rate)

    def rate_size(root: Path, core: Any, rate: str, tick: Any) -> Any:
        size = SimpleNamespace(mean=2400.0 if rate == "default" else 700.0, to_json=dict)
        size.spread = Interval(600.0, 2500.0, 12)
        return size

    monkeypatch.setattr(command, "score_football", football)
    monkeypatch.setattr("evaluation.core_accuracy_rates.measure_rate", rate_size)
    figures = data / "figures.json"
    arguments = ["evaluate", "core", "--only", "loss", "rates", "--data", str(data), "--json", str(figures)]
    assert main(arguments) == 0
    assert seen == list(RATES)
    rows = {row["title"]: row for row in json.loads(figures.read_text())["rows"]}
    # In the order of the parts, whatever the order they are named in.
    assert list(rows)[0] == "features as carried, lossless"
    verdicts = {title: row["met"] for title, row in rows.items()}
    assert verdicts["features as carried, default"] is False
    assert verdicts["features as carried, low"] is True
    assert verdicts["features as carried, high"] is None
    lost = rows["people AP50 lost at low against lossless"]
    assert lost["value"] == pytest.approx(3) and lost["met"] is True
    assert rows["ball F1 lost at low against lossless"]["met"] is False
    table = capsys.readouterr().out
    assert "**missed**" in table and "600.000 to 2500.000" in table


def test_int8_without_the_float_weights_is_refused(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "evaluate",
        "core",
        "--only",
        "int8",
        "--data",
        str(data),
        "--checkpoint",
        str(data / "no.pt"),
    ]
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert "no.pt" in error and "--checkpoint" in error
