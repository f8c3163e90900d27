"""The figures that the built-in heads are held against, each beside its bound."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core_network.catalogue import Core
from evaluation.ball_comparison import gain_figures, labelled_balls, score_ball
from evaluation.bench.figure import Figure
from evaluation.bench.heads import measure as head_times
from evaluation.example_head import EXAMPLE, example_figures
from evaluation.id_parity import parity_figures
from evaluation.possession import possession_figures as possession
from evaluation.rival_trackers import RIVALS
from evaluation.team_assignment import score_teams, teams_of
from evaluation.tracking_comparison import TUNING, labelled, ours, rival, tuned, watch
from task_heads.manifest import load_manifest
from task_heads.registry import Registry

__all__ = [
    "PARTS",
    "ball_figures",
    "cost_figures",
    "graphs",
    "possession_figures",
    "team_figures",
    "tracking_figures",
]

Report = Callable[[str], None]
"""Hears what is being measured."""

_CLIP = "football_zak_soccer"
_SIZE_KB = 300.0
_PYTHON_MS = 2.0


def tracking_figures(root: Path, core: Core, report: Report) -> list[Figure]:
    """Return HOTA and IDF1 on shot A, each against the best rival, whose settings are tuned on shot B."""
    clip, tuning = labelled(root, _CLIP, "A"), labelled(root, *TUNING)
    report("tracking: frames")
    seen = watch(root, _CLIP, tuning.frames[-1].index, core, "default", lambda _: None)
    rows = []
    for name in RIVALS:
        report(f"tracking: settings of {name}")
        best = tuned(name, tuning, seen, lambda _: None)
        rows += [rival(name, clip, seen, settings, name) for settings in (RIVALS[name].own, best)]
    own = ours(clip, seen).score
    return [
        Figure("track_hota", "HOTA on shot A; bound: 60", 100 * own.hota, at_least=60),
        Figure(
            "track_hota_rivals",
            "HOTA on shot A; bound: best of SORT, OC-SORT, ByteTrack",
            100 * own.hota,
            at_least=max(100 * row.score.hota for row in rows),
        ),
        Figure(
            "track_idf1_rivals",
            "IDF1 on shot A; bound: best of SORT, OC-SORT, ByteTrack",
            100 * own.idf1,
            at_least=max(100 * row.score.idf1 for row in rows),
        ),
    ]


def team_figures(root: Path, core: Core, report: Report) -> list[Figure]:
    """Return the share of track-frames of shot A that are in the right team."""
    report("teams: frames")
    teams = teams_of(root / "labels" / _CLIP / "tracks.csv")
    score = score_teams(labelled(root, _CLIP, "A"), teams, core, "default", lambda _: None)
    return [Figure("team_accuracy", "Right team, shot A", 100 * score.accuracy, "%", at_least=95)]


def ball_figures(root: Path, core: Core, report: Report) -> list[Figure]:
    """Return what the filter adds to the ball's F1 on the clips of the report split."""
    rows = []
    for clip in labelled_balls(root, "report"):
        if clip.continuous:
            report(f"ball: {clip.name}")
            rows.append(score_ball(clip, core, "default", lambda _: None))
    return gain_figures(rows, "report")


def cost_figures(root: Path, core: Core, report: Report) -> list[Figure]:
    """Return time in Python, one thread, and the size of every built-in head's graph."""
    report("cost")
    found = Registry(installed=False)
    sizes = [
        Figure(
            f"{name}_kb",
            f"`{name}` graph",
            (found.get(name).folder / "head.onnx").stat().st_size / 1000,
            "kB",
            at_most=_SIZE_KB,
        )
        for name in found.names()
    ]
    return [*(replace(figure, at_most=_PYTHON_MS) for figure in head_times(root)), *sizes]


def possession_figures(root: Path, core: Core, report: Report) -> list[Figure]:
    """Return precision and recall of possession on procedural matches that nothing was chosen on."""
    return possession(core, report)


def graphs() -> dict[str, str]:
    """Return head -> what decides its results, of the built-in heads and of the example where it is."""
    found = Registry(installed=False)
    folders = [found.get(name).folder for name in found.names()] + [EXAMPLE] * EXAMPLE.is_dir()
    return {manifest.name: manifest.identity for manifest in map(load_manifest, folders)}


PARTS: dict[str, Callable[[Path, Core, Report], list[Figure]]] = {
    "tracking": tracking_figures,
    "teams": team_figures,
    "ball": ball_figures,
    "possession": possession_figures,
    "cost": cost_figures,
    "parity": parity_figures,
    "example": example_figures,
}
