"""What the export folds into the graph's weights."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest

torch = pytest.importorskip("torch", reason="exports need torch: pip install 'featurecast[train]'")

from task_heads.training.graph import export_graph  # noqa: E402

torch.set_num_threads(1)  # small tensors: a second thread only waits


def test_normalisation_before_a_linear_layer_goes_into_its_weights():
    torch.manual_seed(2)
    head = torch.nn.Sequential(torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 3), torch.nn.ReLU())
    head[0].running_mean.uniform_(-2, 2)
    head[0].running_var.uniform_(0.5, 3)
    torch.nn.init.uniform_(head[0].weight)
    torch.nn.init.uniform_(head[0].bias)
    values = torch.randn(4, 5)
    model = export_graph(head, {"values": values}, ["said"])
    graph = onnx.load_from_string(model).graph
    assert {node.op_type for node in graph.node} == {"Gemm", "Relu"}
    assert len(graph.initializer) == 2
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    said = session.run(["said"], {"values": values.numpy()})[0]
    np.testing.assert_allclose(said, head(values).detach().numpy(), atol=1e-6)
