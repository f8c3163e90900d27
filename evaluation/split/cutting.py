"""Cuts an ONNX graph in two at named tensors.

    inputs -> part 1 -> cut tensors -> part 2 -> outputs

The whole that both parts are compared with puts the cut tensors out as well: onnxruntime may then not fuse
across the cut, so that the same kernels run in the whole and in the parts.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import onnx
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

__all__ = ["Candidate", "CutError", "Parts", "candidates", "cut", "exposed", "narrowest_map", "subgraph"]

_LISTED = 8


class CutError(ValueError):
    """A graph that cannot be cut there: one line with what was expected and what to name instead."""


@dataclass(frozen=True)
class Candidate:
    """A tensor that alone separates the graph; `shape` holds 0 where a size is not fixed."""

    name: str
    shape: tuple[int, ...]

    @property
    def elements(self) -> int:
        """Numbers in the tensor, free sizes counted as 1."""
        return math.prod(size or 1 for size in self.shape)

    def __str__(self) -> str:
        """Return the name and the shape."""
        return f"{self.name} [{'x'.join(str(size or '?') for size in self.shape)}]"


@dataclass(frozen=True)
class Parts:
    """A graph cut in two: `first` puts out `tensors` and what needs no second part; `second` the rest."""

    whole: ModelProto
    first: ModelProto
    second: ModelProto
    tensors: tuple[str, ...]


def cut(model: ModelProto, tensors: Sequence[str]) -> Parts:
    """Return both parts and the whole with the cut exposed.

    Raises CutError for an unknown tensor, one that is an input or output, or a cut that something passes by.
    """
    inferred = _inferred(model)
    _check_names(inferred, tensors)
    behind = _depending(inferred.graph, tensors)
    outputs = [value.name for value in inferred.graph.output]
    later = [name for name in outputs if name in behind and name not in tensors]
    if not later:
        raise CutError(f"no output depends on {', '.join(tensors)}; {_suggestions(inferred)}")
    earlier = [name for name in outputs if name not in behind and name not in tensors]
    first = subgraph(inferred, [value.name for value in inferred.graph.input], [*tensors, *earlier])
    used = {value.name for value in first.graph.input}
    free = [value.name for value in inferred.graph.input]
    second = subgraph(inferred, [*tensors, *free], later)
    passing = sorted(used & {value.name for value in second.graph.input} - set(tensors))
    if passing:
        raise CutError(
            f"the cut at {', '.join(tensors)} does not separate the graph: part 2 also needs the input "
            f"{', '.join(passing)} past it; {_suggestions(inferred)}"
        )
    return Parts(exposed(inferred, tensors), first, second, tuple(tensors))


def exposed(model: ModelProto, tensors: Sequence[str]) -> ModelProto:
    """Return a copy of the graph that also puts out `tensors`."""
    inferred = _inferred(model)
    _check_names(inferred, tensors)
    known = _values(inferred.graph)
    whole = ModelProto()
    whole.CopyFrom(inferred)
    there = {value.name for value in whole.graph.output}
    whole.graph.output.extend(known[name] for name in tensors if name not in there)
    onnx.checker.check_model(whole)
    return whole


def subgraph(model: ModelProto, inputs: Iterable[str], outputs: Sequence[str]) -> ModelProto:
    """Return the graph that computes `outputs` from those of `inputs` that it needs.

    Raises CutError when the outputs need something else, or a tensor's type is not known.
    """
    graph, allowed = model.graph, set(inputs)
    maker = {name: node for node in graph.node for name in node.output if name}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    values = _values(graph)
    wanted, seen = list(outputs), set[str]()
    nodes, weights, feeds = set[int](), set[str](), set[str]()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in constants:
            weights.add(name)
        elif name in allowed:
            feeds.add(name)
        elif name in maker:
            node = maker[name]
            nodes.add(id(node))
            wanted.extend(_needed(node))
        else:
            raise CutError(f"{outputs[0]} needs {name}, which is neither an input nor computed")
    untyped = sorted(name for name in (*feeds, *outputs) if name not in values)
    if untyped:
        raise CutError(f"{untyped[0]}: expected a tensor of known type; onnx cannot tell it, cut elsewhere")
    part = onnx.helper.make_graph(
        [node for node in graph.node if id(node) in nodes],
        graph.name or "part",
        [values[name] for name in sorted(feeds)],
        [values[name] for name in outputs],
        [tensor for tensor in graph.initializer if tensor.name in weights],
        value_info=[value for value in graph.value_info if value.name in seen - feeds - set(outputs)],
    )
    built = onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    built.metadata_props.extend(model.metadata_props)
    onnx.checker.check_model(built)
    return built


def candidates(model: ModelProto) -> list[Candidate]:
    """Return the tensors that alone separate the pictures from the outputs, in the order they are computed.

    Pictures are inputs of three dimensions and more; numbers about them, such as `view`, may join later.
    """
    inferred = _inferred(model)
    graph = inferred.graph
    pictures = {value.name for value in graph.input if len(_shape(value)) >= 3}
    last_use = {name: position for position, node in enumerate(graph.node) for name in _needed(node)}
    values = _values(graph)
    tainted, crossing = set(pictures), set(pictures)
    found: dict[str, Candidate] = {}
    for position, node in enumerate(graph.node):
        if tainted & set(_needed(node)):
            tainted.update(filter(None, node.output))
            crossing.update(filter(None, node.output))
        crossing = {name for name in crossing if last_use.get(name, -1) > position}
        for name in crossing - pictures if len(crossing) == 1 else ():
            if name in values and _is_float(values[name]):
                found.setdefault(name, Candidate(name, _shape(values[name])))
    return list(found.values())


def narrowest_map(model: ModelProto) -> Candidate:
    """Return the map [1, C, h, w] of fewest numbers that alone separates the graph, the last of equals.

    Raises CutError where no map does.
    """
    maps = [one for one in candidates(model) if len(one.shape) == 4 and min(one.shape) > 0]
    if not maps:
        raise CutError("expected a map [1, C, h, w] that separates the graph, there is none")
    return min(reversed(maps), key=lambda one: one.elements)


def _is_float(value: ValueInfoProto) -> bool:
    return bool(value.type.tensor_type.elem_type in (TensorProto.FLOAT, TensorProto.FLOAT16))


def _shape(value: ValueInfoProto) -> tuple[int, ...]:
    return tuple(int(size.dim_value) for size in value.type.tensor_type.shape.dim)


def _inferred(model: ModelProto) -> ModelProto:
    inferred: ModelProto = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return inferred


def _values(graph: GraphProto) -> dict[str, ValueInfoProto]:
    return {value.name: value for value in (*graph.value_info, *graph.input, *graph.output)}


def _needed(node: NodeProto) -> list[str]:
    if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
        raise CutError(
            f"{node.op_type}: expected a graph without nested graphs; export it without control flow"
        )
    return [name for name in node.input if name]


def _depending(graph: GraphProto, tensors: Sequence[str]) -> set[str]:
    found = set(tensors)
    for node in graph.node:
        if found & set(_needed(node)):
            found.update(filter(None, node.output))
    return found


def _check_names(model: ModelProto, tensors: Sequence[str]) -> None:
    if not tensors:
        raise CutError(f"no tensor named to cut at; {_suggestions(model)}")
    computed = {name for node in model.graph.node for name in node.output if name}
    for name in tensors:
        if name not in computed:
            near = difflib.get_close_matches(name, computed, 3)
            hint = f"did you mean {', '.join(near)}? " if near else ""
            raise CutError(f"the graph computes no tensor {name}; {hint}{_suggestions(model)}")


def _suggestions(model: ModelProto) -> str:
    found = candidates(model)
    if not found:
        return "no single tensor separates this graph: name several"
    # Of tensors of one shape, the last is nearest to what follows, and one is enough to see where it is.
    of_shape = {candidate.shape: candidate for candidate in found}
    return "these separate it alone: " + ", ".join(map(str, list(of_shape.values())[-_LISTED:]))
