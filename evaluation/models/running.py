"""Time and memory of one graph, measured in a process of its own: nothing else is in its peak.

python -m evaluation.models.running MODEL.onnx RUNS -> one line of JSON
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from evaluation.split.detector import DetectorError
from evaluation.split.session import Session, example_feeds

__all__ = ["Running", "measure_running"]

_WARM_UP = 3


@dataclass(frozen=True)
class Running:
    """Median ms of one run on one thread by the clock and in CPU time (which other work on the machine does
    not lengthen as much), peak resident MB of the process, and its growth by this graph.

    MB are 10**6 bytes; the growth is what remains after Python, numpy and onnxruntime themselves.
    """

    ms: float
    cpu_ms: float
    peak_mb: float
    growth_mb: float


def measure_running(model: Path, runs: int = 20) -> Running:
    """Run a graph on example inputs in a child process; raises DetectorError when it cannot."""
    command = [sys.executable, "-m", "evaluation.models.running", str(model.resolve()), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise DetectorError(f"{model}: cannot be measured: {last}")
    return Running(**json.loads(done.stdout))


def _memory_mb(field: str) -> float:
    """Return VmRSS (now) or VmHWM (peak) of this process, see proc(5).

    Not `ru_maxrss`: it keeps the peak of the parent that started the process.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except OSError as error:
        raise DetectorError("memory is read from /proc/self/status, which this system lacks") from error
    return next(float(line.split()[1]) * 1024 / 1e6 for line in status.splitlines() if line.startswith(field))


def _measure(model: Path, runs: int) -> Running:
    before = _memory_mb("VmRSS")
    # Where the kernel allows it, importing Python's modules no longer counts in the peak.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    session = Session(model)
    feeds = example_feeds(session)
    times, busy = [], []
    for _ in range(runs + _WARM_UP):
        started = time.process_time()
        session.run(feeds)
        busy.append((time.process_time() - started) * 1e3)
        times.append(session.last_ms)
    peak = _memory_mb("VmHWM")
    return Running(
        statistics.median(times[_WARM_UP:]), statistics.median(busy[_WARM_UP:]), peak, peak - before
    )


if __name__ == "__main__":
    print(json.dumps(asdict(_measure(Path(sys.argv[1]), int(sys.argv[2])))))
