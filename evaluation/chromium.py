"""A headless Chromium that a measurement or a test drives, through chromium.mjs."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any

__all__ = ["Chromium", "ChromiumError", "find_chromium"]

REPOSITORY = Path(__file__).resolve().parents[1]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ANSWER_S = 150.0


class ChromiumError(RuntimeError):
    """The browser did not do what it was told; the message says what and why."""


def find_chromium() -> str:
    """Return the browser's path; raises ChromiumError in one line when a part is missing."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        raise ChromiumError("no Chromium on this machine; install chromium")
    if shutil.which("node") is None or not (REPOSITORY / "node_modules" / "playwright-core").is_dir():
        raise ChromiumError("playwright-core is not installed; run npm ci")
    return executable


class Chromium:
    """One headless Chromium with one page; call `close`, or use it as a context manager."""

    def __init__(self, executable: str, yields: bool = False) -> None:
        """Start the browser that `find_chromium` found; `yields`: whatever else runs here goes first."""
        polite = ["nice", "-n", "4"] if yields else []
        self._process = subprocess.Popen(
            [*polite, "node", str(Path(__file__).with_suffix(".mjs")), executable],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, command: str, **values: Any) -> Any:
        """Carry out a command of chromium.mjs and return its result; raises ChromiumError."""
        assert self._process.stdin and self._process.stdout
        overdue = threading.Timer(_ANSWER_S, self._process.kill)
        overdue.start()
        try:
            print(json.dumps({"command": command, **values}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            overdue.cancel()
        if not line:
            raise ChromiumError(f"the browser ended during {command}")
        outcome = json.loads(line)
        if "error" in outcome:
            raise ChromiumError(f"{command} {values}: {outcome['error']}")
        return outcome["result"]

    def open(self, url: str, **options: Any) -> None:
        """Open a page with nothing kept from the one before."""
        self.send("open", url=url, **options)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression on the page."""
        return self.send("evaluate", script=script)

    def until(self, condition: str, seconds: float = 60.0) -> None:
        """Wait until an expression on the page is true; raises ChromiumError when it stays false."""
        self.send("until", condition=condition, seconds=seconds)

    def stats(self) -> dict[str, float]:
        """Return the figures of the player's diagnostics panel."""
        cells = "[...document.querySelectorAll('[data-stat]')]"
        return dict(
            self.evaluate(f"Object.fromEntries({cells}.map((e) => [e.dataset.stat, Number(e.textContent)]))")
        )

    def close(self) -> None:
        """End the browser."""
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def __enter__(self) -> Chromium:
        """Return the browser."""
        return self

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.close()
