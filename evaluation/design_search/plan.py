"""What is searched: the YAML with its points, each with what was predicted before it was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core_network.spec import RATES
from core_network.training.config import TrainingConfig, config_of
from stream.bitstream import ANCHOR_INTERVAL, KEY_INTERVAL

__all__ = ["CodingPoint", "Plan", "Point", "TrainingPoint", "load_plan"]


@dataclass(frozen=True)
class TrainingPoint:
    """A short run; `changed` says in words how it differs from the others' base."""

    name: str
    changed: str
    predicted: str
    config: TrainingConfig

    @property
    def digest(self) -> str:
        """What tells runs with other settings apart."""
        return hashlib.sha256(repr(self.config).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class CodingPoint:
    """A way to code the default core's features.

    `clusters`: the most tables of each kind, fitted anew; None takes the shipped tables.
    """

    name: str
    predicted: str
    rate: str
    key_interval: int
    anchor_interval: int
    clusters: tuple[int, int, int] | None

    @property
    def digest(self) -> str:
        """What tells other ways to code apart."""
        way = (self.rate, self.key_interval, self.anchor_interval, self.clusters)
        return hashlib.sha256(repr(way).encode()).hexdigest()[:12]


Point = TrainingPoint | CodingPoint


@dataclass(frozen=True)
class Plan:
    """Points in the order of the YAML; `output` is where each keeps its figures."""

    output: Path
    training: tuple[TrainingPoint, ...]
    coding: tuple[CodingPoint, ...]

    @property
    def points(self) -> list[Point]:
        """Every point, networks first."""
        return [*self.training, *self.coding]


def load_plan(path: Path) -> Plan:
    """Read a plan; raises ValueError naming what is missing, unknown or there twice."""
    if not path.is_file():
        raise ValueError(f"{path}: expected a search, there is no such file; see configs/search.yaml")
    document = yaml.safe_load(path.read_text())
    try:
        output = Path(document["output"])
        training = tuple(_training(point, document["base"], output) for point in document["training"])
        coding = tuple(_coding(point) for point in document["coding"])
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected the keys of configs/search.yaml: {error}") from error
    plan = Plan(output, training, coding)
    names = [point.name for point in plan.points]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: expected names that differ, got {', '.join(twice)} twice")
    return plan


def _training(point: Mapping[str, Any], base: Mapping[str, Any], output: Path) -> TrainingPoint:
    name = str(point["name"])
    changes: Mapping[str, Any] = point.get("change") or {}
    unknown = sorted(set(changes) - {"input", "architecture", "stages"})
    if unknown:
        raise ValueError(f"point {name}: expected changes of input, architecture or stages, got {unknown}")
    document = {
        **base,
        "name": name,
        "output": str(output / name),
        "input": changes.get("input", base["input"]),
        "architecture": {**base["architecture"], **changes.get("architecture", {})},
        "stages": [{**stage, **changes.get("stages", {}).get(stage["name"], {})} for stage in base["stages"]],
    }
    return TrainingPoint(name, _words(changes) or "-", str(point["predicted"]), config_of(document))


def _words(changes: Mapping[str, Any]) -> str:
    """Return changes as "key value" of the innermost keys."""
    return ", ".join(
        _words(value) if isinstance(value, Mapping) else f"{key} {value}" for key, value in changes.items()
    )


def _coding(point: Mapping[str, Any]) -> CodingPoint:
    rate, clusters = str(point.get("rate", "default")), point.get("clusters")
    if rate not in RATES:
        raise ValueError(f"point {point['name']}: expected a rate among {', '.join(RATES)}, got {rate}")
    block, group, value = clusters or (0, 0, 0)
    return CodingPoint(
        str(point["name"]),
        str(point["predicted"]),
        rate,
        int(point.get("key_interval", KEY_INTERVAL)),
        int(point.get("anchor_interval", ANCHOR_INTERVAL)),
        (int(block), int(group), int(value)) if clusters else None,
    )
