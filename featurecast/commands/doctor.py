"""`featurecast doctor`: what works here, what is missing, one line each."""

from __future__ import annotations

import argparse
import importlib.metadata
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from core_network.catalogue import default_core, shipped_cores
from core_network.dataroot import data_root
from core_network.encoder import Encoder
from core_network.spec import RATES
from task_heads.registry import Registry
from task_heads.runner import HeadRunner

__all__ = ["CHECKS", "Check", "Finding", "configure", "port_is_free", "run"]

DEFAULT_PORT = 8080
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """The outcome of one check: `level` is ok, note (works without) or missing (does not)."""

    level: str
    text: str


def _ok(text: str) -> Finding:
    return Finding("ok", text)


def _note(text: str) -> Finding:
    return Finding("note", text)


def _missing(text: str) -> Finding:
    return Finding("missing", text)


def _python(_port: int) -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return (
        _ok(f"Python {version}")
        if sys.version_info >= (3, 11)
        else _missing(f"Python {version}, expected 3.11")
    )


def _packages(_port: int) -> Finding:
    names = (
        "aiortc",
        "av",
        "fastapi",
        "numpy",
        "onnxruntime",
        "pillow",
        "prometheus-client",
        "pydantic",
        "pyyaml",
        "uvicorn",
    )
    lacking = []
    for name in names:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            lacking.append(name)
    return (
        _missing(f"packages {', '.join(lacking)}: pip install featurecast")
        if lacking
        else _ok("packages to serve and view")
    )


def _training(_port: int) -> Finding:
    try:
        return _ok(f"PyTorch {importlib.metadata.version('torch')}, to train")
    except importlib.metadata.PackageNotFoundError:
        return _note("no PyTorch, so no training: pip install 'featurecast[train]'")


def _video_encoder(_port: int) -> Finding:
    import av

    try:
        av.Codec("libx264", "w")
    except av.codec.codec.UnknownCodecError:
        return _missing("PyAV has no libx264; install av from PyPI")
    return _ok(f"H.264 encoder libx264 in PyAV {av.__version__}")


def _core(_port: int) -> Finding:
    try:
        core = default_core()
        Encoder(core)
    except Exception as error:
        return _missing(f"the shipped core network does not load: {error}")
    if without := [rate for rate in RATES if not core.tables_path(rate).is_file()]:
        return _missing(f"core {core.spec.name} has no entropy tables for {', '.join(without)}")
    return _ok(
        f"core network {core.spec.name}, {core.spec.fingerprint[:12]}, of {len(shipped_cores())} shipped"
    )


def _heads(_port: int) -> Finding:
    try:
        spec = default_core().spec
        unusable = [entry for entry in Registry().catalogue(spec) if not entry["ok"]]
        names = Registry().names()
        for name in names:
            HeadRunner(Registry().get(name).folder, spec)
    except ValueError as error:
        return _missing(f"heads: {error}")
    if unusable:
        return _missing(f"heads: {unusable[0]['reason']}")
    return _ok(f"heads {', '.join(names)}, for this core")


def _web_runtime(_port: int) -> Finding:
    from viewer.vendor_files import web_runtime_ready

    if web_runtime_ready():
        return _ok("web runtime for heads in the browser")
    return _missing("web runtime for heads in the browser: python -m viewer.vendor_files")


def _browser(_port: int) -> Finding:
    for name in _BROWSERS:
        if shutil.which(name):
            return _ok(f"{name}, for the browser tests")
    return _note("no Chromium, so no browser tests")


def _real_clips(_port: int) -> Finding:
    root = data_root()
    return (
        _ok(f"real clips in {root}")
        if root
        else _note("no real clips (FEATURECAST_DATA): training and bench need them")
    )


def port_is_free(port: int) -> Finding:
    """Note a port that somebody else listens on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return _note(f"port {port}: {error.strerror}; serve with another --port")
    return _ok(f"port {port} is free")


Check = Callable[[int], Finding]

CHECKS: tuple[Check, ...] = (
    _python,
    _packages,
    _training,
    _video_encoder,
    _core,
    _heads,
    _web_runtime,
    _browser,
    _real_clips,
    port_is_free,
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="the port that `serve` will take")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; 1 when something is missing."""
    findings = [check(arguments.port) for check in CHECKS]
    for finding in findings:
        print(f"{finding.level:<8}{finding.text}")
    return int(any(finding.level == "missing" for finding in findings))
