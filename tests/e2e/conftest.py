"""Fixtures of the browser tests: one Chromium for all of them, and broadcasts in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from core_network.catalogue import default_core
from tests.e2e.graphs import write_heads
from viewer.vendor_files import WebRuntimeError, install_web_runtime

REPOSITORY = Path(__file__).parents[2]
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_ANSWER_S = 120.0


def missing(what: str) -> NoReturn:
    """Skip on somebody's machine; in continuous integration a missing browser is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


class Browser:
    """One headless Chromium, driven through browser.mjs."""

    def __init__(self, executable: str) -> None:
        script = Path(__file__).with_name("browser.mjs")
        self._process = subprocess.Popen(
            ["node", str(script), executable],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, command: str, **values: Any) -> Any:
        """Carry out a command of browser.mjs and return its result; its errors are ours."""
        assert self._process.stdin and self._process.stdout
        overdue = threading.Timer(_ANSWER_S, self._process.kill)
        overdue.start()
        try:
            print(json.dumps({"command": command, **values}), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        finally:
            overdue.cancel()
        assert line, f"the browser ended during {command}"
        outcome = json.loads(line)
        assert "error" not in outcome, f"{command} {values}: {outcome['error']}"
        return outcome["result"]

    def open(self, url: str, **options: Any) -> None:
        """Open a page with nothing kept from the one before."""
        self.send("open", url=url, **options)

    def evaluate(self, script: str) -> Any:
        """Return the value of an expression on the page."""
        return self.send("evaluate", script=script)

    def until(self, condition: str, seconds: float = 30.0) -> None:
        """Wait until an expression on the page is true."""
        self.send("until", condition=condition, seconds=seconds)

    def stats(self) -> dict[str, float]:
        """Return the figures of the diagnostics panel."""
        cells = "[...document.querySelectorAll('[data-stat]')]"
        pairs = self.evaluate(f"{cells}.map((cell) => [cell.dataset.stat, Number(cell.textContent)])")
        return dict(pairs)

    def close(self) -> None:
        """End the browser."""
        self._process.stdin and self._process.stdin.close()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Server:
    """A broadcast of tests/e2e/broadcast.py that can be stopped and started again on its port."""

    def __init__(self, arguments: list[str]) -> None:
        self._arguments = arguments
        self._port = 0
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start it and wait until it accepts connections."""
        command = [sys.executable, "-m", "tests.e2e.broadcast", "--port", str(self._port), *self._arguments]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url = self._process.stdout.readline().strip()
        assert self.url, "the test broadcast did not start; its error is above"
        self._port = int(self.url.rsplit(":", 1)[1])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, politely or not."""
        self._process.send_signal(how)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if executable is None:
        missing("no Chromium on this machine: install chromium to run the browser tests")
    if shutil.which("node") is None or not (REPOSITORY / "node_modules" / "playwright-core").is_dir():
        missing("playwright-core is not installed: run npm ci to run the browser tests")
    try:
        install_web_runtime()
    except WebRuntimeError as error:
        missing(str(error))
    found = Browser(executable)
    yield found
    found.close()


@pytest.fixture(scope="session")
def heads_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_heads(tmp_path_factory.mktemp("heads"), default_core().spec)


@pytest.fixture
def start_server(heads_folder: Path) -> Iterator[Callable[..., Server]]:
    """Start broadcasts that end with the test."""
    started: list[Server] = []

    def start(*arguments: str) -> Server:
        started.append(Server(["--heads", str(heads_folder), *arguments]))
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(heads_folder: Path) -> Iterator[Server]:
    """One broadcast for all tests that leave it as it is."""
    shared = Server(["--heads", str(heads_folder)])
    yield shared
    shared.stop()
