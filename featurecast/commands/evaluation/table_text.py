"""The text of `featurecast evaluate table`: its tables in Markdown."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evaluation.models.contenders import Cost
from evaluation.models.running import Running
from evaluation.models.standing import Standing, verdict
from evaluation.split.rival_rows import RivalRows
from evaluation.split.seed_table import WHOLE, SeedTable, Variant
from featurecast.commands.evaluation.figures import table
from featurecast.commands.evaluation.models import cost_table

__all__ = ["table_text"]

_OURS, _OUR_STORE, _THEIR_STORE = "ours", "default", "npz8"
_INTRODUCTION = """Detection of people (one class) by the core network and the player head, whose tracking
is reset for every picture; in the clip the core sees the frames before. `whole` is one graph; a split runs
part 1 (core), stores the latent, loads it and runs part 2 (head): `npz` as it is (deflate), `npz8` in bytes
over its range (deflate), the other rows as our bitstream at that rate, without the bytes of its carriage. AP
is COCO's (0.5 to 0.95); brackets hold 95 % intervals. ms: median, one thread.
"""
_RIVALS = """A rival is trained as [baselines.md](../baselines.md) says. Stills are also split, at the map of
fewest numbers that alone separates its graph, and stored as `npz` and `npz8`. Its ms are in the table of the
parts; a video system's ms in the clip are the mean of key and other frames, CPU time in PyTorch.
"""
_STANDING = f"""ms: CPU time of the whole graph, one thread, alone. Bytes: features of an image, ours at rate
`{_OUR_STORE}`, a rival's as `{_THEIR_STORE}`. AP points are hundredths; those per kB are of the split.
"""


def table_text(result: SeedTable, rivals: Sequence[RivalRows], costs: Sequence[Cost]) -> str:
    """Return every table below its heading."""
    parts = [_INTRODUCTION, *([_RIVALS] if rivals else [])]
    for dataset in dict.fromkeys(variant.dataset for variant in result.variants):
        every = [*result.variants, *(variant for rival in rivals for variant in rival.variants)]
        chosen = [variant for variant in every if variant.dataset == dataset]
        parts += [f"## {dataset}\n", _sequences(chosen), _overall(chosen)]
        if rivals:
            parts += [
                f"### Ours beside each rival, {dataset}\n",
                _STANDING,
                _standings(dataset, result, rivals),
            ]
    if any(rival.ball is not None for rival in rivals):
        parts += ["## Balls of the stills, as boxes\n", _balls(rivals)]
    running = {name: one for name, one in result.running.items()}
    running |= {f"{rival.name} {name}": one for rival in rivals for name, one in rival.running.items()}
    parts += [
        "## Time and memory of the parts\n",
        _running(running),
        *(["Cut at: " + ", ".join(f"{one.name} `{one.cut}`" for one in rivals if one.cut) + ".\n"]
          if any(one.cut for one in rivals) else []),
        "## The networks\n",
        cost_table(list(costs)),
        *([f"{one.name}: {one.remark}.\n" for one in rivals if one.remark]),
    ]  # fmt: skip
    return "\n".join(parts)


def _running(running: dict[str, Running]) -> str:
    rows = [
        (name, f"{one.ms:.2f}", f"{one.cpu_ms:.2f}", f"{one.peak_mb:.0f}", f"{one.growth_mb:.0f}")
        for name, one in running.items()
    ]
    return table(("graph", "ms", "CPU ms", "peak MB", "of it the graph"), rows)


def _standings(dataset: str, result: SeedTable, rivals: Sequence[RivalRows]) -> str:
    def standing(name: str, variants: Sequence[Variant], whole: str, split: str, ms: float) -> Standing:
        of_name = {one.name: one for one in variants if one.dataset == dataset}
        overall, parted = of_name[whole].score.overall, of_name.get(split)
        taken = [row.first_ms for row in of_name[whole].sequences if row.first_ms is not None]
        return Standing(
            name,
            overall.ap50,
            overall.ap,
            sum(taken) / len(taken) if name != _OURS and taken else ms,
            math.nan if parted is None else parted.score.overall.ap,
            math.nan if parted is None else _mean_bytes(parted),
        )

    ours = standing(_OURS, result.variants, WHOLE, _OUR_STORE, result.running[WHOLE].cpu_ms)
    others = [
        standing(one.name, one.variants, one.name, f"{one.name} {_THEIR_STORE}", one.running["whole"].cpu_ms)
        for one in rivals
    ]
    trained = {one.name: one.trained for one in rivals}
    rows = [
        (
            one.name,
            f"{one.ap50:.3f}",
            f"{one.ap:.3f}",
            f"{one.ms:.1f}",
            _number(one.per_ms, 3),
            _number(one.split_bytes, 0),
            _number(one.split_ap, 3),
            _number(one.per_kb, 3),
            "" if one is ours else verdict(ours, one),
            trained.get(one.name) or "-",
        )
        for one in (ours, *others)
    ]
    head = (
        "network",
        "AP50",
        "AP",
        "ms",
        "points per ms",
        "bytes",
        "split AP",
        "points per kB",
        "verdict",
        "trained",
    )
    return table(head, rows)


def _balls(rivals: Sequence[RivalRows]) -> str:
    rows = [
        (one.name, f"{one.ball.ap50:.3f}", f"{one.ball.ap:.3f}", one.ball.truths)
        for one in rivals
        if one.ball is not None
    ]
    text = table(("rival", "ball AP50", "ball AP", "balls"), rows)
    return f"{text}\nOurs finds balls as places, not boxes: `featurecast evaluate ball`.\n"


def _sequences(variants: Sequence[Variant]) -> str:
    rows = [
        (
            row.clip,
            variant.name,
            row.images,
            _number(row.bytes_per_image, 0),
            f"{row.ap50:.3f}",
            f"{row.ap:.3f}",
            _number(row.first_ms, 1),
            _number(row.second_ms, 1),
        )
        for clip in range(len(variants[0].sequences))
        for variant in variants
        for row in [variant.sequences[clip]]
    ]
    head = ("sequence", "variant", "images", "bytes per image", "AP50", "AP", "part 1 ms", "part 2 ms")
    return table(head, rows)


def _overall(variants: Sequence[Variant]) -> str:
    rows = []
    for variant in variants:
        score = variant.score
        rows.append(
            (
                variant.name,
                _number(_mean_bytes(variant), 0),
                f"{score.overall.ap50:.3f} ({score.ap50_interval})",
                f"{score.overall.ap:.3f} ({score.ap_interval})",
                {True: "yes", False: "no", None: "-"}[variant.equals_whole],
            )
        )
    head = ("all together", "bytes per image", "AP50", "AP", "predictions as whole")
    return f"Resampled for the intervals: {variants[0].score.unit}.\n\n{table(head, rows)}"


def _mean_bytes(variant: Variant) -> float:
    """Return the mean over all images; NaN where nothing is stored."""
    split = [row for row in variant.sequences if row.bytes_per_image is not None]
    images = sum(row.images for row in split)
    return sum((row.bytes_per_image or 0.0) * row.images for row in split) / images if images else math.nan


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"
