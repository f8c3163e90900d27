"""People as one label: whether somebody is a goalkeeper or a referee is another task."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.datasets.types import Dataset, only, relabelled

__all__ = ["PERSON", "people_only"]

PERSON = "person"


def people_only(dataset: Dataset, besides: Sequence[str] = ("ball",)) -> Dataset:
    """Return the dataset without the labels `besides`, all others as PERSON."""
    people = [label for label in dataset.labels if label not in besides]
    return relabelled(only(dataset, people), dict.fromkeys(people, PERSON))
