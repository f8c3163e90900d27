"""The core's time beside a network of the usual kind, measured in turns so that a busy machine slows both."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from core_network.catalogue import Core
from evaluation.baselines.small_backbone import write_small_backbone
from evaluation.metrics.bootstrap import Interval, interval
from evaluation.split.session import Arrays, Session, example_feeds

__all__ = ["CoreCost", "measure_cost"]

_TURNS, _RUNS = 30, 6

Turn = tuple[float, float]


@dataclass(frozen=True)
class CoreCost:
    """Ms of one run on one thread in CPU time (other work on the machine lengthens it less): each turn's
    medians of the core and of the reference."""

    turns: Sequence[Turn]

    @property
    def core_ms(self) -> float:
        """Median over the turns."""
        return median(core for core, _ in self.turns)

    @property
    def reference_ms(self) -> float:
        """Median over the turns."""
        return median(reference for _, reference in self.turns)

    @property
    def ratio(self) -> float:
        """The core's time in units of the reference's."""
        return self.core_ms / self.reference_ms

    def spread(self, value: Callable[[CoreCost], float]) -> Interval:
        """Return the interval of a value of this class over resampled turns."""
        return interval(self.turns, lambda drawn: value(CoreCost(drawn)))


def measure_cost(core: Core, tick: Callable[[], None]) -> CoreCost:
    """Run both int8 graphs in turns; `tick` hears of each turn. Raises DetectorError when one cannot run."""
    spec = core.spec
    with tempfile.TemporaryDirectory() as scratch:
        reference = Path(scratch) / "reference.onnx"
        write_small_backbone(reference, (spec.input_height, spec.input_width))
        sessions = Session(core.model_path), Session(reference)
    feeds = [example_feeds(session) for session in sessions]
    turns = list[Turn]()
    for _ in range(_TURNS):
        ours, other = (_median_ms(*pair) for pair in zip(sessions, feeds, strict=True))
        turns.append((ours, other))
        tick()
    return CoreCost(turns)


def _median_ms(session: Session, feeds: Arrays) -> float:
    spent = []
    session.run(feeds)  # brings its weights back into the caches
    for _ in range(_RUNS):
        started = time.process_time()
        session.run(feeds)
        spent.append((time.process_time() - started) * 1e3)
    return median(spent)
