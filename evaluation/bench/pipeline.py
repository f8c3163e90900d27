"""How fast a real match is encoded, and how large its features are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from core_network.catalogue import default_core
from evaluation.bench.figure import Figure, NotMeasured
from stream.file_writer import encode_file

__all__ = ["REAL_CLIP", "measure", "real_clip"]

REAL_CLIP = Path("video/football_zak_soccer")
"""720p broadcast football at 29.97 fps; on the report split, so nothing was tuned on it."""

_CLIP_FPS = 30_000 / 1001


def real_clip(root: Path | None, folder: Path = REAL_CLIP) -> Path:
    """Return the file of the clip in a folder of the data; raises NotMeasured where it is absent."""
    clips = sorted((root / folder).glob("*.mp4")) if root else []
    if not clips:
        raise NotMeasured(f"{folder}/*.mp4 is not here; name the folder that holds splits.csv with --data")
    return clips[0]


def measure(root: Path | None) -> list[Figure]:
    """Encode the clip once as `featurecast encode` does, and read the clock and the sizes."""
    clip = real_clip(root)
    with tempfile.TemporaryDirectory() as folder:
        report = encode_file(str(clip), Path(folder) / "match.mp4", default_core())
    stages = [
        Figure(f"{stage}_ms", f"work of {stage.replace('_', ' ')} (stages overlap)", ms, "ms")
        for stage, ms in report.ms.items()
    ]
    sizes = report.feature_bytes
    return [
        Figure(
            "realtime",
            "720p real football: decode, core, bitstream and H.264 against its 30 fps",
            report.fps / _CLIP_FPS,
            "x real time",
            at_least=1.5,
        ),
        Figure("frame_ms", "per frame, from file to file", 1000 / report.fps, "ms"),
        *stages,
        Figure("feature_bytes", "features as carried, mean", sizes["mean"], "B/frame", at_most=4000),
        Figure("feature_bytes_key", "features as carried, key frames", sizes["key_mean"], "B/frame"),
        Figure("feature_bytes_delta", "features as carried, delta frames", sizes["delta_mean"], "B/frame"),
        Figure("feature_bytes_p95", "features as carried, 95th percentile", sizes["p95"], "B/frame"),
        Figure("video_bytes", "video, mean", report.video_bytes["mean"], "B/frame"),
    ]
