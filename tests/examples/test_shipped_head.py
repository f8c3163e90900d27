"""The example's head as it lies in the repository: fit, small, unchanged since its export, of use."""

from __future__ import annotations

import pytest

from evaluation.bench.figure import NotMeasured
from evaluation.example_head import EXAMPLE, example_figures
from task_heads.browser_runtime import BrowserRuntime
from task_heads.golden import golden_problems
from task_heads.manifest import load_manifest
from task_heads.registry import Registry
from viewer.vendor_files import VENDOR_FOLDER

BROWSER = BrowserRuntime(VENDOR_FOLDER, VENDOR_FOLDER.parent / "head_runner.js")
SIZE = 300_000


def test_it_is_fit_in_both_runtimes(core):
    pytest.importorskip("onnx", reason="heads check needs onnx: pip install 'featurecast[train]'")
    from task_heads.conformance import check_head

    found = check_head(EXAMPLE, core.spec, browser=BROWSER)
    assert found.problems == ()
    assert found.bytes is not None and found.bytes <= SIZE


def test_it_says_what_it_said_when_it_was_exported():
    players = Registry(installed=False).get("player_tracking").folder
    assert golden_problems(EXAMPLE.parent / "tests" / "vectors", [players, EXAMPLE]) == []


def test_it_finds_referees(data_root, core):
    """As well as its manifest says; `evaluate heads` measures the report split."""
    pytest.importorskip("torch", reason="network.py needs torch: pip install 'featurecast[train]'")
    figures = {f.name: f.value for f in example_figures(data_root, core, lambda _: None, split="validation")}
    told = {metric.name: metric.value for metric in load_manifest(EXAMPLE).metrics}
    assert figures["example_recall"] == pytest.approx(told["recall"], abs=0.02)
    assert figures["example_precision"] == pytest.approx(told["precision"], abs=0.02)


def test_without_the_pictures_nothing_is_claimed(core, tmp_path):
    with pytest.raises(NotMeasured, match="is not here"):
        example_figures(tmp_path, core, lambda _: None)
