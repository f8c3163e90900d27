"""The player head: `net` finds people in one frame's features, `post` turns them into tracks with stable ids.

    features [1, C, h, w] -> net  -> raw [1, 23, h, w]: heat, dx, dy, log w, log h, four sub-cells each
                                    (cells of stride 4), then the logits of player, goalkeeper, referee
    raw, state            -> post -> tracks, detections, stats, state'

`post` is tensor code without loops over data, so the whole head is one ONNX graph. All lengths inside are
pixels of the core's input; rates are per second. Everything about tracks is a column [SLOTS, 1] and about
detections a row [1, DETECTIONS], which keeps the graph small: a node costs more than its arithmetic in WASM.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["DETECTIONS", "SLOTS", "STATE_COLUMNS", "PlayerHead", "PlayerNet", "PlayerPost", "Tuning", "match"]

SLOTS = 64
DETECTIONS = 128
STATE_COLUMNS = 17
"""x y w h, vx vy, p00 p01 p11, score, hits, seconds since seen, id, active, three role weights."""
CELL = 4.0
_NEVER = -30.0


@dataclass(frozen=True)
class Tuning:
    """The tracker's constants; lengths are in heights of the person, so that zoom does not matter."""

    low_share: float = 0.35
    """Detections from this share of the threshold may continue a track (ByteTrack, arXiv 2110.06864)."""
    nms_iou: float = 0.6
    measure: float = 0.05
    accelerate: float = 1.2
    keep_seconds: float = 1.0
    show_seconds: float = 0.13
    confirm_hits: float = 3.0
    size_gain: float = 0.35
    gate: float = 9.0


def _conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PlayerNet(nn.Module):
    """features [B, C, h, w] -> raw [B, 23, h, w]."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(channels, width),
            _conv(width, width, 3, width),
            _conv(width, width),
            _conv(width, width, 3, width),
            _conv(width, width),
        )
        self.last = nn.Conv2d(width, 23, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias.data[:4], -4.0)  # people are rare: start with low scores

    def forward(self, features: Tensor) -> Tensor:
        """Return the raw maps."""
        raw: Tensor = self.last(self.trunk(features))
        return raw

    @staticmethod
    def maps(raw: Tensor) -> tuple[Tensor, Tensor]:
        """Return what losses are written for: maps [B, 5, 2h, 2w] at stride 4 and role logits [B, 3, h,
        w]."""
        return F.pixel_shuffle(raw[:, :20], 2), raw[:, 20:]


def _corners(boxes: Tensor, axis: int) -> list[Tensor]:
    """Return x0, y0, x1, y1 of boxes x y w h that lie along `axis`, each keeping its axis."""
    x, y, w, h = torch.split(boxes.narrow(axis, 0, 4), 1, axis)
    return [x - w / 2, y - h / 2, x + w / 2, y + h / 2]


def _iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU [n, m] of boxes x y w h in rows [n, 4+] and in columns [4+, m]."""
    ax0, ay0, ax1, ay1 = _corners(a, 1)
    bx0, by0, bx1, by1 = _corners(b, 0)
    width = (torch.minimum(ax1, bx1) - torch.maximum(ax0, bx0)).clamp(min=0.0)
    height = (torch.minimum(ay1, by1) - torch.maximum(ay0, by0)).clamp(min=0.0)
    overlap = width * height
    return overlap / ((ax1 - ax0) * (ay1 - ay0) + 1e-6 + (bx1 - bx0) * (by1 - by0) - overlap)


def match(affinity: Tensor, rounds: int) -> Tensor:
    """Greedy one-to-one matching of affinity [n, m] >= 0 as rounds of mutual best; 1.0 marks a pair, 0
    never pairs.

    ArgMax takes the first of equals in every runtime, and the first cell that holds the largest value is
    always a
    mutual best, so equal affinities can neither block a round nor give a row two columns. A row and a column
    that are empty may "pair" at value 0, which changes nothing and is masked at the end.
    """
    rows, columns = affinity.shape
    of_row, of_column = torch.arange(rows), torch.arange(columns)
    left = affinity
    chosen = torch.full((rows,), -1)
    for step in range(rounds):
        best_column, best_row = left.argmax(1), left.argmax(0)
        mutual = best_row.index_select(0, best_column) == of_row
        chosen = torch.where(mutual & (chosen < 0), best_column, chosen)
        if step + 1 < rounds:
            taken = best_column.index_select(0, best_row) == of_column
            left = left * (1 - mutual.float())[:, None] * (1 - taken.float())[None, :]
    return ((chosen[:, None] == of_column[None, :]) & (affinity > 0)).float()


