"""`featurecast evaluate core`: one table, what is met, what is kept, one line for what is wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core_network.catalogue import Core, default_core
from core_network.spec import RATES
from evaluation.bench.figure import Figure
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.points import point_score
from featurecast.cli import main
from featurecast.commands.evaluation import core as command
from featurecast.commands.evaluation import core_parts
from featurecast.commands.evaluation.core_parts import Measured, Row, Task


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    return tmp_path


def task(data: Path, checkpoint: Path | None = None) -> Task:
    return Task(data, default_core(), checkpoint, ("default",), None)


def row(title: str, value: float, **bound: float) -> Row:
    return Row(Figure(title, title, value, "points", **bound), Interval(value - 1.04, value + 2, 12))


def test_parts_become_one_table_and_are_measured_once(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    measured: list[str] = []

    def part(name: str, *rows: Row) -> Any:
        def measure(_: Task, tick: Any) -> Measured:
            measured.append(name)
            tick()
            return Measured(list(rows), {name: 1})

        return measure

    parts = {
        "rates": part("rates", row("bytes", 2400.0, at_most=2000), row("small", 7.0, at_most=8)),
        "cost": part("cost", row("known", 1.5), row("absent", math.nan, at_least=1)),
        "bits": part("bits", row("does not fit", -math.inf, at_least=0)),
    }
    monkeypatch.setattr(command, "PARTS", parts)
    figures = data / "figures.json"
    arguments = [
        "evaluate",
        "core",
        "--data",
        str(data),
        "--cache",
        str(data / "kept"),
        "--json",
        str(figures),
    ]
    # In the order of the parts, whatever the order they are named in.
    assert main([*arguments, "--only", "cost", "rates"]) == 0
    assert measured == ["rates", "cost"]
    first = capsys.readouterr().out
    assert main(arguments) == 0
    assert measured == ["rates", "cost", "bits"]
    said = capsys.readouterr()
    assert "rates: kept in" in said.err
    lines = [line for line in said.out.splitlines() if line.startswith("| ")]
    assert "2400 points" in first
    cells = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:6]] for line in lines}
    assert cells["bytes"] == ["2400 points", "2399 to 2402", "<= 2000 points", "**missed**"]
    assert cells["small"][3] == "met" and cells["known"][3] == ""
    assert cells["absent"] == ["-", "-", ">= 1 points", "not measured"]
    assert cells["does not fit"] == ["-", "-", ">= 0 points", "**missed**"]
    document = json.loads(figures.read_text())
    assert {one["title"]: one["met"] for one in document["rows"]} == {
        "bytes": False, "small": True, "known": None, "absent": None, "does not fit": False,
    }  # fmt: skip
    assert document["rates"] == document["cost"] == 1


def test_a_part_is_measured_anew_when_what_it_depends_on_changes(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []

    def part(name: str) -> Any:
        return lambda *_: measured.append(name) or Measured([row(name, 1.0)])

    monkeypatch.setattr(command, "PARTS", {name: part(name) for name in ("clips", "rates", "cost")})
    arguments = ["evaluate", "core", "--data", str(data), "--cache", str(data / "kept")]
    assert main(arguments) == main(arguments) == 0
    assert measured == ["clips", "rates", "cost"]
    measured.clear()
    monkeypatch.setattr(command, "_heads", lambda: ["another"])
    assert main(arguments) == 0
    assert measured == ["clips"]
    measured.clear()
    tables = data / "tables"
    tables.write_bytes(b"another")
    monkeypatch.setattr(Core, "tables_path", lambda *_: tables)
    assert main(arguments) == 0
    assert measured == ["rates"]


def test_clips_have_rows_and_the_worst_comes_first() -> None:
    def points(hits: int, missed: int) -> Any:
        counts = [[SimpleNamespace(hits=1, false=0, missed=0)]] * hits
        counts += [[SimpleNamespace(hits=0, false=0, missed=1)]] * missed
        return point_score(counts, rounds=20)

    spread = Interval(0.8, 0.9, 73)
    overall = SimpleNamespace(ap50=0.9, ap75=0.5, ap=0.5)
    people = SimpleNamespace(overall=overall, ap50_interval=spread, ap75_interval=spread, ap_interval=spread)
    score: Any = SimpleNamespace(
        rate="low", people=people, small_recall=0.8, small_interval=spread, ball=points(3, 1),
        tennis=points(4, 1), shuttle=points(5, 5), shuttle_clips={"good": points(9, 1), "bad": points(1, 9)},
    )  # fmt: skip
    rows = core_parts._accuracy_rows(score)
    titles = [one.figure.title for one in rows]
    assert titles[-2:] == ["shuttle F1, clip bad, low", "shuttle F1, clip good, low"]
    assert [one.figure.met for one in rows[-2:]] == [False, True]
    # Small sets: every figure has its interval.
    assert all(one.spread is not None for one in rows)


def test_generality_is_what_its_own_command_found(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch", reason="the protocol trains: pip install 'featurecast[train]'")
    from evaluation.generality import scores

    monkeypatch.setattr(scores, "CACHE", data / "generality")
    checkpoint = data / "checkpoint.pt"
    checkpoint.write_bytes(b"weights")
    (missing,) = core_parts._generality(task(data, checkpoint), lambda: None).rows
    assert "evaluate generality" in missing.figure.title and math.isnan(missing.figure.value)
    for lengths, ceiling in ((scores.Lengths(10, 5), 0.5), (scores.Lengths(300, 150), 0.9)):
        kept = scores.KeptScores(scores.CACHE, default_core().spec, checkpoint, lengths)
        for seed in range(2):
            for view, score in {
                "RGB/8": 0.3,
                "RGB pixels": 0.4,
                "default": 0.85,
                "unfrozen": ceiling,
            }.items():
                kept.put("lines", view, seed, score + 0.001 * seed)
        kept.put("one seed", "default", 0, 0.5)
    for seed, score in enumerate((0.3, 0.6)):
        for view in ("RGB/8", "RGB pixels", "default", "unfrozen"):
            kept.put("kits", view, seed, score)
    found, unclear = core_parts._generality(task(data, checkpoint), lambda: None).rows
    assert "floor 0.450, ceiling 0.450" in unclear.figure.title and unclear.figure.met is None
    assert "300 steps" in found.figure.title and found.figure.met is True
    assert found.figure.value == pytest.approx(0.9)
    checkpoint.write_bytes(b"other weights")
    assert math.isnan(core_parts._generality(task(data, checkpoint), lambda: None).rows[0].figure.value)


def test_rates_have_their_bounds(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation import core_accuracy_rates

    def sizes(*_: Any) -> Any:
        spread = Interval(600.0, 2500.0, 12)
        return [
            core_accuracy_rates.RateSize(rate, {}, 2400.0 if rate == "default" else 700.0, spread, 1.0)
            for rate in RATES
        ]

    monkeypatch.setattr(core_accuracy_rates, "measure_rates", sizes)
    rows = core_parts._rates(task(data), lambda: None).rows
    assert [one.figure.met for one in rows] == [None, None, False, True, True]


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
    assert "no.pt" in error and "--checkpoint" in error and error.count("\n") == 1


def test_each_rate_is_held_against_its_own_loss(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loss = pytest.importorskip("evaluation.core_accuracy_loss", reason="heads are trained: needs torch")
    spread = Interval(-1.0, 2.0, 73)
    people = SimpleNamespace(overall=SimpleNamespace(ap50=0.9), ap50_interval=spread)
    reference = SimpleNamespace(people=people, ball_f1=0.6)
    monkeypatch.setattr(loss, "measure_heads", lambda *_: {loss.REFERENCE: reference})
    monkeypatch.setattr(loss, "lost", lambda *_: loss.Lost(1.0, spread, 4.0, spread))
    found = {one.figure.title: one for one in core_parts._loss(task(data, data), lambda: None).rows}
    wanted = {
        "lossless": (False, False),
        "high": (None, None),
        "default": (True, False),
        "low": (True, False),
    }
    for rate, met in wanted.items():
        titles = (f"{what} lost against float features, {rate}" for what in ("people AP50", "ball F1"))
        assert tuple(found[title].figure.met for title in titles) == met
    assert found["people AP50 lost against float features, low"].spread is spread


def test_totals_that_no_rate_fits_are_missed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.rate_accuracy import footage, study
    from evaluation.rate_accuracy.scoring import Accuracy

    def point(method: str, setting: str, video: float | None, features: float, ap: float) -> Any:
        nothing = (math.nan, math.nan)
        return study.Point(
            method, setting, video, features, 1.0, Accuracy(ap, nothing, ap, nothing, ap, nothing), 35.0
        )

    points = [point(study.LOCAL, "720p, x", kbps, 0.0, kbps / 2000) for kbps in (400.0, 1600.0)]
    points += [point("ours", rate, None, 300.0, 0.9) for rate in ("default", "low")]
    made = study.Study("clip", 10, 30.0, "labels", tuple(points))
    monkeypatch.setattr(footage, "footage_of", lambda *_: None)
    monkeypatch.setattr(study, "plan_for", lambda *_, **__: study.Plan(()))
    monkeypatch.setattr(study, "run_study", lambda *_: made)
    rows = {one.figure.title: one.figure for one in core_parts._bits(task(data), lambda: None).rows}
    misfit = rows["ahead of local inference at 600 kbit/s: not even `low` fits into a third"]
    assert misfit.met is False and not math.isfinite(misfit.value)
    ahead = rows["people AP50 ahead of local inference at 900 kbit/s, default (300 kbit/s)"]
    assert ahead.met is True and ahead.unit == "points"
    assert rows["luma PSNR given up at 900 kbit/s, default (300 kbit/s)"].value == 0
    assert rows["local inference has the people AP50 of low from: from nowhere that was measured"].met is None
