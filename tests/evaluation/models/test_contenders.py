from __future__ import annotations

import pytest

from evaluation.models.contenders import Contender, cost_of, shipped
from evaluation.models.running import measure_running
from evaluation.split.detector import DetectorError
from task_heads.registry import Registry


def test_the_core_and_its_heads_are_rows(core):
    rows = shipped(core)
    assert rows[0] == Contender(core.spec.name, "core network", core.model_path)
    assert {row.name for row in rows[1:]} <= set(Registry().names()) and len(rows) > 1


def test_a_head_is_counted_and_measured(core):
    head = next(row for row in shipped(core) if row.name == "ball_statistics")
    cost = cost_of(head, runs=2)
    assert cost.input.startswith("1x") and cost.parameters > 1000 and cost.macs > 1e6
    assert cost.ms > 0 and 0 < cost.growth_mb < cost.peak_mb
    assert set(cost.to_json()) >= {"name", "parameters", "macs", "ms", "cpu_ms", "peak_mb"}


def test_a_missing_or_broken_graph_is_named(tmp_path):
    with pytest.raises(DetectorError, match=r"rival: expected an ONNX file at .*rival.onnx, found none"):
        cost_of(Contender("rival", "other", tmp_path / "rival.onnx"))
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a graph")
    with pytest.raises(DetectorError, match=r"broken\.onnx"):
        cost_of(Contender("rival", "other", broken))
    with pytest.raises(DetectorError, match=r"broken\.onnx: cannot be measured: "):
        measure_running(broken, 1)
