"""`featurecast evaluate map` from files to figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from evaluation.metrics.framework import NOT_COMPARABLE
from featurecast.cli import main

Arguments = Callable[..., list[str]]

MERGED = ("--as", "human=player,person")


def test_both_scores_are_printed_and_written(
    scored: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "figures.json"
    assert main(scored("map", *MERGED, "--json", str(path))) == 0
    shown = capsys.readouterr().out
    assert "label human" in shown and "clip stills" in shown and NOT_COMPARABLE in shown
    figures = json.loads(path.read_text())
    # Two of three found without a false one: precision 1 up to recall 2/3, which is 67 of 101 points.
    assert figures["coco"]["ap"] == pytest.approx(67 / 101, abs=1e-4)
    assert figures["coco"]["labels"]["human"]["truths"] == 3
    assert figures["framework"]["mean"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["framework"]["note"] == NOT_COMPARABLE
    assert figures["coco"]["ap_interval"]["units"] == 3


def test_labels_that_are_not_chosen_do_not_count(
    scored: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "stills" / "labels" / "c.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    arguments = [item if item != "player" else "player,ball" for item in scored("map", *MERGED)]
    for more, ap in ((("--only", "human"), 1), ((), 0.5)):
        path = tmp_path / "figures.json"
        assert main([*arguments, *more, "--json", str(path)]) == 0
        assert json.loads(path.read_text())["coco"]["ap"] == pytest.approx(ap, abs=1e-4)
    assert main([*arguments, "--only", "umpire"]) == 2
    assert "human, ball" in capsys.readouterr().err


def test_labels_that_do_not_meet_are_refused(scored: Arguments, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(scored("map")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "person" in line and "player" in line and "--as" in line


def test_a_missing_prediction_is_refused(
    scored: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "found" / "stills" / "b.txt").unlink()
    assert main(scored("map", *MERGED)) == 2
    assert "'b'" in capsys.readouterr().err


def test_no_prediction_at_all_scores_zero(
    scored: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (tmp_path / "found" / "stills").iterdir():
        path.write_text("")
    assert main(scored("map")) == 0
    assert "0.0000" in capsys.readouterr().out
