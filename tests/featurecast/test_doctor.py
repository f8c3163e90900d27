"""The doctor: one line per finding, and a failure only for what is needed."""

from __future__ import annotations

import argparse
import socket

import pytest

from featurecast.commands import doctor
from featurecast.commands.doctor import Finding


def outcome(capsys: pytest.CaptureFixture[str], *findings: Finding) -> tuple[int, list[str]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "CHECKS", tuple(lambda _port, found=finding: found for finding in findings))
        status = doctor.run(argparse.Namespace(port=8080))
    return status, capsys.readouterr().out.splitlines()


def test_notes_do_not_fail(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = outcome(capsys, Finding("ok", "Python"), Finding("note", "no Chromium"))
    assert (status, lines) == (0, ["ok      Python", "note    no Chromium"])


def test_what_is_missing_fails(capsys: pytest.CaptureFixture[str]) -> None:
    status, lines = outcome(capsys, Finding("missing", "web runtime"), Finding("ok", "Python"))
    assert (status, lines) == (1, ["missing web runtime", "ok      Python"])


@pytest.mark.parametrize("check", doctor.CHECKS, ids=lambda check: check.__name__.strip("_"))
def test_every_check_gives_one_line_and_raises_nothing(check: doctor.Check) -> None:
    finding = check(0)
    assert finding.level in ("ok", "note", "missing")
    assert finding.text and "\n" not in finding.text


def test_a_taken_port_is_noted() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        finding = doctor.port_is_free(taken.getsockname()[1])
    assert finding.level == "note" and "another --port" in finding.text
