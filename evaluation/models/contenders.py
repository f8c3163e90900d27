"""The networks whose cost is compared: ours, and any ONNX file beside them.

A contender is one row. A baseline system with its own row adds it to what `shipped` returns, or its user
names the file with `--also NAME=FILE`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import onnx

from core_network.catalogue import Core
from evaluation.models.counting import Count, count
from evaluation.models.running import measure_running
from evaluation.split.detector import DetectorError
from task_heads.manifest import MODEL_FILE
from task_heads.registry import Registry

__all__ = ["Contender", "Cost", "cost_of", "shipped"]


@dataclass(frozen=True)
class Contender:
    """A network: what it is called, what it does, its graph."""

    name: str
    role: str
    model: Path


@dataclass(frozen=True)
class Cost:
    """One row: counts as in `Count`, times and memory as in `Running`; `file_kb` is the graph on disk."""

    name: str
    role: str
    input: str
    parameters: int
    macs: int
    file_kb: float
    ms: float
    cpu_ms: float
    peak_mb: float
    growth_mb: float

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            key: round(value, 3) if isinstance(value, float) else value for key, value in asdict(self).items()
        }


def shipped(core: Core) -> list[Contender]:
    """Return the core network and every head for its features."""
    rows = [Contender(core.spec.name, "core network", core.model_path)]
    for head in Registry():
        if head.manifest is not None and head.manifest.spec.fingerprint == core.spec.fingerprint:
            rows.append(Contender(head.name, "head", head.folder / MODEL_FILE))
    return rows


def cost_of(contender: Contender, runs: int = 20, counted: Count | None = None) -> Cost:
    """Measure one network; raises DetectorError when it cannot be loaded, or counted because sizes are free.

    `counted`: what is known of it already, as for a system whose masks have as many rows as it finds.
    """
    if not contender.model.is_file():
        raise DetectorError(f"{contender.name}: expected an ONNX file at {contender.model}, found none")
    try:
        model = onnx.load(contender.model)
        counted = counted or count(model)
    except Exception as error:
        # Protobuf's decoding errors and onnx's inference errors have no common type.
        raise DetectorError(f"{contender.model}: {str(error).splitlines()[0]}") from error
    running = measure_running(contender.model, runs)
    first = model.graph.input[0]
    sizes = "x".join(str(size.dim_value) for size in first.type.tensor_type.shape.dim)
    return Cost(
        contender.name,
        contender.role,
        sizes,
        counted.parameters,
        counted.macs,
        contender.model.stat().st_size / 1e3,
        running.ms,
        running.cpu_ms,
        running.peak_mb,
        running.growth_mb,
    )
