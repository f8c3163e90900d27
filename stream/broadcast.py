"""One programme: one source, one encode, one packetisation, any number of viewers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import av

from stream.carriage import insert
from stream.feature_lane import CodedFeatures, FeatureCoder, FeatureLane, Ticket
from stream.metrics import Metrics
from stream.pacing import Pacer
from stream.rtc_private import packetise
from stream.subscription import PacketisedFrame, Subscription
from stream.sync import KeyFrameGate

if TYPE_CHECKING:
    from stream.source import Source
    from stream.video_encoder import VideoUnit

__all__ = ["Broadcast", "PictureCoder"]

_log = logging.getLogger(__name__)

_TICKS = 90_000
_STALLED_S = 2.0
_FAREWELL_S = 2.0
_FIRST_RETRY_S, _LAST_RETRY_S = 0.5, 10.0
_SOURCE_ERRORS = (ValueError, OSError, av.FFmpegError)


class PictureCoder(Protocol):
    """Turns pictures of one size into H.264, one access unit each (stream.video_encoder)."""

    @property
    def width(self) -> int:
        """Of the pictures, in pixels."""

    @property
    def height(self) -> int:
        """Of the pictures, in pixels."""

    def key_due(self, pts: int) -> bool:
        """Tell whether the picture with this pts will be an IDR even if nobody asks for one."""

    def encode(self, picture: av.VideoFrame, pts: int, force_key: bool = False) -> Sequence[VideoUnit]:
        """Code one picture; `pts` (90 kHz) rises."""


@dataclasses.dataclass(frozen=True, slots=True)
class _Coded:
    """A frame whose video is coded and whose features may still be on their way."""

    number: int
    unit: VideoUnit
    ticket: Ticket


class Broadcast:
    """Runs one source for all viewers.

        thread "source"       source -> pace -> video encoder ---+
        thread "core"                        -> prepare, core    |
        thread "bitstream"                     -> bitstream -----+-> insert -> packetise -> queues

    Frame numbers and pts go on rising over loops and restarts of the source.
    """

    def __init__(
        self,
        title: str,
        open_source: Callable[[], Source],
        feature_coder: FeatureCoder,
        make_video_encoder: Callable[[int, int, float], PictureCoder],
        *,
        fingerprint: str,
        rate: str,
    ) -> None:
        """Put the parts together; nothing is opened yet.

        `title` names the source for people. `open_source` is called again whenever the source has failed,
        `make_video_encoder` (width, height, fps) also when the picture's size changes.
        """
        self.metrics = Metrics()
        self._title, self._fingerprint, self._rate = title, fingerprint, rate
        self._open_source, self._make_video_encoder = open_source, make_video_encoder
        self._lane = FeatureLane(feature_coder)
        self._gate = KeyFrameGate()
        self._opened: Source | None = None
        self._subscriptions: set[Subscription] = set()
        self._coded: asyncio.Queue[_Coded] = asyncio.Queue()
        self._state, self._reason = "starting", ""
        self._began = self._last_frame = time.monotonic()
        self._fps = 0.0
        self._next_number = self._next_pts = 0
        self._frames = self._with_features = self._feature_bytes = self._restarts = 0

    def open(self) -> None:
        """Open the source now, so that what is wrong with it is raised here (SourceError) and not retried."""
        self._opened = self._open_source()

    async def run(self) -> None:
        """Broadcast until cancelled or until the source has ended; a failing source is opened again."""
        try:
            async with asyncio.TaskGroup() as group:
                sending = group.create_task(self._send_frames(), name="broadcast: send")
                await self._play_sources()
                await self._coded.join()
                sending.cancel()
            self._state = "ended"
        except Exception as error:
            self._state, self._reason = "broken", repr(error)
            _log.exception("the broadcast has stopped")
            raise
        finally:
            self._lane.close()
            for subscription in self._subscriptions:
                subscription.end()

    @property
    def live(self) -> bool:
        """Whether frames flow: the last one went out less than 2 s (or five frames of a slow source) ago."""
        patience = max(_STALLED_S, 5 / self._fps if self._fps else 0.0)
        return self._state == "live" and time.monotonic() - self._last_frame < patience

    @contextlib.contextmanager
    def subscription(self) -> Iterator[Subscription]:
        """Lend a queue of frames for one viewer."""
        subscription = Subscription(self.request_key_frame)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)

    def request_key_frame(self) -> None:
        """Ask for a key frame on behalf of one viewer; requests of many become one, at most every 0.5 s."""
        self.metrics.key_frame_requests.inc()
        self._gate.request()

    def status(self) -> dict[str, Any]:
        """Return what /api/status shows."""
        source = self._opened
        return {
            "source": self._title,
            "state": self._state if self._state != "live" or self.live else "stalled",
            "reason": self._reason,
            "width": source.width if source else None,
            "height": source.height if source else None,
            "fps": round(self._fps, 2),
            "frames": self._frames,
            "frames_without_features": self._frames - self._with_features,
            "feature_bytes_mean": round(self._feature_bytes / max(1, self._with_features), 1),
            "spec": self._fingerprint,
            "rate": self._rate,
            "source_restarts": self._restarts,
            "uptime_s": round(time.monotonic() - self._began, 1),
        }

    async def _play_sources(self) -> None:
        retry_s = _FIRST_RETRY_S
        while True:
            frames_before = self._frames
            try:
                await self._in_source_thread(self._play)
                return
            except _SOURCE_ERRORS as error:
                self._state, self._reason = "restarting", " ".join(str(error).split())
            if self._frames > frames_before:
                retry_s = _FIRST_RETRY_S
            _log.warning("source %s: %s; trying again in %.1f s", self._title, self._reason, retry_s)
            self._restarts += 1
            self.metrics.source_restarts.inc()
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, _LAST_RETRY_S)

    async def _in_source_thread(
        self, play: Callable[[asyncio.AbstractEventLoop, threading.Event], None]
    ) -> None:
        # A daemon thread of its own: a camera that hangs in a read must not hold up the end for good.
        loop = asyncio.get_running_loop()
        stop, done = threading.Event(), loop.create_future()

        def report(error: BaseException | None) -> None:
            if not done.done():
                done.set_exception(error) if error else done.set_result(None)

        def target() -> None:
            error: BaseException | None = None
            try:
                play(loop, stop)
            except BaseException as raised:
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop has gone: nobody is left to tell
                loop.call_soon_threadsafe(report, error)

        thread = threading.Thread(target=target, name="source", daemon=True)
        thread.start()
        try:
            await done
        finally:
            stop.set()
            # A thread inside FFmpeg must not see the interpreter being torn down, if it can be helped.
            await asyncio.to_thread(thread.join, _FAREWELL_S)

    def _play(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        source, self._opened = self._opened or self._open_source(), None
        with source:
            self._opened = source
            try:
                self._encode_frames(source, loop, stop)
            finally:
                self._opened = None

    def _encode_frames(self, source: Source, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> None:
        video, pacer = self._make_video_encoder(source.width, source.height, source.fps), Pacer()
        first_number, first_pts = self._next_number, self._next_pts
        for frame in source:
            frame = dataclasses.replace(frame, number=first_number + frame.number, pts=first_pts + frame.pts)
            # A camera sets its own pace; a clock of ours would drift against it.
            if stop.wait(0.0 if source.live else pacer.wait_s(frame.pts, time.monotonic())):
                return
            picture = frame.picture
            if (picture.width, picture.height) != (video.width, video.height):
                video = self._make_video_encoder(picture.width, picture.height, source.fps)
            asked = self._gate.take(time.monotonic())
            if asked:
                self.metrics.key_frames_forced.inc()
            force_key = asked or frame.discontinuity or video.key_due(frame.pts)
            ticket = self._lane.submit(frame, loop, force_key=force_key)
            for unit in video.encode(picture, frame.pts, force_key):
                loop.call_soon_threadsafe(self._coded.put_nowait, _Coded(frame.number, unit, ticket))
            self._next_number = frame.number + 1
            self._next_pts = frame.pts + round(_TICKS / source.fps)

    async def _send_frames(self) -> None:
        while True:
            coded = await self._coded.get()
            features = await coded.ticket.features()
            self._send(coded, features)
            self._coded.task_done()

    def _send(self, coded: _Coded, features: CodedFeatures | None) -> None:
        access_unit, metrics = coded.unit.access_unit, self.metrics
        metrics.video_bytes.observe(len(access_unit))
        if features is None:
            metrics.frames_without_features.inc()
        else:
            video_bytes = len(access_unit)
            access_unit = insert(access_unit, features.payload)
            self._with_features += 1
            self._feature_bytes += len(access_unit) - video_bytes
            metrics.feature_bytes.observe(len(access_unit) - video_bytes)
            metrics.core_ms.observe(features.core_ms)
            metrics.features_ms.observe(coded.ticket.took_ms)
        frame = PacketisedFrame(coded.number, coded.unit.pts, coded.unit.key, packetise(access_unit))
        for subscription in self._subscriptions:
            dropped = subscription.offer(frame)
            if dropped:
                metrics.frames_dropped.inc(dropped)
        metrics.frames.inc()
        self._frames += 1
        now = time.monotonic()
        if self._state == "live":
            # A smoothed interval is what people expect to see as the frame rate.
            interval = max(1e-3, now - self._last_frame)
            self._fps = 1 / (0.95 / self._fps + 0.05 * interval) if self._fps else 1 / interval
        self._state, self._reason, self._last_frame = "live", "", now
