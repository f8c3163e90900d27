"""Running the command as a person would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def featurecast(repository: Path) -> Run:
    """Run `featurecast` in its own process; the folder `first` goes to the front of the import path."""

    def run(*arguments: str | Path, first: Path | None = None) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join(str(folder) for folder in (first, repository) if folder)
        return subprocess.run(
            [sys.executable, "-m", "featurecast", *map(str, arguments)],
            cwd=repository,
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=300,
        )

    return run


@pytest.fixture(scope="session")
def refused(featurecast: Run) -> Callable[..., str]:
    """Run a command that must be refused, and return its one line."""

    def run(*arguments: str | Path, first: Path | None = None) -> str:
        outcome = featurecast(*arguments, first=first)
        assert outcome.returncode == 2, outcome.stderr
        assert outcome.stdout == ""
        (line,) = outcome.stderr.splitlines()
        assert line.startswith("featurecast")
        return line

    return run
