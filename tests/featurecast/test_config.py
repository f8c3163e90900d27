"""Configuration files: what they may say, and what wins."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from featurecast.config import DEMO_SOURCE, ServeConfig, load_config
from featurecast.refusal import Refusal

NO_OPTIONS = argparse.Namespace()


def written(folder: Path, text: str) -> Path:
    path = folder / "serve.yaml"
    path.write_text(text)
    return path


def test_without_a_file_the_demo_is_served() -> None:
    assert load_config(ServeConfig, None, NO_OPTIONS).source == DEMO_SOURCE


def test_the_shipped_file_is_valid_and_says_the_defaults(repository: Path) -> None:
    assert load_config(ServeConfig, repository / "configs" / "serve.yaml", NO_OPTIONS) == ServeConfig()


def test_options_win_over_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, "source: match.mp4\nport: 9000\n")
    config = load_config(ServeConfig, path, argparse.Namespace(port=9001, rate=None))
    assert (config.source, config.port, config.rate) == ("match.mp4", 9001, "default")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("prot: 80\n", "known keys: source"),
        ("port: eighty\n", "port"),
        ("port: 70000\n", "70000"),
        ("rate: best\n", "lossless"),
        ("- source\n", "expected 'key: value' lines"),
        ("source: [\n", "serve.yaml"),
    ],
)
def test_a_mistake_is_refused_by_name(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        load_config(ServeConfig, written(tmp_path, text), NO_OPTIONS)
    assert named in str(refused.value) and "\n" not in str(refused.value)


def test_a_mistake_in_an_option_does_not_blame_the_file(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        load_config(ServeConfig, written(tmp_path, "port: 80\n"), argparse.Namespace(port=70000))
    assert "serve.yaml" not in str(refused.value)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config(ServeConfig, written(tmp_path, "\n"), NO_OPTIONS) == ServeConfig()
