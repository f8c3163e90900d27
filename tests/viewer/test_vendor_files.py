"""Fetching the web runtime: from node_modules, from npm, and what is said when neither can."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from viewer import vendor_files
from viewer.vendor_files import (
    PACKED_FILE,
    RUNTIME_FILES,
    WebRuntimeError,
    install_web_runtime,
    web_runtime_ready,
)

FAKE_NPM = """#!/bin/sh
[ "$1" = ci ] || exit 1
mkdir -p node_modules/onnxruntime-web/dist
for name in {names}; do echo "from npm" > node_modules/onnxruntime-web/dist/$name; done
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout that pins version 1.2.3 and has nothing installed."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "package.json").write_text(json.dumps({"dependencies": {"onnxruntime-web": "1.2.3"}}))
    (folder / "package-lock.json").write_text("{}")
    (folder / ".npmrc").write_text("")
    return folder


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    return tmp_path / "web" / "vendor"


def install_with_npm(project: Path, version: str) -> None:
    package = project / "node_modules" / "onnxruntime-web"
    (package / "dist").mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))
    for name in RUNTIME_FILES:
        (package / "dist" / name).write_text("from node_modules")


def npm_on_path(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir()
    (folder / "npm").write_text(script)
    (folder / "npm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_installed_version_is_copied(
    project: Path, vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_with_npm(project, "1.2.3")
    monkeypatch.setattr(vendor_files, "_npm", lambda folder: pytest.fail("npm is not needed"))
    assert not web_runtime_ready(vendor, project)
    assert install_web_runtime(vendor, project) == vendor
    assert {path.name for path in vendor.iterdir()} == {*RUNTIME_FILES, PACKED_FILE, "version.txt"}
    assert gzip.decompress((vendor / PACKED_FILE).read_bytes()) == b"from node_modules"
    assert web_runtime_ready(vendor, project)


def test_another_version_is_fetched_with_npm(
    project: Path, vendor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_with_npm(project, "1.2.2")
    npm_on_path(tmp_path / "bin", FAKE_NPM.format(names=" ".join(RUNTIME_FILES)), monkeypatch)
    install_web_runtime(vendor, project)
    assert [(vendor / name).read_text() for name in RUNTIME_FILES] == ["from npm\n"] * len(RUNTIME_FILES)
    # The checkout's own node_modules, with its development packages, is left alone.
    left_alone = (project / "node_modules/onnxruntime-web/package.json").read_text()
    assert json.loads(left_alone)["version"] == "1.2.2"


def test_a_new_pin_fetches_again_and_what_is_there_is_left(
    project: Path, vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_with_npm(project, "1.2.3")
    install_web_runtime(vendor, project)
    (vendor / RUNTIME_FILES[0]).write_text("kept")
    install_web_runtime(vendor, project)
    assert (vendor / RUNTIME_FILES[0]).read_text() == "kept"
    (project / "package.json").write_text(json.dumps({"dependencies": {"onnxruntime-web": "1.3.0"}}))
    assert not web_runtime_ready(vendor, project)


def test_an_interrupted_copy_is_not_ready(project: Path, vendor: Path) -> None:
    install_with_npm(project, "1.2.3")
    install_web_runtime(vendor, project)
    (vendor / RUNTIME_FILES[2]).unlink()
    assert not web_runtime_ready(vendor, project)


def test_what_npm_says_is_passed_on_in_one_line(
    project: Path, vendor: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "#!/bin/sh\necho 'npm error: no route' >&2\necho more >&2\nexit 1\n"
    npm_on_path(tmp_path / "bin", script, monkeypatch)
    with pytest.raises(WebRuntimeError, match=r"npm could not fetch onnxruntime-web.*no route") as caught:
        install_web_runtime(vendor, project)
    assert "\n" not in str(caught.value)
    assert not vendor.exists()


def test_without_npm_and_pip_it_says_what_to_install(
    project: Path, vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_files.shutil, "which", lambda name: None)
    monkeypatch.setattr(vendor_files.sys, "executable", "/bin/false")
    with pytest.raises(WebRuntimeError, match=r"no npm here.*install Node\.js"):
        install_web_runtime(vendor, project)


def test_an_installed_package_without_its_files_says_so(vendor: Path, tmp_path: Path) -> None:
    with pytest.raises(WebRuntimeError, match="install featurecast again"):
        install_web_runtime(vendor, tmp_path)
    vendor.mkdir(parents=True)
    for name in (*RUNTIME_FILES, PACKED_FILE):
        (vendor / name).write_text("from the wheel")
    assert install_web_runtime(vendor, tmp_path) == vendor
