"""What one more viewer costs the server, beside a server that encodes the video again for each."""

from __future__ import annotations

from pathlib import Path

from evaluation.bench.figure import Figure
from evaluation.fanout_bench import compare

__all__ = ["measure"]

_VIEWERS = (1, 8, 32)
_REENCODED_VIEWERS = (1, 2, 4)
_SECONDS = 6.0


def measure(root: Path | None) -> list[Figure]:
    """Measure both servers one after the other; no real clip is needed."""
    outcome = compare(_VIEWERS, _SECONDS, _REENCODED_VIEWERS)
    added = outcome["added_cpu_percent"]
    crowd = [
        load for load in outcome["loads"] if load["mode"] == "shared" and load["viewers"] == _VIEWERS[-1]
    ]
    return [
        Figure("fanout_cpu", "CPU per added viewer, video and features", added["shared"], "% of a core"),
        Figure(
            "reencode_cpu", "CPU per added viewer, video encoded again", added["reencoded"], "% of a core"
        ),
        Figure("ratio", "the second against the first", outcome["ratio"], "x", at_least=20),
        *(
            Figure(
                f"fps_{load['viewers']}",
                f"frame rate at {load['viewers']} viewers",
                load["received_fps"],
                "fps",
            )
            for load in crowd
        ),
    ]