class PlayerPost(nn.Module):
    """Peaks -> NMS -> camera shift -> two-stage association -> Kalman update -> births; see `forward`."""

    before: Tensor
    map_begin: Tensor
    role_begin: Tensor
    down_by: Tensor
    right_by: Tensor

    def __init__(self, tuning: Tuning, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.tuning = tuning
        self.cells = shape[1] * shape[2]
        self.rows, self.columns = shape[1] * 2, shape[2] * 2
        self.across, self.down = self.columns * CELL, self.rows * CELL
        # before[i, j] = 1 where detection j has a higher rank than i.
        self.register_buffer("before", torch.tril(torch.ones(DETECTIONS, DETECTIONS), -1), persistent=False)
        # Where the five maps (sub-cell 0) and the three roles begin in the flattened raw maps.
        begin = torch.tensor([0.0, 4.0, 8.0, 12.0, 16.0]) * self.cells
        self.register_buffer("map_begin", begin[:, None, None], persistent=False)
        role_begin = torch.tensor([20.0, 21.0, 22.0]) * self.cells
        self.register_buffer("role_begin", role_begin[:, None], persistent=False)
        # A peak and its four neighbours, in cells of stride 4.
        down_by, right_by = torch.tensor([0.0, 0.0, 0.0, -1.0, 1.0]), torch.tensor([0.0, -1.0, 1.0, 0.0, 0.0])
        self.register_buffer("down_by", down_by[:, None], persistent=False)
        self.register_buffer("right_by", right_by[:, None], persistent=False)

    def detections(self, raw: Tensor, view: Tensor) -> Tensor:
        """Return [8, DETECTIONS]: x y w h, score (0 = suppressed), three role weights; best first."""
        heat = F.pixel_shuffle(raw[:, :4], 2)
        peak = heat == F.max_pool2d(heat, 3, 1, 1)
        logits, index = torch.where(peak, heat, _NEVER).reshape(1, -1).topk(DETECTIONS)
        row = torch.floor((index.float() + 0.5) / self.columns)
        column = index.float() - row * self.columns
        x, y, size, roles = self._read(raw, row, column)
        left, top, width, height = self._picture(view)
        inside = (x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)
        score = torch.sigmoid(logits) * inside.float()
        boxes = torch.cat([x, y, size], 0)
        over = (_iou(boxes.T, boxes) > self.tuning.nms_iou).float() * self.before
        score_column = score.T
        start = (score_column >= 0.01).float()
        keep = start
        for _ in range(4):  # converges to sequential NMS (Cluster-NMS, arXiv 2005.03572)
            keep = start * (over @ keep < 0.5).float()
        return torch.cat([boxes, score * keep.T, roles], 0)

    def _read(self, raw: Tensor, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return x, y [1, DETECTIONS], size [2, DETECTIONS] in px and roles [3, DETECTIONS] of the peaks.

        Each neighbour of a peak also says where the person is; their mean, weighted by heat, is less noisy.
        """
        rows = (row + self.down_by).clamp(0.0, self.rows - 1.0)
        columns = (column + self.right_by).clamp(0.0, self.columns - 1.0)
        coarse_rows, coarse_columns = torch.floor(rows * 0.5), torch.floor(columns * 0.5)
        cell = coarse_rows * (self.columns // 2) + coarse_columns
        part = (rows - 2 * coarse_rows) * 2 + columns - 2 * coarse_columns
        values = raw.reshape(-1)
        address = self.map_begin + (part * self.cells + cell)
        heat, dx, dy, log_w, log_h = torch.split(
            values.index_select(0, address.reshape(-1).long()).reshape(25, DETECTIONS), 5, 0
        )
        weight = torch.sigmoid(heat)
        weight = weight / (weight.sum(0, keepdim=True) + 1e-9) * CELL
        x = (weight * (columns + dx)).sum(0, keepdim=True)
        y = (weight * (rows + dy)).sum(0, keepdim=True)
        w = (weight * log_w.clamp(-2.0, 5.0).exp()).sum(0, keepdim=True)
        h = (weight * log_h.clamp(-2.0, 5.0).exp()).sum(0, keepdim=True)
        address = (self.role_begin + cell[0:1]).reshape(-1).long()
        roles = values.index_select(0, address).reshape(3, DETECTIONS).softmax(0)
        return x, y, torch.cat([w, h], 0), roles

    def _picture(self, view: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return left, top, width and height of the picture in px of the core's input, [1] each."""
        return view[0:1] * self.across, view[1:2] * self.down, view[2:3] * self.across, view[3:4] * self.down

    def _shift(self, found: Tensor, away: Tensor, h: Tensor) -> Tensor:
        """Return the camera's displacement [1, 2] from the residuals [SLOTS, 2] of the pairs found; 0 when
        they are few."""
        matched = found.amax(1, keepdim=True)
        count = matched.sum(0, keepdim=True)
        some = count.clamp(min=1.0)
        scale = (h * matched).sum(0, keepdim=True) / some * 0.15 + 1e-3
        shift = (away * matched).sum(0, keepdim=True) / some
        for _ in range(3):  # robust mean: iteratively reweighted, Geman-McClure
            off = (away - shift) / scale
            pull = 1 + (off * off).sum(1, keepdim=True)
            weight = matched / (pull * pull)
            shift = (weight * away).sum(0, keepdim=True) / (weight.sum(0, keepdim=True) + 1e-6)
        return shift * (count >= 4.0).float()

    def _affinity(self, where: Tensor, size: Tensor, variance: Tensor, at: Tensor) -> Tensor:
        """Return [SLOTS, DETECTIONS] in 0..1: overlap, distance in standard deviations and likeness in
        size."""
        h = size[:, 1:2]
        spread = variance + (0.22 * h) * (0.22 * h)
        dx, dy = where[:, 0:1] - at[0:1], where[:, 1:2] - at[1:2]
        far = (dx * dx + dy * dy) / spread
        like = torch.minimum(h, at[3:4]) / torch.maximum(h, at[3:4]).clamp(min=1e-3)
        near = ((far < self.tuning.gate) & (like > 0.5)).float()
        return (
            0.5 * _iou(torch.cat([where, size], 1), at) + 0.4 * torch.exp(-0.35 * far) + 0.1 * like
        ) * near

    def forward(
        self, raw: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, track: Tensor, clock: Tensor
    ) -> tuple[Tensor, ...]:
        """Return tracks [SLOTS, 10], detections [DETECTIONS, 8], stats [1, 5], track', clock'.

        track [SLOTS, STATE_COLUMNS] and clock [2] (frames since the reset, ids given) are 0 after a reset.
        """
        t = self.tuning
        at = self.detections(raw, view)
        at_rows = at.T
        score = at[4:5]
        where, size, speed, p00, p01, p11, confidence, hits, lost, identity, active, belief = torch.split(
            track, [2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 3], 1
        )
        h = size[:, 1:2]
        dt = dt.clamp(0.0, 2.0)
        fresh = (clock[0:1] < 0.5).float()

        # Constant velocity with white acceleration noise.
        where = where + speed * dt
        noise = (t.accelerate * h) * (t.accelerate * h) * dt
        p00 = p00 + dt * (2 * p01 + dt * p11) + noise * (dt * dt / 3)
        p01 = p01 + dt * p11 + noise * (dt / 2)
        p11 = p11 + noise

        high = (score >= threshold).float()
        low = (score >= threshold * t.low_share).float() - high
        rough = self._affinity(where, size, p00 + (0.5 * h) * (0.5 * h), at)
        rough_pairs = match(rough * (active * (lost < 0.2).float()) * high, 3)
        shift = self._shift(rough_pairs, (rough_pairs @ at_rows)[:, 0:2] - where, h)
        where = where + shift * active
        speed = speed + shift * active * ((dt > 0).float() * 0.7 / dt.clamp(min=1e-3))

        affinity = self._affinity(where, size, p00, at) * active
        first = match(affinity * (affinity > 0.08).float() * high, 6)
        unmatched = (1 - first.amax(1, keepdim=True)) * (lost < 0.5).float()
        pairs = first + match(affinity * (affinity > 0.25).float() * low * unmatched, 3)

        # A cut: many tracks, many detections, hardly any pair. Everything starts again, as after a reset.
        known = (active * (identity > 0.5).float()).sum()
        cut = ((known >= 6) & (high.sum() >= 6) & (pairs.sum() < 0.2 * known)).float()
        pairs = pairs * (1 - cut)
        active = active * (1 - cut)
        fresh = torch.maximum(fresh, cut)

        hit = pairs.amax(1, keepdim=True)
        z = pairs @ at_rows
        r = (t.measure * h).clamp(min=0.3)
        gain = hit / (p00 + r * r)
        k0, k1 = p00 * gain, p01 * gain
        away = z[:, 0:2] - where
        where, speed = where + k0 * away, speed + k1 * away
        p11 = p11 - k1 * p01
        p00, p01 = (1 - k0) * p00, (1 - k0) * p01
        size = size + hit * t.size_gain * (z[:, 2:4] - size)
        confidence = torch.where(hit > 0.5, 0.5 * (confidence + z[:, 4:5]), confidence * 0.9)
        belief = belief + 0.1 * hit * (z[:, 5:8] - belief)
        hits = hits + hit
        lost = (lost + dt) * (1 - hit)
        left, top, width, height = self._picture(view)
        x, y = torch.split(where, 1, 1)
        inside = ((x >= left) & (x <= left + width) & (y >= top) & (y <= top + height)).float()
        patience = torch.where(identity > 0.5, t.keep_seconds, 0.07)
        active = active * (lost <= patience).float() * torch.maximum(inside, hit)

        # Births fill the free slots in order of score.
        new = high * (1 - pairs.amax(0, keepdim=True))
        free = 1 - active
        born = (torch.cumsum(new, 1) == torch.cumsum(free, 0)).float() * new * free
        birth = born.amax(1, keepdim=True)
        b = born @ at_rows
        height_of_new = b[:, 3:4]
        none = torch.zeros_like(birth)
        speed_variance = height_of_new * height_of_new
        counted = birth * (1 + fresh * (t.confirm_hits - 1))
        # In the order of STATE_COLUMNS.
        beginning = torch.cat(
            [b[:, 0:4], none, none, 0.01 * speed_variance, none, speed_variance]
            + [b[:, 4:5], counted, none, none, birth, b[:, 5:8]],
            1,
        )
        going_on = torch.cat(
            [where, size, speed, p00, p01, p11, confidence, hits, lost, identity, active, belief], 1
        )
        state = going_on * active * (1 - birth) + beginning

        # An id is given with confirmation, so that false births use none up.
        before_id, hits, lost, identity, active, belief = torch.split(state, [10, 1, 1, 1, 1, 3], 1)
        confirmed = active * (hits >= t.confirm_hits).float()
        unnamed = confirmed * (identity < 0.5).float()
        identity = identity + unnamed * (clock[1:2] + torch.cumsum(unnamed, 0))
        state = torch.cat([before_id, hits, lost, identity, active, belief], 1)
        clock = torch.cat([clock[0:1].clamp(max=1e6) + 1, clock[1:2] + unnamed.sum()])

        shown = confirmed * (lost <= t.show_seconds).float()
        label = _label(belief)
        tracks = torch.cat(
            [
                self._corners_in_picture(state, view), before_id[:, 9:10], label, identity, shown,
                before_id[:, 4:6] / torch.cat([width, height]),
            ],
            1,
        )  # fmt: skip
        named = ((pairs + born) * (identity * confirmed)).amax(0, keepdim=True).T
        valid = (at_rows[:, 4:5] >= 0.01).float()
        detections = torch.cat(
            [self._corners_in_picture(at_rows, view), at_rows[:, 4:5], _label(at_rows[:, 5:8]), named, valid],
            1,
        )
        counts = [(shown * (label == role).float()).sum(0, keepdim=True) for role in (0.0, 1.0, 2.0)]
        stats = torch.cat([shown.sum(0, keepdim=True), *counts, clock[1:2].reshape(1, 1)], 1)
        return tracks * shown, detections * valid, stats, state, clock

    def _corners_in_picture(self, boxes: Tensor, view: Tensor) -> Tensor:
        """Return the corners [n, 4] in 0..1 of the picture."""
        left, top, width, height = self._picture(view)
        offset, extent = torch.cat([left, top, left, top]), torch.cat([width, height, width, height])
        return ((torch.cat(_corners(boxes, 1), 1) - offset) / extent).clamp(0.0, 1.0)


def _label(weights: Tensor) -> Tensor:
    """Return 0, 1 or 2 [n, 1] for role weights [n, 3]; a rare role needs the majority."""
    return (weights[:, 1:2] > 0.5).float() + 2 * (weights[:, 2:3] > 0.5).float()


class PlayerHead(nn.Module):
    """`net` and `post` together: what is exported."""

    inputs = ("features", "view", "dt", "threshold", "track", "clock")
    outputs = ("tracks", "detections", "stats", "track_next", "clock_next")

    def __init__(self, shape: tuple[int, int, int], width: int = 64, tuning: Tuning | None = None) -> None:
        super().__init__()
        self.net = PlayerNet(shape[0], width)
        self.post = PlayerPost(tuning or Tuning(), shape)

    def forward(
        self, features: Tensor, view: Tensor, dt: Tensor, threshold: Tensor, track: Tensor, clock: Tensor
    ) -> tuple[Tensor, ...]:
        """Run one frame; shapes as in the manifest."""
        result: tuple[Tensor, ...] = self.post(self.net(features), view, dt, threshold, track, clock)
        return result
