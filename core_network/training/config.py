"""What a training run is: the YAML of `featurecast train core`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core_network.training.network import Architecture

__all__ = ["Stage", "TrainingConfig", "config_of"]


@dataclass(frozen=True)
class Stage:
    """One part of the schedule; the learning rate falls as a cosine from `learning_rate` to 2 % of it.

    `mix` gives the share of each source of pictures, `full_share` how many are shown whole, as the encoder
    will see them, `hard_share` how many of the others show a place where the network erred before the stage,
    `sheet_share` how many of those that label the ball alone are sheets of parts of four pictures,
    `paste_share` how many get copies of people and balls (see `pasting`), `shade_share` how many a shade,
    `motion_gain` what the first layer's weights for motion are multiplied by as the stage begins,
    `box_weight` and `ball_weight` the weights of the box loss and of the ball's. With `rate_weight` (loss
    per kB) it quantises.
    """

    name: str
    steps: int
    learning_rate: float
    mix: dict[str, float]
    full_share: float = 0.55
    hard_share: float = 0.0
    sheet_share: float = 0.0
    paste_share: float = 0.0
    shade_share: float = 0.0
    motion_gain: float = 1.0
    box_weight: float = 3.0
    ball_weight: float = 1.0
    rate_weight: float = 0.0
    imitation: float = 0.0
    reconstruction: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """A run; `input` is (height, width) of the network.

    `procedural` is the folder of rendered scenes, `pseudo_labelled` that of pictures with teachers' labels.
    """

    name: str
    seed: int
    output: Path
    procedural: Path
    pseudo_labelled: Path
    batch: int
    input: tuple[int, int]
    architecture: Architecture
    stages: tuple[Stage, ...]

    @classmethod
    def load(cls, path: Path) -> TrainingConfig:
        """Read a YAML file; raises ValueError naming what is unknown or missing."""
        if not path.is_file():
            raise ValueError(
                f"{path}: expected a training configuration, there is no such file; see configs/core.yaml"
            )
        try:
            return config_of(yaml.safe_load(path.read_text()))
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: expected the keys of configs/core.yaml: {error}") from error


def config_of(document: Mapping[str, Any]) -> TrainingConfig:
    """Return the run that a YAML's document describes.

    Raises KeyError or TypeError for keys that it lacks or should not have.
    """
    keys = dict(document)
    network: Any = {k: tuple(v) if isinstance(v, list) else v for k, v in keys.pop("architecture").items()}
    height, width = keys.pop("input")
    return TrainingConfig(
        name=keys.pop("name"),
        seed=int(keys.pop("seed")),
        output=Path(keys.pop("output")),
        procedural=Path(keys.pop("procedural")),
        pseudo_labelled=Path(keys.pop("pseudo_labelled")),
        batch=int(keys.pop("batch")),
        input=(int(height), int(width)),
        architecture=Architecture(**network),
        stages=tuple(Stage(**stage) for stage in keys.pop("stages")),
        **keys,
    )
