"""Where a network stands beside ours: accuracy, and accuracy for each millisecond and each byte."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Standing", "verdict"]


@dataclass(frozen=True)
class Standing:
    """AP of the whole and ms of one run of it; AP of the split and its bytes per image. NaN: not measured."""

    name: str
    ap50: float
    ap: float
    ms: float
    split_ap: float = math.nan
    split_bytes: float = math.nan

    @property
    def per_ms(self) -> float:
        """AP points (hundredths) per millisecond."""
        return 100 * self.ap / self.ms

    @property
    def per_kb(self) -> float:
        """AP points (hundredths) per 1000 bytes of an image's features."""
        return 1e5 * self.split_ap / self.split_bytes


def verdict(ours: Standing, rival: Standing) -> str:
    """Say in which of AP, AP per ms and AP per byte ours is ahead of a rival, and in which it is not."""
    pairs = (
        ("AP", ours.ap, rival.ap),
        ("AP per ms", ours.per_ms, rival.per_ms),
        ("AP per byte", ours.per_kb, rival.per_kb),
    )
    known = [(name, mine, its) for name, mine, its in pairs if not math.isnan(mine) and not math.isnan(its)]
    ahead = [name for name, mine, its in known if mine > its]
    behind = [name for name, mine, its in known if mine <= its]
    parts = [f"ours ahead in {', '.join(ahead)}"] if ahead else []
    parts += [f"not in {', '.join(behind)}"] if behind else []
    return "; ".join(parts) or "not compared"
