"""What a broadcast counts, for /metrics: one Prometheus registry of its own per server."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
"""The Prometheus text format that `text` writes."""

_BYTES = (500, 1000, 2000, 3000, 4000, 6000, 8000, 12000, 20000, 40000)
_MS = (2, 5, 10, 15, 20, 25, 30, 40, 60, 100, 200, 500)


class Metrics:
    """Counters, gauges and histograms named featurecast_*."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()

        def counter(name: str, meaning: str) -> Counter:
            return Counter(f"featurecast_{name}", meaning, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            return Gauge(f"featurecast_{name}", meaning, registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[int, ...]) -> Histogram:
            return Histogram(f"featurecast_{name}", meaning, registry=registry, buckets=buckets)

        self.frames = counter("frames", "Frames sent out, whatever the audience")
        self.frames_without_features = counter(
            "frames_without_features", "Frames sent out without features because the core was late"
        )
        self.feature_bytes = histogram("feature_bytes", "Bytes of features per frame as carried", _BYTES)
        self.video_bytes = histogram("video_bytes", "Bytes of video per frame, features not included", _BYTES)
        self.core_ms = histogram("core_ms", "Run time of the core network per frame (ms)", _MS)
        self.features_ms = histogram("features_ms", "Prepare, core and bitstream per frame (ms)", _MS)
        self.viewers = gauge("viewers", "Viewers connected now")
        self.sessions = counter("sessions", "WHEP sessions opened")
        self.sessions_refused = counter("sessions_refused", "WHEP offers that were answered with an error")
        self.key_frame_requests = counter("key_frame_requests", "Key-frame requests of all viewers")
        self.key_frames_forced = counter("key_frames_forced", "Key frames made because viewers asked for one")
        self.frames_dropped = counter("frames_dropped", "Frames that slow viewers lost, summed over viewers")
        self.source_restarts = counter("source_restarts", "Times the source failed and was opened again")

    def text(self) -> bytes:
        """Return everything in the Prometheus text format."""
        return generate_latest(self._registry)
