"""The example as a wheel in somebody's environment: found by its entry point, never imported, and it runs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from core_network.prepare import View
from task_heads.registry import Registry
from task_heads.runner import HeadRunner, HeadSet


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    """The wheel of a copy of the example."""
    package = tmp_path_factory.mktemp("example") / "referee_spotting"
    ignored = shutil.ignore_patterns("features", "run", "build", "*.egg-info", "__pycache__")
    shutil.copytree(repository / "examples" / "referee_spotting", package, ignore=ignored)
    built = tmp_path_factory.mktemp("wheel")
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(built)!r})"
    outcome = subprocess.run(
        [sys.executable, "-c", script], cwd=package, capture_output=True, text=True, timeout=300
    )
    assert outcome.returncode == 0, outcome.stderr
    (path,) = built.glob("*.whl")
    return path


def test_the_installed_example_is_found_and_runs(wheel, core, tmp_path, monkeypatch):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = Registry().get("referee_spotting")
    assert found.origin.startswith("entry point")
    assert found.folder == tmp_path / "referee_spotting"
    assert "referee_spotting" not in sys.modules
    players = Registry(installed=False).get("player_tracking")
    heads = HeadSet([HeadRunner(head.folder, core.spec) for head in (players, found)])
    view = View.letterbox(1920, 1080, core.spec.input_width, core.spec.input_height).as_array()
    outputs = heads.run(np.ones((1, *core.spec.shape), np.float32), view, 0.0)["referee_spotting"]
    assert outputs["found"].shape == (32, 7)
    assert np.all((outputs["found"][:, :4] >= 0) & (outputs["found"][:, :4] <= 1))


def test_nothing_but_the_head_is_in_the_wheel(wheel):
    names = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]
    assert sorted(names) == [
        f"referee_spotting/{name}" for name in ("__init__.py", "head.json", "head.onnx", "network.py")
    ]
