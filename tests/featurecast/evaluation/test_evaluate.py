"""`featurecast evaluate`: every subcommand explains itself, and is loaded only when it is named."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest

from featurecast.cli import main
from featurecast.commands.evaluate import SUBCOMMANDS
from featurecast.commands.evaluation.figures import table, write_figures
from featurecast.refusal import Refusal


def test_the_list_names_every_subcommand(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["evaluate", "--help"])
    shown = capsys.readouterr().out
    assert all(name in shown for name in SUBCOMMANDS)


@pytest.mark.parametrize("name", list(SUBCOMMANDS))
def test_every_subcommand_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["evaluate", name, "--help"])
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: featurecast evaluate {name}")
    assert "--json" in shown


def test_an_unknown_subcommand_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", "colour"])
    (line,) = capsys.readouterr().err.splitlines()
    assert "colour" in line and "visualize" in line


def test_a_subcommand_loads_nothing_of_the_others(repository: Path) -> None:
    script = (
        "import sys; from featurecast.cli import main\n"
        "try: main(['evaluate', 'map', '--help'])\n"
        "except SystemExit: pass\n"
        "loaded = [name for name in ('trackers', 'torch', 'evaluation.decoded') if name in sys.modules]\n"
        "print(loaded, file=sys.stderr)"
    )
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, capture_output=True, text=True, timeout=300
    )
    assert outcome.stderr.strip() == "[]", outcome.stderr


def test_figures_that_do_not_exist_become_null(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    write_figures(Namespace(json=path), {"a": math.nan, "b": [math.inf, 1.5], "c": {"d": (1, "x")}})
    assert json.loads(path.read_text()) == {"a": None, "b": [None, 1.5], "c": {"d": [1, "x"]}}
    assert [file.name for file in tmp_path.iterdir()] == ["figures.json"]


def test_figures_cannot_go_where_there_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="nowhere"):
        write_figures(Namespace(json=tmp_path / "nowhere" / "f.json"), {})


def test_tables_are_aligned_markdown() -> None:
    assert table(("a", "b"), [("long name", 1), ("x", 23.5)]) == (
        "| a         |    b |\n| --------- | ---: |\n| long name |    1 |\n| x         | 23.5 |\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["map", "--dataset", "coco", "--predictions", "p"], "FORM:PATH"),
        (["map", "--dataset", "kitti:x", "--predictions", "p"], "sfu, coco"),
        (["map", "--dataset", "coco:x", "--predictions", "p", "--labels", "a,,b"], "names that differ"),
        (["map", "--dataset", "coco:x", "--predictions", "p", "--as", "person"], "NEW=OLD"),
        (["map", "--dataset", "coco:x", "--predictions", "p", "--confidence", "1"], "below 1"),
        (["track", "--against", "sort,deepsort"], "deepsort"),
        (["track", "--shot", "C"], "'A', 'B'"),
        (["ball", "--split", "test"], "report"),
        (["ball", "--radius", "nan"], "px above 0"),
        (["visualize", "--dataset", "coco:x", "--predictions", "p", "--sleep-time", "-1"], "seconds"),
    ],
)
def test_wrong_arguments_are_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["evaluate", *arguments])
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["map", "--dataset", "coco:gone.json", "--predictions", "p"], "gone.json"),
        (["track", "--data", "gone"], "no labelled footage here"),
        (["ball", "--data", "gone"], "no labelled footage here"),
    ],
)
def test_what_is_not_there_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("featurecast: ") and words in line


def test_data_without_the_clip_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "splits.csv").write_text("file,group,split\n")
    assert main(["evaluate", "track", "--data", str(tmp_path)]) == 2
    assert "soccer.mp4" in capsys.readouterr().err
    assert main(["evaluate", "ball", "--data", str(tmp_path)]) == 2
    assert "labelled ball" in capsys.readouterr().err
