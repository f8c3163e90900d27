"""The ball head: `net` scores every place, `post` follows one ball and measures it.

    features [1, C, h, w] -> net  -> maps [1, 3, 2h, 2w] heat, dx, dy (cells of stride 4)
    maps, state           -> post -> ball, candidates, trail, stats, state'

All lengths inside `post` are pixels of the core's input; rates are per second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["CANDIDATES", "STATE_VALUES", "TRAIL", "BallHead", "BallNet", "BallPost", "Tuning"]

CANDIDATES = 8
TRAIL = 32
STATE_VALUES = 14
"""x y, vx vy, p00 p01 p11, score, hits, seconds since seen, active, ever seen, seconds visible, seconds in
all."""
CELL = 4.0
_NEVER = -30.0


@dataclass(frozen=True)
class Tuning:
    """The tracker's constants, in pixels of the core's input and seconds."""

    low_share: float = 0.4
    """Candidates from this share of the threshold may continue the track."""
    apart_px: float = 8.0
    measure_px: float = 0.8
    accelerate: float = 550.0
    kick: float = 200.0
    """Widens the gate, not the filter: a kick must be followed, a rolling ball's speed must stay smooth
    (px/s)."""
    gate: float = 9.0
    forget_seconds: float = 0.3
    trail_seconds: float = 1.5
    speed_hits: float = 3.0


def _conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class BallNet(nn.Module):
    """features [B, C, h, w] -> maps [B, 3, 2h, 2w]."""

    def __init__(self, channels: int, width: int = 32) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(channels, width),
            _conv(width, width, 3, width),
            _conv(width, width),
            _conv(width, width, 3, width),
            _conv(width, width),
        )
        self.last = nn.Conv2d(width, 12, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias.data[:4], -5.0)  # one ball in 14080 places: start with low scores

    def forward(self, features: Tensor) -> Tensor:
        """Return the maps at stride 4."""
        return F.pixel_shuffle(self.last(self.trunk(features)), 2)


class BallPost(nn.Module):
    """Peaks -> gate around the prediction -> Kalman update or a new start -> trail and statistics."""

    before: Tensor

    def __init__(self, tuning: Tuning, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.tuning = tuning
        self.rows, self.columns = shape[1] * 2, shape[2] * 2
        self.register_buffer("before", torch.triu(torch.ones(CANDIDATES, CANDIDATES), 1), persistent=False)

    def candidates(self, maps: Tensor, view: Tensor) -> Tensor:
        """Return [CANDIDATES, 3]: x y, score (0 = suppressed); best first."""
        heat = maps[:, :1]
        peak = heat == F.max_pool2d(heat, 3, 1, 1)
        logits, index = torch.where(peak, heat, _NEVER).flatten().topk(CANDIDATES)
        row = torch.floor((index.float() + 0.5) / self.columns)
        column = index.float() - row * self.columns
        dx, dy = maps[0, 1:3].flatten(1)[:, index].clamp(-1.0, 2.0).unbind(0)
        x, y = (column + dx) * CELL, (row + dy) * CELL
        left, top, width, height = self._picture(view)
        inside = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
        score = torch.sigmoid(logits) * inside.float()
        apart = (x[:, None] - x[None, :]) ** 2 + (y[:, None] - y[None, :]) ** 2
        close = (apart < self.tuning.apart_px**2).float() * self.before
        keep = 1 - (close * (score > 0).float()[:, None]).amax(0)
        return torch.stack([x, y, score * keep], 1)

    def _picture(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        across, down = self.columns * CELL, self.rows * CELL
        return view[0] * across, view[1] * down, view[2] * across, view[3] * down

    def forward(
        self, maps: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, track: Tensor, trail: Tensor
    ) -> tuple[Tensor, ...]:
        """Return ball [1, 5], candidates [CANDIDATES, 5], trail [TRAIL, 4], stats [1, 10], track', trail'.

        track [STATE_VALUES] and trail [TRAIL, 4] (x y, valid, age; oldest first) are 0 after a reset.
        """
        t = self.tuning
        at = self.candidates(maps, view)
        score = at[:, 2]
        x, y, vx, vy, p00, p01, p11, confidence, hits, lost, active, ever, shown_s, total_s = torch.split(
            track, 1
        )
        dt = dt.clamp(0.0, 2.0)
        x, y = x + vx * dt, y + vy * dt
        noise = t.accelerate**2
        p00 = p00 + 2 * dt * p01 + dt * dt * p11 + noise * dt * dt * dt / 3
        p01 = p01 + dt * p11 + noise * dt * dt / 2
        p11 = p11 + noise * dt

        far = ((at[:, 0] - x) ** 2 + (at[:, 1] - y) ** 2) / (p00 + 9.0 + (t.kick * dt) ** 2)
        likely = (
            score
            * torch.exp(-0.12 * far)
            * (far < t.gate).float()
            * (score >= threshold * t.low_share).float()
        )
        places = torch.arange(CANDIDATES)
        chosen = (likely.argmax(0, keepdim=True) == places).float()
        picked = (chosen[:, None] * at).sum(0)
        found = active * (likely.amax(0, keepdim=True) > 0).float()
        # A far better candidate elsewhere, or a ball not seen for a while: start again there.
        best = at[0]
        better = (best[2:3] > 3.0 * picked[2:3] * found).float() * (
            best[2:3] > torch.maximum(confidence, threshold)
        ).float()
        stale = (1 - active) + active * (lost + dt > t.forget_seconds).float()
        start = (best[2:3] >= threshold).float() * torch.maximum(better, stale.clamp(max=1.0) * (1 - found))
        hit = found * (1 - start)
        seen = torch.maximum(hit, start)

        k0, k1 = p00 / (p00 + t.measure_px**2) * hit, p01 / (p00 + t.measure_px**2) * hit
        away_x, away_y = picked[0:1] - x, picked[1:2] - y
        stay = 1 - start
        x, y = (x + k0 * away_x) * stay + best[0:1] * start, (y + k0 * away_y) * stay + best[1:2] * start
        vx, vy = (vx + k1 * away_x) * stay, (vy + k1 * away_y) * stay
        p11 = (p11 - k1 * p01) * stay + start * 200.0**2
        p00, p01 = (1 - k0) * p00 * stay + start * t.measure_px**2, (1 - k0) * p01 * stay
        confidence = torch.where(hit > 0.5, picked[2:3], confidence * 0.9) * stay + best[2:3] * start
        hits = (hits + hit) * stay + start
        lost = (lost + dt) * (1 - seen)
        left, top, width, height = self._picture(view)
        inside = ((x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)).float()
        active = torch.maximum(seen, active * inside * (lost <= 1.0).float())
        ever = torch.maximum(ever, seen)
        shown_s, total_s = shown_s + dt * seen, total_s + dt
        state = torch.cat(
            [x, y, vx, vy, p00, p01, p11, confidence, hits, lost, active, ever, shown_s, total_s]
        )

        # A new start begins a new trail; the oldest row leaves when the ball is seen.
        aged = trail[:, 3] + dt
        kept = trail[:, 2] * (aged <= t.trail_seconds).float() * stay
        old = torch.stack([trail[:, 0], trail[:, 1], kept, aged], 1) * kept[:, None]
        row = torch.stack([x, y, seen, seen * 0], 1)
        trail = torch.where(seen > 0.5, torch.cat([old[1:], row]), old)

        def shown(px: Tensor, py: Tensor) -> tuple[Tensor, Tensor]:
            return ((px - left) / width).clamp(0.0, 1.0), ((py - top) / height).clamp(0.0, 1.0)

        ball_x, ball_y = shown(x, y)
        zero = seen * 0
        ball = torch.stack([ball_x, ball_y, confidence, zero, seen], 1) * seen
        valid = (score >= 0.01).float()
        xs, ys = shown(at[:, 0], at[:, 1])
        candidates = torch.stack([xs, ys, score, score * 0, valid], 1) * valid[:, None]
        xs, ys = shown(trail[:, 0], trail[:, 1])
        line = torch.stack([xs, ys, trail[:, 2], trail[:, 3]], 1) * trail[:, 2:3]
        source_px = view[4] / width
        moving = seen * (hits >= t.speed_hits).float()
        speed = torch.sqrt(vx * vx + vy * vy) * source_px * moving
        timed = (total_s > 0).float()
        share = shown_s / total_s.clamp(min=1e-3)
        stats = torch.stack(
            [
                seen,
                ball_x * view[4] * seen,
                ball_y * view[5] * seen,
                confidence * seen,
                speed,
                moving,
                lost * ever,
                ever,
                share * timed,
                timed,
            ],
            1,
        )
        return ball, candidates, line, stats, state, trail


class BallHead(nn.Module):
    """`net` and `post` together: what is exported."""

    inputs = ("features", "view", "dt", "threshold", "track", "trail_state")
    outputs = ("ball", "candidates", "trail", "stats", "track_next", "trail_next")

    def __init__(self, shape: tuple[int, int, int], width: int = 32, tuning: Tuning | None = None) -> None:
        super().__init__()
        self.net = BallNet(shape[0], width)
        self.post = BallPost(tuning or Tuning(), shape)

    def forward(
        self,
        features: Tensor,
        view: Tensor,
        dt: Tensor,
        threshold: Tensor,
        track: Tensor,
        trail_state: Tensor,
    ) -> tuple[Tensor, ...]:
        """Run one frame; shapes as in the manifest."""
        result: tuple[Tensor, ...] = self.post(self.net(features), view, dt, threshold, track, trail_state)
        return result
