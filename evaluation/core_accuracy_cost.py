"""The core's time beside a network of the usual kind, measured in turns so that a busy machine slows both."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core_network.catalogue import Core
from evaluation.baselines.small_backbone import write_small_backbone
from evaluation.models.running import measure_running

__all__ = ["CoreCost", "measure_cost"]

_TURNS, _RUNS = 5, 40


@dataclass(frozen=True)
class CoreCost:
    """Median ms of one run on one thread, in CPU time: other work on the machine lengthens it less."""

    core_ms: float
    reference_ms: float

    @property
    def ratio(self) -> float:
        """The core's time in units of the reference's."""
        return self.core_ms / self.reference_ms


def measure_cost(core: Core, tick: Callable[[], None]) -> CoreCost:
    """Run both int8 graphs in turns; `tick` hears of each. Raises DetectorError when one cannot run."""
    spec = core.spec
    with tempfile.TemporaryDirectory() as scratch:
        reference = Path(scratch) / "reference.onnx"
        write_small_backbone(reference, (spec.input_height, spec.input_width))
        times: dict[Path, list[float]] = {core.model_path: [], reference: []}
        for _ in range(_TURNS):
            for model, spent in times.items():
                spent.append(measure_running(model, _RUNS).cpu_ms)
                tick()
    return CoreCost(*(median(spent) for spent in times.values()))
