"""The core networks that come with the package: weights, spec and entropy tables, one folder each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from core_network.spec import FeatureSpec

__all__ = ["DEFAULT_CORE", "MODELS", "Core", "core_with", "default_core", "load_core", "shipped_cores"]

DEFAULT_CORE = "core-v6"
MODELS = Path(__file__).parent / "models"


@dataclass(frozen=True)
class Core:
    """One core network on disk. Older ones stay, so that old recordings play."""

    folder: Path
    spec: FeatureSpec

    @property
    def model_path(self) -> Path:
        """The ONNX graph."""
        return self.folder / "core.onnx"

    def tables_path(self, rate: str) -> Path:
        """Return where the entropy tables lie that were fitted to this core's features at a rate."""
        return self.folder / f"tables-{rate}.bin"


def load_core(folder: Path) -> Core:
    """Read a core's folder; raises ValueError in one line when it is not one."""
    path = folder / "spec.json"
    if not path.is_file():
        raise ValueError(
            f"{folder}: expected a core network's folder with spec.json, core.onnx and tables-*.bin"
        )
    return Core(folder, FeatureSpec.from_json(json.loads(path.read_text())))


def shipped_cores() -> list[Core]:
    """Return every core that comes with the package, by name."""
    return [load_core(path.parent) for path in sorted(MODELS.glob("*/spec.json"))]


def default_core() -> Core:
    """Return the core that broadcasts use unless told otherwise."""
    return load_core(MODELS / DEFAULT_CORE)


def core_with(fingerprint: str) -> Core:
    """Return the shipped core with this fingerprint; raises KeyError when there is none."""
    for core in shipped_cores():
        if core.spec.fingerprint == fingerprint:
            return core
    raise KeyError(fingerprint)
