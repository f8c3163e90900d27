"""The parts of `featurecast evaluate core`: what is measured, beside what was wanted of it."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from core_network.catalogue import Core
from core_network.spec import RATES
from evaluation.bench.figure import Figure
from evaluation.core_accuracy import (
    CoreAccuracy,
    FootballAccuracy,
    report_football,
    score_core,
    score_football,
)
from evaluation.datasets.people import people_only
from evaluation.gallery import write_gallery
from evaluation.metrics.bootstrap import Interval
from evaluation.metrics.paired import ap50_difference, f1_difference

__all__ = [
    "ASKED_FOR",
    "FROM_CHECKPOINT",
    "FROM_TABLES",
    "PARTS",
    "THROUGH_HEADS",
    "Measured",
    "Row",
    "Task",
]

FROM_CHECKPOINT = ("loss", "int8", "larger", "generality")
"""Parts that need the core's float weights."""
THROUGH_HEADS = ("accuracy", "clips", "int8", "teacher", "propagation")
"""Parts that change with the shipped heads; symbols arrive as they were sent, whatever the tables."""
FROM_TABLES = ("rates",)
"""Parts that change with the entropy tables."""
_COSTS_AT_MOST = {"default": 1.5, "low": 3.5, "lossless": 0.5}
"""Points of accuracy."""

Tick = Callable[[], None]


@dataclass(frozen=True)
class Row:
    """One figure; `spread` is its interval.

    NaN was not measured, an infinite value cannot be: `title` says why.
    """

    figure: Figure
    spread: Interval | None = None

    def cells(self) -> list[str]:
        """Return what a table shows."""
        if not math.isfinite(self.figure.value):
            verdict = "not measured" if math.isnan(self.figure.value) else self.figure.verdict()
            return [self.figure.title, "-", "-", self.figure.wanted or "-", verdict]
        value, spread = f"{self.figure.value:.3f} {self.figure.unit}".strip(), str(self.spread or "-")
        if abs(self.figure.value) >= 100:
            value = self.figure.shown()
            if self.spread is not None:
                spread = f"{self.spread.low:.0f} to {self.spread.high:.0f}"
        return [
            self.figure.title,
            value,
            spread,
            self.figure.wanted or "-",
            self.figure.verdict(),
        ]

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        known = not math.isnan(self.figure.value)
        return {
            **asdict(self.figure),
            "value": self.figure.value if known else None,
            "wanted": self.figure.wanted,
            "met": self.figure.met if known else None,
            "interval": self.spread.to_json() if self.spread else None,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Row:
        """Read what `to_json` wrote."""
        names = ("name", "title", "unit", "at_least", "at_most")
        value = math.nan if document["value"] is None else document["value"]
        figure = Figure(**{name: document[name] for name in names}, value=value)
        spread = document["interval"]
        if spread is None:
            return cls(figure)
        low, high = (math.nan if spread[end] is None else spread[end] for end in ("low", "high"))
        return cls(figure, Interval(low, high, spread["units"], spread["level"]))


@dataclass(frozen=True)
class Task:
    """What is measured, with what; `checkpoint` may be None where no part needs it."""

    data: Path
    core: Core
    checkpoint: Path | None
    rates: tuple[str, ...]
    gallery: Path | None

    @property
    def weights(self) -> Path:
        """The float weights; only parts of FROM_CHECKPOINT may ask."""
        assert self.checkpoint is not None
        return self.checkpoint


@dataclass(frozen=True)
class Measured:
    """Rows of the table, and what else belongs into the JSON file."""

    rows: list[Row]
    details: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"rows": [row.to_json() for row in self.rows], "details": self.details}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Measured:
        """Read what `to_json` wrote."""
        return cls([Row.from_json(row) for row in document["rows"]], document["details"])


