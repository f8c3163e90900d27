"""What a person at a terminal sees: help, one line for a mistake, exit status 2."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from featurecast.cli import COMMANDS

REPOSITORY = Path(__file__).resolve().parents[2]


def featurecast(*arguments: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "featurecast", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
    )


def refusal(outcome: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a refused command, after checking that it is one and that stdout is clean."""
    assert outcome.returncode == 2, outcome.stderr
    assert outcome.stdout == ""
    (line,) = outcome.stderr.splitlines()
    assert line.startswith("featurecast")
    return line


def test_help_names_every_command() -> None:
    outcome = featurecast("--help")
    assert outcome.returncode == 0
    for name, summary in COMMANDS.items():
        assert name in outcome.stdout and summary.split(",")[0] in outcome.stdout


@pytest.mark.parametrize("command", [name for name in COMMANDS])
def test_every_command_explains_itself(command: str) -> None:
    outcome = featurecast(command, "--help")
    assert outcome.returncode == 0, outcome.stderr
    assert outcome.stdout.startswith(f"usage: featurecast {command}")


def test_version_is_the_package_version() -> None:
    import tomllib

    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]["version"]
    assert featurecast("--version").stdout.strip() == f"featurecast {declared}"


def test_no_command_is_refused() -> None:
    assert "COMMAND" in refusal(featurecast())


def test_an_unknown_command_is_refused_with_the_known_ones() -> None:
    line = refusal(featurecast("broadcast"))
    assert "broadcast" in line and "serve" in line


def test_an_unknown_option_is_refused() -> None:
    assert "--colour" in refusal(featurecast("encode", "a.mp4", "-o", "b.mp4", "--colour"))


def test_an_unknown_rate_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    line = refusal(featurecast("encode", "a.mp4", "-o", tmp_path / "b.mp4", "--rate", "huge"))
    assert "lossless" in line and "low" in line


@pytest.mark.parametrize("command", ["encode", "view"])
def test_a_missing_file_is_refused_by_name(command: str, tmp_path: Path) -> None:
    missing = tmp_path / "missing.mp4"
    more = ["-o", tmp_path / "o.mp4"] if command == "encode" else ["--head", "player_tracking"]
    assert "missing.mp4" in refusal(featurecast(command, missing, *more))


@pytest.mark.parametrize("command", ["encode", "view", "serve"])
@pytest.mark.parametrize("content", [b"", b"this is a text, not a film\n" * 40], ids=["empty", "text"])
def test_what_is_not_a_video_is_refused_by_name(command: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "match.mp4"
    path.write_bytes(content)
    arguments = {
        "encode": [path, "-o", tmp_path / "o.mp4"],
        "view": [path, "--head", "player_tracking"],
        "serve": ["--source", path, "--port", "0"],
    }[command]
    assert "match.mp4" in refusal(featurecast(command, *arguments))


def test_a_refused_encode_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "match.mp4").write_bytes(b"")
    refusal(featurecast("encode", tmp_path / "match.mp4", "-o", tmp_path / "out.mp4"))
    assert [path.name for path in tmp_path.iterdir()] == ["match.mp4"]


def test_an_output_folder_that_is_missing_is_refused(tmp_path: Path) -> None:
    source = "synthetic:football?seed=1&seconds=1&width=320&height=180"
    assert "nowhere" in refusal(featurecast("encode", source, "-o", tmp_path / "nowhere" / "out.mp4"))


def test_a_synthetic_source_with_a_wrong_option_is_refused(tmp_path: Path) -> None:
    assert "colour" in refusal(featurecast("encode", "synthetic:football?colour=red", "-o", tmp_path / "out.mp4"))


def test_an_unknown_head_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    line = refusal(featurecast("view", "synthetic:football?seconds=1", "--head", "goal_keeper"))
    assert "goal_keeper" in line and "player_tracking" in line and "ball_statistics" in line


def test_a_folder_that_is_no_head_is_refused(tmp_path: Path) -> None:
    assert str(tmp_path) in refusal(featurecast("heads", "check", tmp_path))


def test_view_needs_a_head() -> None:
    assert "--head" in refusal(featurecast("view", "synthetic:football?seconds=1"))


def test_a_port_in_use_is_refused_by_number() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert str(port) in refusal(featurecast("serve", "--port", str(port)))


def test_a_configuration_with_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "serve.yaml").write_text("colour: red\n")
    line = refusal(featurecast("serve", "--config", tmp_path / "serve.yaml"))
    assert "serve.yaml" in line and "colour" in line


def test_training_without_its_extra_names_the_pip_command(tmp_path: Path) -> None:
    # A package that fails to import stands in for one that is not installed.
    (tmp_path / "torch.py").write_text("raise ModuleNotFoundError(\"No module named 'torch'\", name='torch')\n")
    outcome = subprocess.run(
        [sys.executable, "-m", "featurecast", "train", "core", "configs/train-core.yaml"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{REPOSITORY}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert "pip install 'featurecast[train]'" in refusal(outcome)
