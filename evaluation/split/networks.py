"""Whole detection networks as one graph each: core network and head joined, shipped or from checkpoints.

A head keeps state between frames; here it sees every picture as the first after a reset, so that the whole is
a function of its inputs: the state, the settings and what it needs from other heads become constants.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, numpy_helper

from core_network.catalogue import Core, default_core
from core_network.motion import PLANES
from evaluation.split.cutting import subgraph
from evaluation.split.detector import UNROUNDED, Detector, DetectorError, write_detector
from task_heads.manifest import BoxesDraw, HeadError, Manifest, load_manifest
from task_heads.registry import Registry
from task_heads.runner import read_model

__all__ = ["CONVERTIBLE", "LATENT", "Convertible", "convertible", "joined", "rounding", "shipped_network"]

LATENT = "latent"
"""The tensor between core and head: what features travel as."""
DETECTIONS = "detections"
_PREFIX = "head/"
_FINEST = "lossless"


@dataclass(frozen=True)
class Convertible:
    """A kind of trained network that becomes one graph; `build` takes the checkpoints in this order."""

    summary: str
    checkpoints: tuple[str, ...]
    build: Callable[[Sequence[Path]], ModelProto]


def shipped_network(core: Core | None = None, head: str = "player_tracking") -> ModelProto:
    """Return the shipped int8 core and a shipped head as one graph; raises HeadError or DetectorError."""
    core = core or default_core()
    folder = Registry().get(head).folder
    manifest = load_manifest(folder)
    if manifest.spec.fingerprint != core.spec.fingerprint:
        raise DetectorError(
            f"head {head} was trained on the features of {manifest.spec.name} "
            f"({manifest.spec.fingerprint[:8]}), not on {core.spec.name} ({core.spec.fingerprint[:8]}); "
            "train and export it again"
        )
    graph = rounding(onnx.load(core.model_path), core.spec.steps[_FINEST])
    return joined(graph, folder, core.spec.fingerprint)


def rounding(core: ModelProto, steps: Sequence[float]) -> ModelProto:
    """Return a core whose latent is rounded to `steps` (one per channel), as rate `lossless` sends it.

    Rounding is a part of the network: heads learn from what is behind it alone. The latent before stays an
    output, for coarser rates. The core's own limit keeps every symbol within the range of the wire.
    """
    for node in core.graph.node:
        node.output[:] = [UNROUNDED if name == LATENT else name for name in node.output]
    before = onnx.ValueInfoProto()
    before.CopyFrom(next(value for value in core.graph.output if value.name == LATENT))
    before.name = UNROUNDED
    core.graph.output.append(before)
    scale = np.array(steps, np.float32).reshape(1, -1, 1, 1)
    core.graph.initializer.append(numpy_helper.from_array(scale, "finest_step"))
    core.graph.node.extend(
        [
            onnx.helper.make_node("Div", [UNROUNDED, "finest_step"], ["in_steps"]),
            onnx.helper.make_node("Round", ["in_steps"], ["symbols"]),
            onnx.helper.make_node("Mul", ["symbols", "finest_step"], [LATENT]),
        ]
    )
    return core


def joined(core: ModelProto, head_folder: Path, fingerprint: str | None = None) -> ModelProto:
    """Return core and head as one graph image -> detections, the latent between them exposed by name.

    Raises DetectorError when the latent's shape is not the head's, or the head draws no boxes.
    """
    manifest = load_manifest(head_folder)
    head = onnx.load_from_string(read_model(head_folder, manifest))
    table = _boxes_output(manifest)
    _check_latent(core, manifest)
    head = subgraph(_without_state(head, manifest), ["features", "view"], [table])
    head = onnx.compose.add_prefix(head, _PREFIX)
    core = subgraph(
        core, [value.name for value in core.graph.input], [value.name for value in core.graph.output]
    )
    _agree(core, head)
    whole: ModelProto = onnx.compose.merge_models(
        core,
        head,
        io_map=[(LATENT, f"{_PREFIX}features")],
        outputs=[*(value.name for value in core.graph.output if value.name != LATENT), _PREFIX + table],
    )
    _rename(whole, {f"{_PREFIX}view": "view", _PREFIX + table: DETECTIONS})
    whole.graph.name = f"{manifest.name} on its core"
    write_detector(
        whole,
        Detector(manifest.output(table).columns, manifest.labels or (manifest.name,), LATENT, fingerprint),
    )
    onnx.checker.check_model(whole)
    return whole


def _from_checkpoints(checkpoints: Sequence[Path]) -> ModelProto:
    # torch loads here, where somebody converts: the other tools run without it.
    from core_network.training.export import RATE_STEPS
    from task_heads.training.export import export_head

    core, head = checkpoints
    with tempfile.TemporaryDirectory() as scratch:
        finest = RATE_STEPS[_FINEST]
        graph = _core_graph(core, Path(scratch))
        channels = graph.graph.output[0].type.tensor_type.shape.dim[1].dim_value
        graph = rounding(graph, [finest] * channels)
        return joined(graph, export_head(head, Path(scratch) / "head"))


def _core_alone(checkpoints: Sequence[Path]) -> ModelProto:
    with tempfile.TemporaryDirectory() as scratch:
        return _core_graph(checkpoints[0], Path(scratch))


def _baseline(checkpoints: Sequence[Path]) -> ModelProto:
    from evaluation.baselines.export import from_checkpoint

    return from_checkpoint(checkpoints[0])


def _core_graph(checkpoint: Path, scratch: Path) -> ModelProto:
    from core_network.training.export import export_float, load_trained_core

    trained, _ = load_trained_core(checkpoint)
    export_float(trained, scratch / "core.onnx")
    return _taking_bytes(onnx.load(scratch / "core.onnx"))


def _taking_bytes(core: ModelProto) -> ModelProto:
    """Return the float graph x [1, 5, H, W] in -2..2 as one that takes bytes, `planes` [1, H, W, 6]."""
    graph = core.graph
    (x,) = graph.input
    _, channels, height, width = (size.dim_value for size in x.type.tensor_type.shape.dim)
    steps = [
        onnx.helper.make_node("Cast", ["planes"], ["levels"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("Transpose", ["levels"], ["channels_first"], perm=[0, 3, 1, 2]),
        onnx.helper.make_node("Slice", ["channels_first", "first", "channels", "axis"], ["seen"]),
        onnx.helper.make_node("Div", ["seen", "byte_scale"], ["scaled"]),
        onnx.helper.make_node("Sub", ["scaled", "byte_zero"], [x.name]),
    ]
    for position, node in enumerate(steps):
        graph.node.insert(position, node)
    for name, value in (("byte_scale", 64.0), ("byte_zero", 2.0)):
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.float32), name))
    for name, place in (("first", 0), ("channels", channels), ("axis", 1)):
        graph.initializer.append(numpy_helper.from_array(np.array([place], np.int64), name))
    del graph.input[:]
    graph.input.append(
        onnx.helper.make_tensor_value_info("planes", onnx.TensorProto.UINT8, (1, height, width, PLANES))
    )
    onnx.checker.check_model(core)
    return core


CONVERTIBLE: dict[str, Convertible] = {
    "shipped": Convertible("the shipped core (int8) with the player head", (), lambda _: shipped_network()),
    "player": Convertible(
        "a trained core (float32) with a trained head", ("CORE.pt", "HEAD.pt"), _from_checkpoints
    ),
    "core": Convertible("a trained core (float32) alone", ("CORE.pt",), _core_alone),
    "baseline": Convertible("a trained baseline system", ("CHECKPOINT.pt",), _baseline),
}
"""Networks by the name that `convert` takes; a baseline adds its own line here."""


def convertible(name: str, checkpoints: Sequence[Path]) -> ModelProto:
    """Return the graph of a convertible network; raises DetectorError, HeadError or OSError."""
    if name not in CONVERTIBLE:
        raise DetectorError(
            f"expected an ONNX file or one of the networks {', '.join(CONVERTIBLE)}, got {name}"
        )
    kind = CONVERTIBLE[name]
    if len(checkpoints) != len(kind.checkpoints):
        wanted = " ".join(kind.checkpoints) or "no checkpoint"
        raise DetectorError(
            f"network {name} expects {wanted}, got {' '.join(map(str, checkpoints)) or 'none'}"
        )
    for path in checkpoints:
        if not path.is_file():
            raise DetectorError(
                f"{path}: expected a checkpoint that `featurecast train` wrote, found no file"
            )
    return kind.build(checkpoints)


def _boxes_output(manifest: Manifest) -> str:
    drawn = sorted(
        (draw for draw in manifest.draw if isinstance(draw, BoxesDraw)), key=lambda draw: draw.when != "all"
    )
    if not drawn:
        raise DetectorError(f"head {manifest.name}: expected a head that draws boxes, it draws none")
    return drawn[0].output


def _check_latent(core: ModelProto, manifest: Manifest) -> None:
    outputs = {value.name: value for value in core.graph.output}
    if LATENT not in outputs:
        raise DetectorError(f"expected a core with the output {LATENT}, got {', '.join(outputs) or 'none'}")
    sizes = [size.dim_value for size in outputs[LATENT].type.tensor_type.shape.dim]
    if tuple(sizes) != (1, *manifest.spec.shape):
        raise DetectorError(
            f"head {manifest.name} expects a latent {[1, *manifest.spec.shape]}, the core gives {sizes}"
        )


def _without_state(head: ModelProto, manifest: Manifest) -> ModelProto:
    """Return the head with everything but features and view fixed as after a reset."""
    fixed: Mapping[str, float] = {
        "dt": 0.0,
        **{setting.name: setting.default for setting in manifest.settings},
        **{tensor.name: tensor.init for tensor in manifest.state},
        **dict.fromkeys(manifest.needed_inputs(), 0.0),
    }
    bound = ModelProto()
    bound.CopyFrom(head)
    kept = [value for value in head.graph.input if value.name not in fixed]
    unknown = [value.name for value in kept if value.name not in ("features", "view")]
    if unknown:
        raise HeadError(f"head {manifest.name}: its graph has the input {unknown[0]}, its manifest does not")
    for value in head.graph.input:
        if value.name in fixed:
            shape = [size.dim_value for size in value.type.tensor_type.shape.dim]
            constant = np.full(shape, fixed[value.name], np.float32)
            bound.graph.initializer.append(numpy_helper.from_array(constant, value.name))
    del bound.graph.input[:]
    bound.graph.input.extend(kept)
    inferred: ModelProto = onnx.shape_inference.infer_shapes(bound, data_prop=True)
    return inferred


def _agree(core: ModelProto, head: ModelProto) -> None:
    """Give both graphs one IR version and one set of operator versions, as merging wants."""
    version = max(core.ir_version, head.ir_version)
    versions = {(entry.domain, entry.version) for entry in (*core.opset_import, *head.opset_import)}
    main = sorted({version for domain, version in versions if not domain})
    if len(main) != 1:
        raise DetectorError(
            f"expected core and head at one opset, got {', '.join(map(str, main))}; export both again"
        )
    used = {node.domain for node in (*core.graph.node, *head.graph.node)} | {""}
    for model in (core, head):
        model.ir_version = version
        del model.opset_import[:]
        model.opset_import.extend(
            onnx.helper.make_opsetid(domain, number) for domain, number in sorted(versions) if domain in used
        )


def _rename(model: ModelProto, names: Mapping[str, str]) -> None:
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in model.graph.node:
        for group in (node.input, node.output):
            for position, name in enumerate(group):
                group[position] = names.get(name, name)
