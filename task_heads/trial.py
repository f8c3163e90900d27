"""A head's trial run in a process of its own: python -m task_heads.trial FOLDER

`job.json` of the folder names the heads' folders, needed ones first, and the number of frames. The trial
leaves `features.f32`, `frames.json` (view, pts and settings of each), `outputs.f32` of the last head, frame
by
frame in the manifest's order, and `outcome.json` (problems, median ms of processor time). A browser's
runtime is
given the same frames.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core_network.prepare import View
from task_heads.manifest import BooleanSetting, ChoiceSetting, HeadError, Manifest, NumberSetting
from task_heads.runner import HeadRunner, HeadSet

__all__ = ["CPU_LIMIT_S", "MEMORY_LIMIT", "TrialFrame", "run_trial", "trial_frames"]

MEMORY_LIMIT = 2 << 30
"""Bytes that a trial may allocate: a graph of a few MiB that wants more is not for a phone."""

CPU_LIMIT_S = 60
"""Seconds of processor time that a trial may take: a slower graph does not end."""

_CLOCK = 90_000
_GAPS = (0, 1800, 3600, 45_000, 450_000)
"""Between frames, in ticks of 90 kHz: from none to 5 s, as after packet loss."""


@dataclass(frozen=True)
class TrialFrame:
    """One frame but for its features."""

    view: list[float]
    pts: int
    settings: dict[str, float]


def trial_frames(manifest: Manifest, count: int) -> Iterator[tuple[NDArray[np.float32], TrialFrame]]:
    """Yield features from silence to the extreme, views of several shapes, irregular times and, in the second
    half, every end of every setting; all from one seed."""
    rng = np.random.default_rng(1)
    channels, height, width = manifest.spec.shape
    pts = 0
    for number in range(count):
        scale = (1.0, 0.0, 3.0, 15.0)[number % 4] if number < 8 else 1.0
        features = np.rint(rng.normal(0, 1, (1, channels, height, width)) * scale).astype(np.float32)
        source = ((1920, 1080), (608, 1080), (640, 480))[number // 8 % 3]
        view = View.letterbox(*source, width * 8, height * 8).as_array()
        pts += int(rng.choice(_GAPS)) if number else 0
        chosen = {
            setting.name: values[number % len(values)] if number >= count // 2 else setting.default
            for setting in manifest.settings
            for values in [_ends(setting)]
        }
        yield features, TrialFrame([float(value) for value in view], pts, chosen)


def _ends(setting: object) -> list[float]:
    match setting:
        case NumberSetting():
            return [setting.min, setting.max, setting.default]
        case BooleanSetting():
            return [0.0, 1.0]
        case ChoiceSetting():
            return [choice.value for choice in setting.choices]
        case _:
            return [0.0, 1.0]


def run_trial(folder: Path) -> None:
    """Run the job of this folder and leave its outcome there; whatever a graph does wrong becomes a
    problem."""
    job = json.loads((folder / "job.json").read_text())
    ends = int(time.process_time()) + job["cpu_s"]
    resource.setrlimit(resource.RLIMIT_CPU, (ends, ends))
    outcome: dict[str, object] = {"problems": [], "median_ms": None}
    try:
        runners = [HeadRunner(head, None) for head in job["heads"]]
        HeadSet(runners)  # says what does not fit among them
        head = runners[-1]
        first, times = _pass(runners, job["frames"], folder)
        again, more = _pass(runners, job["frames"], None)
        outcome["median_ms"] = statistics.median(times + more)
        outcome["problems"] = _differences(head.name, first, again)
    except HeadError as error:
        outcome["problems"] = [str(error)]
    except Exception as error:
        # onnxruntime has no common exception type: whatever it says about a foreign graph becomes one line.
        outcome["problems"] = [f"onnxruntime cannot run the graph: {str(error).splitlines()[0]}"]
    (folder / "outcome.json").write_text(json.dumps(outcome))


Passed = list[dict[str, NDArray[np.float32]]]


def _pass(runners: list[HeadRunner], count: int, kept: Path | None) -> tuple[Passed, list[float]]:
    """Return the outputs of the last head, which needs the others, and its ms on each frame."""
    head = runners[-1]
    for runner in runners:
        runner.reset()
    outputs, times, frames, before = [], [], [], 0
    features_file = (kept / "features.f32").open("wb") if kept else None
    for features, frame in trial_frames(head.manifest, count):
        for name, value in frame.settings.items():
            head.change(name, value)
        view, dt = np.array(frame.view, np.float32), (frame.pts - before) / _CLOCK
        tables: dict[str, dict[str, NDArray[np.float32]]] = {}
        for runner in runners:
            started = time.thread_time()
            tables[runner.name] = runner.run(features, view, dt, needs=tables)
            spent = time.thread_time() - started
        times.append(spent * 1000)
        before = frame.pts
        outputs.append(tables[head.name])
        frames.append(asdict(frame))
        if features_file:
            features_file.write(features.astype("<f4").tobytes())
    if kept and features_file:
        features_file.close()
        (kept / "frames.json").write_text(json.dumps(frames))
        with (kept / "outputs.f32").open("wb") as file:
            for table in outputs:
                for output in head.manifest.outputs:
                    file.write(table[output.name].astype("<f4").tobytes())
    return outputs, times


def _differences(name: str, first: Passed, again: Passed) -> list[str]:
    for number, (a, b) in enumerate(zip(first, again, strict=True)):
        for output in a:
            if not np.array_equal(a[output], b[output]):
                return [
                    f"head {name}: output {output} of frame {number} differs after a reset; results must "
                    "repeat"
                ]
    return []


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_LIMIT, MEMORY_LIMIT))
    run_trial(Path(sys.argv[1]))
