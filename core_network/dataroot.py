"""Where the real clips, labels and teacher weights lie, when they are there at all."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["data_root"]


def data_root(chosen: str | Path | None = None) -> Path | None:
    """Return the folder with `splits.csv`, or None when it is absent.

    Order: `chosen` (the `--data` option), else the environment variable FEATURECAST_DATA, else
    `../shared/data` beside the repository.
    """
    candidates = (
        [Path(chosen)]
        if chosen
        else [Path(os.environ["FEATURECAST_DATA"])]
        if os.environ.get("FEATURECAST_DATA")
        else [Path("../shared/data"), Path(__file__).resolve().parents[2] / "shared" / "data"]
    )
    for folder in candidates:
        if (folder / "splits.csv").is_file():
            return folder
    return None
