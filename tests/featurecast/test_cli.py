"""What a person at a terminal sees: help, one line for a mistake, exit status 2."""

from __future__ import annotations

import json
import socket
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from featurecast.cli import COMMANDS, main
from task_heads.dataset import FeatureDataset

Run = Callable[..., Any]
Refused = Callable[..., str]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    shown = capsys.readouterr().out
    for name, summary in COMMANDS.items():
        assert name in shown and summary.split(",")[0] in shown


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: featurecast {command}")


def test_version_is_the_package_version(featurecast: Run, repository: Path) -> None:
    declared = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    assert featurecast("--version").stdout.strip() == f"featurecast {declared}"


def test_no_command_is_refused(refused: Refused) -> None:
    assert "COMMAND" in refused()


def test_an_unknown_command_is_refused_with_the_known_ones(refused: Refused) -> None:
    line = refused("broadcast")
    assert "broadcast" in line and "serve" in line


def test_an_unknown_option_is_refused(refused: Refused) -> None:
    assert "--colour" in refused("encode", "a.mp4", "-o", "b.mp4", "--colour")


def test_an_unknown_rate_is_refused_with_the_known_ones(tmp_path: Path, refused: Refused) -> None:
    line = refused("encode", "a.mp4", "-o", tmp_path / "b.mp4", "--rate", "huge")
    assert "lossless" in line and "low" in line


@pytest.mark.parametrize("command", ["encode", "view"])
def test_a_missing_file_is_refused_by_name(command: str, tmp_path: Path, refused: Refused) -> None:
    missing = tmp_path / "missing.mp4"
    more = ["-o", tmp_path / "o.mp4"] if command == "encode" else ["--head", "player_tracking"]
    assert "missing.mp4" in refused(command, missing, *more)


@pytest.mark.parametrize("command", ["encode", "view", "serve"])
@pytest.mark.parametrize("content", [b"", b"this is a text, not a film\n" * 40], ids=["empty", "text"])
def test_what_is_not_a_video_is_refused_by_name(
    command: str, content: bytes, tmp_path: Path, refused: Refused
) -> None:
    path = tmp_path / "match.mp4"
    path.write_bytes(content)
    arguments = {
        "encode": [path, "-o", tmp_path / "o.mp4"],
        "view": [path, "--head", "player_tracking"],
        "serve": ["--source", path, "--port", "0"],
    }[command]
    assert "match.mp4" in refused(command, *arguments)


def test_a_refused_encode_leaves_no_file(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "match.mp4").write_bytes(b"")
    refused("encode", tmp_path / "match.mp4", "-o", tmp_path / "out.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["match.mp4"]


def test_an_output_folder_that_is_missing_is_refused(tmp_path: Path, refused: Refused) -> None:
    source = "synthetic:football?seed=1&seconds=1&width=320&height=180"
    assert "nowhere" in refused("encode", source, "-o", tmp_path / "nowhere" / "out.mp4")


def test_a_synthetic_source_with_a_wrong_option_is_refused(tmp_path: Path, refused: Refused) -> None:
    assert "colour" in refused("encode", "synthetic:football?colour=red", "-o", tmp_path / "out.mp4")


def test_an_unknown_head_is_refused_with_the_known_ones(tmp_path: Path, refused: Refused) -> None:
    line = refused("view", "synthetic:football?seconds=1", "--head", "goal_keeper")
    assert "goal_keeper" in line and "player_tracking" in line and "ball_statistics" in line


def test_a_folder_that_is_no_head_is_refused(tmp_path: Path, refused: Refused) -> None:
    assert str(tmp_path) in refused("heads", "check", tmp_path)


def test_view_needs_a_head(refused: Refused) -> None:
    assert "--head" in refused("view", "synthetic:football?seconds=1")


def test_a_port_in_use_is_refused_by_number(refused: Refused) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refused("serve", "--port", str(port))


def test_a_configuration_with_an_unknown_key_is_refused(tmp_path: Path, refused: Refused) -> None:
    (tmp_path / "serve.yaml").write_text("colour: red\n")
    line = refused("serve", "--config", tmp_path / "serve.yaml")
    assert "serve.yaml" in line and "colour" in line


def test_training_without_its_extra_names_the_pip_command(
    tmp_path: Path, data_root: Path, refused: Refused
) -> None:
    # A package that fails to import stands in for one that is not installed.
    (tmp_path / "torch.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n"
    )
    line = refused("train", "core", "configs/core.yaml", "--data", data_root.resolve(), first=tmp_path)
    assert "pip install 'featurecast[train]'" in line


def test_encode_prints_what_its_figures_are_made_of(
    tmp_path: Path, short_match: str, featurecast: Run
) -> None:
    outcome = featurecast("encode", short_match, "-o", tmp_path / "match.mp4", "--json")
    assert outcome.returncode == 0, outcome.stderr
    report = json.loads(outcome.stdout)
    assert report["frames"] == 50
    sizes = report["feature_bytes"]
    assert set(sizes) == {"mean", "p50", "p95", "max", "key_mean", "delta_mean"}
    assert 0 < sizes["delta_mean"] < sizes["key_mean"] <= sizes["max"]
    assert set(report["ms"]) == {"decode", "prepare", "core", "bitstream", "video_encode"}
    assert report["video_bytes"]["mean"] > 0


def test_a_recording_is_a_dataset_of_every_frame(tmp_path: Path, short_match: str, featurecast: Run) -> None:
    outcome = featurecast("record", short_match, "-o", tmp_path / "dataset", "--frames", "5")
    assert outcome.returncode == 0, outcome.stderr
    records = list(FeatureDataset(tmp_path / "dataset"))
    assert [record.frame for record in records] == [0, 1, 2, 3, 4]
    assert {record.rate for record in records} == {"default"}
    assert records[0].view[4:].tolist() == [640, 360]


def test_a_recording_never_mixes_with_another(
    tmp_path: Path, short_match: str, featurecast: Run, refused: Refused
) -> None:
    assert featurecast("record", short_match, "-o", tmp_path, "--frames", "1").returncode == 0
    assert "already holds a dataset" in refused("record", short_match, "-o", tmp_path, "--frames", "1")
