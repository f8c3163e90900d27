"""The wheel holds what serving and viewing need, and its entry points name what is there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("core_network", "task_heads", "stream", "viewer", "evaluation", "featurecast")


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel of a copy of the packages, so that no build folder appears in the checkout."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=source, capture_output=True, text=True, timeout=120
    )
    assert outcome.returncode == 0, outcome.stderr
    (path,) = built.glob("*.whl")
    return zipfile.ZipFile(path)


def test_models_heads_and_page_are_in_the_wheel(wheel: zipfile.ZipFile, repository: Path) -> None:
    names = set(wheel.namelist())
    wanted = [
        *repository.glob("core_network/models/*/*"),
        *repository.glob("task_heads/*/head.*"),
        *repository.glob("viewer/web/**/*"),
    ]
    missing = [str(path.relative_to(repository)) for path in wanted if path.is_file()]
    assert missing and [name for name in missing if name not in names] == []
    assert "core_network/models/core-v6/core.onnx" in names
    assert "viewer/web/index.html" in names


def test_nothing_else_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert not [name for name in wheel.namelist() if "__pycache__" in name or name.endswith((".mp4", ".jpg"))]


def test_every_built_in_head_has_an_entry_point(wheel: zipfile.ZipFile, repository: Path) -> None:
    (entry_points,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(entry_points).decode()
    heads = [path.parent.name for path in repository.glob("task_heads/*/head.json")]
    assert heads
    for head in heads:
        assert f"\n{head} = " in text.partition("[featurecast.task_heads]")[2]
