"""Write a training set of stills and moments of matches: python -m core_network.scenes --out DIR."""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from PIL import Image

from core_network.motion import EARLIER
from core_network.scenes.match import Match
from core_network.scenes.still import random_still
from core_network.scenes.truth import Truth

MOMENTS, APART = 8, 12
"""Moments that are kept of each match, and the frames from one to the next."""


def truth_row(name: str, truth: Truth) -> dict[str, Any]:
    """Return the truth of the picture `name` as one JSON object; pixels are rounded to hundredths."""
    ball = truth.ball
    return {
        "file": name,
        "players": [
            {
                "id": player.id,
                "role": player.role,
                "team": player.team,
                "box": [round(v, 2) for v in player.box],
                "visible": round(player.visible, 3),
            }
            for player in truth.players
        ],
        "ball": [round(v, 2) for v in (ball.x, ball.y, ball.radius)]
        if ball is not None and ball.visible
        else None,
    }


def write_still(index: int, out: Path, seed: int, width: int, height: int) -> dict[str, Any]:
    """Draw the still number `index`, write it as JPEG into `out` and return its row; the file appears when
    it is whole."""
    name = f"{seed}-{index:06}.jpg"
    scene = random_still(seed * 1_000_003 + index, width, height)
    partly = out / f"{name}.part"
    Image.fromarray(scene.image).save(partly, "JPEG", quality=92)
    partly.rename(out / name)
    return truth_row(name, scene.truth)


def write_match(number: int, out: Path, seed: int, width: int, height: int) -> list[dict[str, Any]]:
    """Play the match `number` and write some of its frames with those before them; return their rows."""
    rows = []
    recent: list[str] = []
    for index, scene in enumerate(Match(seed * 1_000_003 + number, width, height).frames(MOMENTS * APART)):
        if index % APART < APART - 1 - EARLIER:
            continue
        if scene.truth.cut:
            recent.clear()
        name = f"match-{seed}-{number:04}-{index:04}.jpg"
        partly = out / f"{name}.part"
        Image.fromarray(scene.image).save(partly, "JPEG", quality=92)
        partly.rename(out / name)
        recent = [name, *recent][: EARLIER + 1]
        if index % APART == APART - 1 and len(recent) == EARLIER + 1:
            rows.append(truth_row(name, scene.truth) | {"earlier": recent[1:]})
    return rows


def finished(out: Path) -> set[str]:
    """Return the pictures that truth.jsonl in `out` has; a last line that was cut off is removed from the
    file."""
    rows = out / "truth.jsonl"
    if not rows.exists():
        return set()
    whole = [line for line in rows.read_text().splitlines(keepends=True) if line.endswith("}\n")]
    partly = out / "truth.jsonl.part"
    partly.write_text("".join(whole))
    partly.rename(rows)
    return {json.loads(line)["file"] for line in whole}


def main(arguments: list[str] | None = None) -> None:
    """Parse `arguments` and write the pictures and truth.jsonl; a second run carries on where the first
    stopped."""
    parser = argparse.ArgumentParser(prog="python -m core_network.scenes", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for the pictures and truth.jsonl")
    parser.add_argument("--count", type=int, default=100, help="number of stills")
    parser.add_argument(
        "--matches", type=int, default=0, help=f"number of matches, {MOMENTS} moments of each"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--height", type=int, default=704)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    options = parser.parse_args(arguments)
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    work = partial(write_still, out=out, seed=options.seed, width=options.width, height=options.height)
    done = finished(out)
    missing = [index for index in range(options.count) if f"{options.seed}-{index:06}.jpg" not in done]
    played = {name.rpartition("-")[0] for name in done if name.startswith("match-")}
    unplayed = [n for n in range(options.matches) if f"match-{options.seed}-{n:04}" not in played]
    play = partial(write_match, out=out, seed=options.seed, width=options.width, height=options.height)
    left = len(missing) + len(unplayed)
    with ProcessPoolExecutor(options.workers) as pool, (out / "truth.jsonl").open("a") as file:
        stills = ([row] for row in pool.map(work, missing, chunksize=8))
        for count, rows in enumerate(chain(stills, pool.map(play, unplayed)), 1):
            file.writelines(json.dumps(row) + "\n" for row in rows)
            file.flush()
            if count % 20 == 0 or count == left:
                print(f"\r{count}/{left} stills and matches", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
