"""Refusals: one line, and only for what was named."""

from __future__ import annotations

from pathlib import Path

import pytest

from featurecast.refusal import Refusal, refuse


def test_a_message_of_several_lines_becomes_one() -> None:
    assert str(Refusal("expected\n  a video,\tgot a text")) == "expected a video, got a text"


def test_named_exceptions_become_refusals() -> None:
    with pytest.raises(Refusal, match="no such head"), refuse(KeyError):
        raise KeyError("no such head")


def test_other_exceptions_stay_bugs() -> None:
    with pytest.raises(ValueError, match="a bug"), refuse(KeyError):
        raise ValueError("a bug")


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="gone.yaml: No such file"), refuse():
        (tmp_path / "gone.yaml").read_text()
