"""From a torch module to the bytes of `head.onnx`: export and strip what the exporter adds."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
import torch
from torch import Tensor, nn

__all__ = ["OPSET", "export_graph"]

OPSET = 18


def export_graph(head: nn.Module, inputs: Mapping[str, Tensor], outputs: Sequence[str]) -> bytes:
    """Return the ONNX bytes of a head in eval mode for these example inputs; shapes become fixed."""
    head.eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        program = torch.onnx.export(
            head,
            tuple(inputs.values()),
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            opset_version=OPSET,
            verbose=False,
        )
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    versions = {entry.domain: entry.version for entry in model.opset_import}
    if versions.get("") != OPSET:
        raise ValueError(
            f"expected an export at opset {OPSET}, the exporter chose {versions}; use torch 2.8 or later"
        )
    _strip(model)
    return bytes(model.SerializeToString())


def _strip(model: onnx.ModelProto) -> None:
    """Remove names, doc strings and metadata that the exporter adds; they are two thirds of the file."""
    graph = model.graph
    parts: list[Any] = [model, graph, *graph.node, *graph.initializer, *graph.input, *graph.output]
    for part in parts:
        if hasattr(part, "metadata_props"):
            del part.metadata_props[:]
        part.doc_string = ""
    del graph.value_info[:]
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
    short: dict[str, str] = {value.name: value.name for value in (*graph.input, *graph.output)}
    for initializer in graph.initializer:
        initializer.name = short.setdefault(initializer.name, f"w{len(short)}")
    for node in graph.node:
        node.name = ""
        for names in (node.input, node.output):
            for position, name in enumerate(names):
                if name:
                    names[position] = short.setdefault(name, f"t{len(short)}")
    graph.name = "head"
    onnx.checker.check_model(model, full_check=True)
