"""docs/write-a-head.md is executed word for word: its shell blocks in order, on fewer pictures and steps."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("torch", reason="training needs torch: pip install 'featurecast[train]'")
pytest.importorskip("onnxscript", reason="export needs onnxscript: pip install 'featurecast[train]'")

PRELUDE = """
set -eu
featurecast() {
  case "$1 ${2-}" in
    "train head") "$PYTHON" -m featurecast "$@" --steps 4 ;;
    "record "*) "$PYTHON" -m featurecast "$@" --frames 3 ;;
    "serve "*) "$PYTHON" "$SERVED" "$@" ;;
    *) "$PYTHON" -m featurecast "$@" ;;
  esac
}
pip() {
  case "$1" in
    install)
      "$PYTHON" -m pip install --quiet --no-deps --no-build-isolation --no-index --target "$SITE" "$2"
      export PYTHONPATH="$SITE:$PYTHONPATH" ;;
    uninstall) rm -r "$SITE" ;;
  esac
}
"""
"""Only amounts are changed, through the options that the document names; pip installs into a test folder."""

SERVED = """
import json, subprocess, sys, urllib.request
server = subprocess.Popen(
    [sys.executable, "-m", "featurecast", *sys.argv[1:], "--port", "0"],
    stderr=subprocess.PIPE, text=True,
)
try:
    line = next(line for line in server.stderr if "watch at" in line)
    address = next(word for word in line.split() if word.startswith("http"))
    with urllib.request.urlopen(address + "heads") as answer:
        print("served:", json.dumps(json.load(answer)))
finally:
    server.terminate()
    server.wait()
"""


def blocks(repository, language):
    text = (repository / "docs" / "write-a-head.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.M | re.S)


@pytest.fixture(scope="module")
def executed(repository, data_root, tmp_path_factory):
    """The folder in which the document was executed, and what it printed."""
    folder = tmp_path_factory.mktemp("document")
    (folder / "served.py").write_text(SERVED)
    (folder / "run.sh").write_text(PRELUDE + "".join(blocks(repository, "sh")))
    environment = {
        **os.environ,
        "PYTHON": sys.executable,
        "PYTHONPATH": str(repository),
        "PYTHONSAFEPATH": "1",  # as for the command itself: heads are not looked for where it runs
        "SITE": str(folder / "site"),
        "SERVED": str(folder / "served.py"),
        "FEATURECAST_DATA": str(data_root.resolve()),
    }
    outcome = subprocess.run(
        ["bash", "run.sh"], cwd=folder, env=environment, capture_output=True, text=True, timeout=1800
    )
    assert outcome.returncode == 0, outcome.stdout[-2000:] + outcome.stderr[-2000:]
    return folder / "referee_spotting", outcome.stdout


def test_every_command_of_the_document_works(executed):
    package, printed = executed
    assert "referee_spotting: fit" in printed
    if shutil.which("node"):
        assert "onnxruntime-web, equal results" in printed
    assert re.search(r"recall \d\.\d+  precision \d\.\d+", printed)
    assert (package / "seen.jsonl").read_text().count("\n") == 100


def test_the_server_offers_the_head_of_the_heads_folder(executed):
    _, printed = executed
    (line,) = [line for line in printed.splitlines() if line.startswith("served: ")]
    offered = {head["name"]: head for head in json.loads(line.removeprefix("served: "))["heads"]}
    assert offered["referee_spotting"]["ok"] is True


def test_the_installed_head_is_listed_by_its_entry_point_until_it_is_removed(executed):
    package, printed = executed
    lines = printed.splitlines()
    listings = [number for number, line in enumerate(lines) if line.startswith("player_tracking ")]
    assert len(listings) == 2
    ((number, line),) = [(n, line) for n, line in enumerate(lines) if line.startswith("referee_spotting ")]
    assert "entry point" in line
    assert number < listings[1]
    assert list((package / "heads").iterdir()) == []


def test_the_example_is_what_the_document_makes(executed, repository):
    package, _ = executed
    example = repository / "examples" / "referee_spotting"
    made = [
        path.relative_to(package) for path in package.rglob("*") if path.suffix in (".py", ".toml", ".yaml")
    ]
    made = [path for path in made if path.parts[0] not in ("build", "heads")]
    assert len(made) == 5
    for path in made:
        assert (example / path).read_text() == (package / path).read_text(), path


def test_quoted_code_is_that_of_the_package(repository):
    network = (repository / "examples" / "referee_spotting" / "referee_spotting" / "network.py").read_text()
    quoted = blocks(repository, "python")
    assert quoted
    for block in quoted:
        assert block in network


def test_the_example_is_short(repository):
    package = repository / "examples" / "referee_spotting" / "referee_spotting"
    lines = [line for path in package.glob("*.py") for line in path.read_text().splitlines()]
    assert 40 < len([line for line in lines if line.strip()]) < 100
