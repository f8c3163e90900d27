"""Where a number comes from: the command, the commit, the machine."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Provenance", "provenance"]


@dataclass(frozen=True)
class Provenance:
    """What it takes to get the same number again."""

    command: str
    commit: str
    machine: str
    date: str

    def line(self) -> str:
        """Return all of it in one line of Markdown."""
        return f"`{self.command}` at commit `{self.commit}`, {self.date}, on {self.machine}."


def provenance(command: str) -> Provenance:
    """Describe this checkout and this machine."""
    return Provenance(command, _commit(), _machine(), datetime.date.today().isoformat())


def _commit() -> str:
    """Return the short hash, with a + when files differ from it (the results page itself does not count)."""
    repository = Path(__file__).resolve().parents[2]

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=repository, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        dirty = git("status", "--porcelain", "--", ".", ":!docs/results.md")
        return git("rev-parse", "--short", "HEAD") + ("+" if dirty else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _machine() -> str:
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores of {_processor()}, Python {platform.python_version()}"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.machine()
