"""What a run is: the YAML of `featurecast train baseline`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from evaluation.baselines.feed import Source
from evaluation.baselines.systems import SYSTEMS, Settings

__all__ = ["BaselineConfig"]


@dataclass(frozen=True)
class BaselineConfig:
    """A run; it ends at `steps` or `minutes`. `initialise`: a file of weights."""

    name: str
    system: str
    labels: tuple[str, ...]
    seed: int
    output: Path
    train: tuple[Source, ...]
    validation: tuple[Source, ...]
    steps: int
    batch: int
    learning_rate: float
    validate_every: int
    settings: Settings = Settings()
    initialise: Path | None = None
    minutes: float = 60.0
    threads: int = 1

    @classmethod
    def load(cls, path: Path) -> BaselineConfig:
        """Read a YAML file; raises ValueError in one line."""
        try:
            document: Any = yaml.safe_load(path.read_text())
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ValueError(f"{path}: expected a YAML file, got {str(error).splitlines()[0]}") from None
        if not isinstance(document, dict):
            raise ValueError(f"{path}: expected a mapping of settings, see configs/baselines/")
        try:
            config = cls(
                **{
                    **document,
                    "labels": tuple(map(str, document["labels"])),
                    "output": Path(document["output"]),
                    "train": tuple(Source.parse(entry) for entry in document["train"]),
                    "validation": tuple(Source.parse(entry) for entry in document["validation"]),
                    "settings": Settings.parse(document.get("settings") or {}),
                    "initialise": Path(document["initialise"]) if document.get("initialise") else None,
                }
            )
        except KeyError as error:
            raise ValueError(f"{path}: expected the key {error.args[0]}, it is missing") from None
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: {str(error).split('__init__() ')[-1]}") from None
        config._check(path)
        return config

    def _check(self, path: Path) -> None:
        if self.system not in SYSTEMS:
            raise ValueError(f"{path}: expected a system among {', '.join(SYSTEMS)}, got {self.system!r}")
        if not self.labels or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"{path}: expected labels that differ, got {list(self.labels)}")
        for name in ("steps", "batch", "validate_every", "minutes", "learning_rate", "threads"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{path}: {name}: expected more than 0, got {getattr(self, name)}")

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, for the record of the run."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
