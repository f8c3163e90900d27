"""Fixtures of the browser tests: one Chromium for all of them, and broadcasts in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from core_network.catalogue import default_core
from evaluation.chromium import Chromium, ChromiumError, find_chromium
from tests.e2e.graphs import write_heads
from viewer.vendor_files import WebRuntimeError, install_web_runtime

REPOSITORY = Path(__file__).parents[2]


def missing(what: str) -> NoReturn:
    """Skip on somebody's machine; in continuous integration a missing browser is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)


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
def browser() -> Iterator[Chromium]:
    try:
        executable = find_chromium()
        install_web_runtime()
    except (ChromiumError, WebRuntimeError) as error:
        missing(f"the browser tests cannot run: {error}")
    with Chromium(executable) as found:
        yield found


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
    # Few frames: what these tests look at does not depend on how many a busy machine can do.
    shared = Server(["--heads", str(heads_folder), "--fps", "12"])
    yield shared
    shared.stop()
