"""The example head on the pictures that took no part in its training nor in the choice of its threshold."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from core_network.catalogue import Core
from evaluation.bench.figure import Figure, NotMeasured

__all__ = ["EXAMPLE", "example_figures"]

EXAMPLE = Path(__file__).parents[1] / "examples" / "referee_spotting" / "referee_spotting"

_PICTURES = Path("images/football_players_yolo")
_CLASSES = ("ball", "goalkeeper", "player", "referee")
_WANTED = 0.6


def example_figures(
    root: Path, core: Core, report: Callable[[str], None], split: str = "report"
) -> list[Figure]:
    """Return recall and precision of the referees found in the stills of a split, IoU >= 0.5.

    As docs/write-a-head.md does it: features recorded at rate default, measured by the head's own network.py.
    Raises NotMeasured outside a checkout or without the stills, HeadError when the head is for another core.
    """
    # PyTorch is an extra: only here is it needed.
    from task_heads.dataset import DatasetWriter
    from task_heads.training.outside import measure_head
    from task_heads.training.pictures import write_views
    from task_heads.training.yolo import BALL, labelled_folder

    pictures = root / _PICTURES
    for folder in (EXAMPLE, pictures / "images"):
        if not folder.is_dir():
            raise NotMeasured(f"{folder} is not here")
    report(f"example: pictures of the {split} split")
    stills = labelled_folder(pictures / "images", pictures / "labels", _CLASSES, split)
    with tempfile.TemporaryDirectory(prefix="featurecast-example-") as scratch:
        labels = [name for name in _CLASSES if name != BALL]
        with DatasetWriter(scratch, core.spec, labels) as dataset:
            write_views(dataset, core, [(still, 1) for still in stills], seed=1, whole_at="default")
        found = measure_head(EXAMPLE, Path(scratch))
    return [
        Figure(
            f"example_{name}",
            f"Example head: {name} on {len(stills)} pictures of the {split} split",
            found[name],
            at_least=_WANTED,
        )
        for name in ("recall", "precision")
    ]