def _row(
    title: str,
    value: float,
    spread: Interval | None = None,
    unit: str = "",
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Row:
    return Row(Figure(title, title, value, unit, at_least=at_least, at_most=at_most), spread)


def _accuracy(task: Task, tick: Tick) -> Measured:
    rows, details = list[Row](), dict[str, Any]()
    for rate in task.rates:
        score = score_core(task.data, task.core, rate, lambda _: tick())
        rows += _accuracy_rows(score)
        details[rate] = score.to_json()
        if task.gallery:
            write_gallery(score.mistakes, task.gallery / rate)
    return Measured(rows, details)


def _accuracy_rows(score: CoreAccuracy) -> list[Row]:
    rate, people = score.rate, score.people
    ball, tennis, shuttle = score.ball, score.tennis, score.shuttle
    clips = sorted(score.shuttle_clips.items(), key=lambda one: one[1].counts.f1)
    rows = [
        _row("people AP50", people.overall.ap50, people.ap50_interval, at_least=0.92),
        _row("people AP75", people.overall.ap75, people.ap75_interval, at_least=0.60),
        _row("people AP .50:.95", people.overall.ap, people.ap_interval),
        _row("recall of people under 55 px", score.small_recall, score.small_interval, at_least=0.90),
        _row("football ball recall", ball.counts.recall, ball.recall_interval, at_least=0.70),
        _row("football ball precision", ball.counts.precision, ball.precision_interval, at_least=0.80),
        _row("football ball F1", ball.counts.f1, ball.f1_interval),
        _row("tennis ball recall, stills", tennis.counts.recall, tennis.recall_interval, at_least=0.80),
        _row("tennis ball precision, stills", tennis.counts.precision, tennis.precision_interval),
        _row(
            f"shuttle F1, a venue never seen, {len(clips)} clips",
            shuttle.counts.f1,
            shuttle.f1_interval,
            at_least=0.88,
        ),
        *(
            _row(f"shuttle F1, clip {name}", one.counts.f1, one.f1_interval, at_least=0.60)
            for name, one in clips
        ),
    ]
    return [
        replace(
            row,
            figure=replace(row.figure, name=f"{rate} {row.figure.name}", title=f"{row.figure.title}, {rate}"),
        )
        for row in rows
    ]


def _clips(task: Task, tick: Tick) -> Measured:
    # Only what measures loads what it needs: torch is an extra, and coding needs none of it.
    from evaluation.ball_comparison import labelled_balls, score_ball
    from evaluation.tracking_comparison import CLIPS, labelled, ours, watch

    rows = []
    balls = {clip.name: clip for clip in labelled_balls(task.data, "report")}
    for name in CLIPS:
        clip = labelled(task.data, name, "A")
        seen = watch(task.data, name, clip.frames[-1].index, task.core, "default", lambda _: tick())
        score = ours(clip, seen).score
        rows.append(_row(f"HOTA, {clip.name}", score.hota, score.hota_interval))
        if clip.name in balls:
            ball = score_ball(balls[clip.name], task.core, "default", lambda _: tick()).scores["shown"]
            rows.append(_row(f"ball F1, {clip.name}", ball.counts.f1, ball.f1_interval))
    return Measured(rows)


def _rates(task: Task, tick: Tick) -> Measured:
    from evaluation.core_accuracy_rates import measure_rates

    wanted = {"default": 2000.0, "low": 800.0}
    sizes = measure_rates(task.data, task.core, tick)
    rows = [
        _row(
            f"features as carried, {size.rate}",
            size.mean,
            size.spread,
            "B/frame",
            at_most=wanted.get(size.rate),
        )
        for size in sizes
    ]
    exact = next(size.exact for size in sizes if size.rate == "lossless")
    rows.append(
        _row(
            "frames with the encoder's symbols after decoding, lossless", 100 * exact, None, "%", at_least=100
        )
    )
    return Measured(rows, {f"bytes {size.rate}": size.to_json() for size in sizes})


def _loss(task: Task, tick: Tick) -> Measured:
    from evaluation.core_accuracy_loss import REFERENCE, lost, measure_heads

    scores = measure_heads(task.data, task.core, task.weights, tick)
    reference = scores[REFERENCE]
    rows = [
        _row(
            "people AP50, probes on float features before the bottleneck",
            reference.people.overall.ap50,
            reference.people.ap50_interval,
        ),
        _row("ball F1, probes on float features before the bottleneck", reference.ball_f1),
    ]
    for rate in RATES:
        gone = lost(task.data, scores, rate)
        most = _COSTS_AT_MOST.get(rate)
        how = f"against float features, {rate}"
        rows += [
            _row(f"people AP50 lost {how}", gone.people, gone.people_spread, "points", at_most=most),
            _row(f"ball F1 lost {how}", gone.ball, gone.ball_spread, "points", at_most=most),
        ]
    return Measured(rows)


def _int8(task: Task, tick: Tick) -> Measured:
    from evaluation.float_core import write_float_core

    with tempfile.TemporaryDirectory() as scratch:
        exact = write_float_core(task.core, task.weights, Path(scratch))
        whole = score_football(task.data, exact, "default", lambda _: tick())
    small = score_football(task.data, task.core, "default", lambda _: tick())
    return Measured(_lost_by_int8(task, whole, small))


def _lost_by_int8(task: Task, whole: FootballAccuracy, small: FootballAccuracy) -> list[Row]:
    people = people_only(report_football(task.data))
    spread = ap50_difference(people, whole.detections, small.detections).scaled(100)
    gone = 100 * (whole.people.overall.ap50 - small.people.overall.ap50)
    ball = 100 * (whole.ball.counts.f1 - small.ball.counts.f1)
    return [
        _row("people AP50 lost by int8 against float32", gone, spread, "points", at_most=0.5),
        _row(
            "ball F1 lost by int8 against float32",
            ball,
            f1_difference(whole.balls, small.balls).scaled(100),
            "points",
            at_most=0.5,
        ),
    ]


def _generality(task: Task, tick: Tick) -> Measured:
    from evaluation.generality.protocol import CEILING, FLOORS, Outcome
    from evaluation.generality.scores import CACHE, WANTED, KeptScores, kept_lengths

    missing = "`featurecast evaluate generality` has not run for this core"
    rows = []
    views = (*FLOORS, "default", CEILING)
    for lengths in kept_lengths(CACHE, task.core.spec, task.weights)[:1]:
        kept = KeptScores(CACHE, task.core.spec, task.weights, lengths)
        for name in kept.tasks():
            seeds = kept.seeds(name, views)
            if seeds < 2:
                continue
            outcome = Outcome(name, "", kept.of(name, views, range(seeds)))
            where = f"G, {name}, default, {seeds} seeds of {lengths.steps} steps"
            if outcome.telling:
                rows.append(_row(where, outcome.share("default"), at_least=WANTED))
                continue
            floor, found, ceiling = (
                fmean(outcome.scores[view]) for view in (outcome.floor, "default", CEILING)
            )
            unclear = f"; floor {floor:.3f}, ceiling {ceiling:.3f}, not clearly above it"
            rows.append(_row(f"score, {where.removeprefix('G, ')}{unclear}", found))
        tick()
    return Measured(rows or [_row(f"G ({missing})", math.nan, at_least=WANTED)])


def _cost(task: Task, tick: Tick) -> Measured:
    from evaluation.core_accuracy_cost import measure_cost

    cost = measure_cost(task.core, tick)
    return Measured(
        [
            _row(
                "core, int8, one thread, CPU time",
                cost.core_ms,
                cost.spread(lambda one: one.core_ms),
                "ms",
                at_most=10,
            ),
            _row(
                "MobileNetV2-0.5 + FPN, the same way",
                cost.reference_ms,
                cost.spread(lambda one: one.reference_ms),
                "ms",
            ),
            _row(
                "core's time in units of MobileNetV2-0.5 + FPN's",
                cost.ratio,
                cost.spread(lambda one: one.ratio),
                at_most=1.2,
            ),
        ]
    )


def _larger(task: Task, tick: Tick) -> Measured:
    from evaluation.larger_input import SIZES, probe_sizes

    wanted = {f"{width}x{height}": 0.95 for height, width in SIZES[1:]}
    rows, details = list[Row](), dict[str, Any]()
    for size, score in probe_sizes(task.data, task.weights, tick).items():
        title = f"at {size}, training's probes"
        rows += [
            _row(f"people AP50 {title}", score.overall.ap50, score.ap50_interval, at_least=wanted.get(size)),
            _row(f"people AP75 {title}", score.overall.ap75, score.ap75_interval),
        ]
        details[size] = score.to_json()
    return Measured(rows, details)


def _teacher(task: Task, tick: Tick) -> Measured:
    from evaluation.teacher_comparison import compare_with_teacher

    both = compare_with_teacher(task.data, task.core, tick)
    ours, theirs = both.ours, both.teacher
    return Measured(
        [
            _row(
                f"tiled PicoDet-S, people AP50, {both.stills} stills",
                theirs.overall.ap50,
                theirs.ap50_interval,
            ),
            _row(
                "ours, people AP50, the same stills",
                ours.overall.ap50,
                ours.ap50_interval,
                at_least=round(theirs.overall.ap50, 3),
            ),
            _row(
                "ours ahead of tiled PicoDet-S, people AP50",
                100 * (ours.overall.ap50 - theirs.overall.ap50),
                both.ahead.scaled(100),
                "points",
                at_least=0,
            ),
            _row("tiled PicoDet-S, CPU time of a still", both.teacher_ms, None, "ms"),
            _row(
                "ours, CPU time of a still: resize, core, head",
                both.our_ms,
                None,
                "ms",
                at_most=round(both.teacher_ms / 60, 1),
            ),
        ]
    )


def _bits(task: Task, tick: Tick) -> Measured:
    from evaluation.core_accuracy_rates import CLIPS
    from evaluation.rate_accuracy.equal_total import MEASURES, TOTALS, crossing, equal_total
    from evaluation.rate_accuracy.footage import footage_of
    from evaluation.rate_accuracy.study import CACHE, FRAMES, Plan, plan_for, run_study

    name = "football_zak_soccer"
    footage = footage_of(task.data / CLIPS[name], FRAMES)
    plan = Plan(plan_for(footage, quick=False).deliveries, bits=(), qps=())
    study = run_study(task.core, footage, plan, CACHE, lambda _: tick())
    rows = []
    for total in TOTALS:
        found = equal_total(study, total)
        if found is None:
            why = "not even `low` fits into a third"
            rows.append(
                _row(
                    f"ahead of local inference at {total:.0f} kbit/s: {why}",
                    -math.inf,
                    None,
                    "points",
                    at_least=0,
                )
            )
            continue
        where = f"at {total:.0f} kbit/s, {found.rate} ({found.feature_kbps:.0f} kbit/s)"
        for measure, ahead in found.ahead.items():
            value = math.nan if ahead is None else 100 * ahead
            rows.append(
                _row(f"{measure} ahead of local inference {where}", value, None, "points", at_least=0)
            )
        given_up = math.nan if found.psnr_given_up_db is None else found.psnr_given_up_db
        rows.append(_row(f"luma PSNR given up {where}", given_up, None, "dB"))
    for rate in ("default", "low"):
        for measure, of in MEASURES.items():
            total_of = crossing(study, rate, of)
            title = f"local inference has the {measure} of {rate} from"
            if total_of is None:
                rows.append(_row(f"{title}: from nowhere that was measured", math.inf, None, "kbit/s"))
            else:
                rows.append(_row(title, total_of, None, "kbit/s"))
    return Measured(rows, {"equal totals": study.to_json()})


def _propagation(task: Task, tick: Tick) -> Measured:
    from evaluation.propagation import measure_propagation

    found = measure_propagation(task.data, task.core, tick)
    whole = found[0].accuracy
    rows = [
        _row(
            "people AP50, shot B, core on every frame",
            whole.ap50,
            Interval(*whole.ap50_interval, found[0].frames),
        ),
        _row("ball F1, shot B, core on every frame", whole.f1 or 0.0),
    ]
    for one in found[1:]:
        how = "core on every frame" if one.every == 1 else f"core once in {one.every} frames"
        title = f"lost on shot B, {how}, {one.way}"
        people = 100 * (whole.ap50 - one.accuracy.ap50)
        rows.append(_row(f"people AP50 {title}", people, None, "points"))
        rows.append(
            _row(f"ball F1 {title}", 100 * ((whole.f1 or 0.0) - (one.accuracy.f1 or 0.0)), None, "points")
        )
    return Measured(rows)


PARTS: dict[str, Callable[[Task, Tick], Measured]] = {
    "accuracy": _accuracy,
    "clips": _clips,
    "rates": _rates,
    "loss": _loss,
    "int8": _int8,
    "generality": _generality,
    "cost": _cost,
    "larger": _larger,
    "teacher": _teacher,
    "bits": _bits,
    "propagation": _propagation,
}
"""By name, in the order of the table."""
ASKED_FOR = ("propagation",)
"""No figure that a core is held against: only measured when it is named."""
