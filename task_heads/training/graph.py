"""From a torch module to the bytes of `head.onnx`: export, fold, strip what the exporter adds."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
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
    _fold_normalisation(model)
    _strip(model)
    return bytes(model.SerializeToString())


def _fold_normalisation(model: onnx.ModelProto) -> None:
    """Put each BatchNormalization that only a Gemm reads into the Gemm's weights; neither the exporter nor
    onnxruntime does it."""
    graph = model.graph
    stored = {initializer.name: initializer for initializer in graph.initializer}

    def value(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
        return numpy_helper.to_array(stored[name]).astype(np.float64)

    for node in [node for node in graph.node if node.op_type == "BatchNormalization"]:
        readers = [other for other in graph.node if node.output[0] in other.input]
        if len(readers) != 1 or readers[0].op_type != "Gemm" or len(readers[0].input) != 3:
            continue
        settings = {part.name: part.i for part in readers[0].attribute if part.type == part.INT}
        if readers[0].input[0] != node.output[0] or not settings.get("transB") or settings.get("transA"):
            continue
        _, weight, bias = readers[0].input
        gain, shift, mean, variance = map(value, node.input[1:])
        epsilon = next((part.f for part in node.attribute if part.name == "epsilon"), 1e-5)
        scale = gain / np.sqrt(variance + epsilon)
        folded = {
            weight: value(weight) * scale,
            bias: value(bias) + value(weight) @ (shift - mean * scale),
        }
        for position, name in enumerate((weight, bias), 1):
            tensor = numpy_helper.from_array(folded[name].astype(np.float32), f"{name}_folded")
            graph.initializer.append(tensor)
            readers[0].input[position] = tensor.name
        readers[0].input[0] = node.input[0]
        graph.node.remove(node)
    read = {name for node in graph.node for name in node.input}
    for initializer in [one for one in graph.initializer if one.name not in read]:
        graph.initializer.remove(initializer)


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
