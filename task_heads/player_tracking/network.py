"""The player head: `net` finds and describes people, `post` makes tracks with ids and teams of them.

    features [1, C, h, w] -> net  -> heat [1, 4, h, w] (four sub-cells of stride 4 each) and deep
    heat, deep, features, state -> post -> tracks, shown, detections, trail, stats, state'

The whole head is one ONNX graph without loops over data. A node costs more than its arithmetic in WASM, so
everything about tracks is a row of [ROWS, SLOTS], everything about detections a row of [FOUND, DETECTIONS],
and steps that are linear in those rows are one matrix product. Lengths are px of the core's input.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "DETECTIONS",
    "KIT",
    "PATCH",
    "ROWS",
    "SLOTS",
    "STATE",
    "TRAIL",
    "PlayerHead",
    "PlayerNet",
    "PlayerPost",
    "Tuning",
    "match",
]

SLOTS = 64
DETECTIONS = 64
TRAIL = 32
CELL = 4.0
KIT = 6
"""Shirt and shorts, each as lightness and two colour differences (see `recipes.kit_targets`)."""
PATCH = (5, 3)
"""Rows and columns of feature cells around a peak from which a person is described."""
_NEVER = -30.0
_SURE = 0.8
"""A role is told from this weight on; at one half most that were called referees were people beside the
pitch."""
_PERSON_M = 1.8
"""The scale of approximate metres: a tracked box is this tall."""

# Rows of a track; the last twelve are averaged over sightings and lie in a detection in the same order.
_X, _Y, _VX, _VY, _P00, _P01, _P11, _HITS, _LOST, _ID, _ACTIVE, _SIDE, _SEEN, _SCORE, _W, _H = range(16)
_BELIEF = 16
_KIT = 19
ROWS = _KIT + KIT
# Rows of a detection: x, y, then as a track from _SCORE on, then h squared and one.
_FOUND_H, _FOUND_SQUARE, _FOUND_ONE = 4, 14, 15
FOUND = 16
_AVERAGED = 12

STATE: dict[str, tuple[int, ...]] = {
    "track": (ROWS, SLOTS),
    "clock": (6,),
    "teams": (2, KIT + 1),
    "trail_state": (4, TRAIL),
}
"""State tensors. clock: frames since the reset, ids given, scenes, seconds since the last cut, the id
followed and its metres. teams: kit of each, how often updated. trail_state: x, y, valid,
seconds since the last."""


@dataclass(frozen=True)
class Tuning:
    """The tracker's constants; lengths are in heights of the person, so that zoom does not matter."""

    low_share: float = 0.6
    """Detections from this share of the threshold may continue a track (ByteTrack, arXiv 2110.06864)."""
    nms_iou: float = 0.6
    measure: float = 0.05
    accelerate: float = 1.2
    keep_seconds: float = 1.0
    show_seconds: float = 0.13
    confirm_hits: float = 3.0
    size_gain: float = 0.35
    gate: float = 9.0
    kit_weight: float = 0.3
    team_seconds: float = 10.0


def _conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PlayerNet(nn.Module):
    """`forward` says where people are, `read` describes the few places that were chosen.

    Only the first runs over the whole picture: a wide reader at 64 places costs less than a narrow one at
    3520.
    """

    def __init__(self, channels: int, width: int = 48, hidden: int = 64, look: int = 24) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            _conv(channels, width),
            _conv(width, width, 3, width),
            _conv(width, width),
            _conv(width, width, 3, width),
            _conv(width, width),
        )
        self.last = nn.Conv2d(width, 4, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias.data, -4.0)  # people are rare: start with low scores
        self.box = nn.Linear(width, 16)
        values = PATCH[0] * PATCH[1] * channels + width + 2
        # The statistics of the features are measured in training and stored with the weights.
        self.reader = nn.Sequential(
            nn.BatchNorm1d(values),
            nn.Linear(values, hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, 4 + KIT),
        )
        # Roles have layers of their own: in those of the boxes they are not learned. The few matches of the
        # training are soon known by heart, hence so few channels and the dropout.
        self.look = nn.Sequential(
            nn.BatchNorm1d(values), nn.Dropout(0.15), nn.Linear(values, look), nn.ReLU(inplace=True)
        )
        self.role = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(2 * look, 32), nn.ReLU(inplace=True), nn.Linear(32, 3)
        )
        for parameter in list(self.reader.parameters())[-2:]:
            nn.init.zeros_(parameter.data[:4])  # begin with what the trunk says of the box

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return heat logits [B, 4, h, w] of features [B, C, h, w], for pixel_shuffle(2) to stride 4, and the
        trunk's own features [B, width, h, w]."""
        deep = self.trunk(features)
        return self.last(deep), deep

    def read(self, patches: Tensor, deep: Tensor, part: Tensor, crowd: Tensor) -> Tensor:
        """Return dx, dy, log w, log h (cells of stride 4), three role logits and the kit, [n, 7 + KIT].

        patches [n, PATCH cells row by row, each with its channels], deep [n, width] of the middle cell, part
        [n, 2] the sub-cell's column and row, 0 or 1; dx and dy are from the sub-cell's corner. crowd [1 or n,
        n]: what each place counts in what is usual in the picture, rows sum to 1; a role is told by how
        somebody differs from it.
        """
        number = part[:, 1:] * 2 + part[:, :1]
        own = (number == torch.arange(4, dtype=torch.float32)).float()[:, None, :]
        box = (self.box(deep).reshape(-1, 4, 4) * own).sum(2)
        seen = torch.cat([patches, deep, part], 1)
        more, look = self.reader(seen), self.look(seen)
        role = self.role(torch.cat([look, look - crowd @ look], 1))
        return torch.cat([box + more[:, :4], role, more[:, 4:]], 1)


def _iou(a: Tensor, a_size: Tensor, b: Tensor, b_size: Tensor) -> Tensor:
    """IoU [n, m] of boxes with centres [2, n], [2, m] and sizes [2, n], [2, m]."""
    a_half, b_half = a_size * 0.5, b_size * 0.5
    end = torch.minimum((a + a_half)[:, :, None], (b + b_half)[:, None, :])
    begin = torch.maximum((a - a_half)[:, :, None], (b - b_half)[:, None, :])
    overlap = (end - begin).clamp(min=0.0).prod(0)
    area = a_size.prod(0)[:, None] + (b_size.prod(0)[None, :] + 1e-6)
    return overlap / (area - overlap)


def match(affinity: Tensor, rounds: int) -> Tensor:
    """Greedy one-to-one matching of affinity [n, m], 0 to 1, as rounds of mutual best; 1.0 marks a pair.

    Equal affinities would be each other's best more than once: each cell is lowered by its position first, by
    at most 1e-3, so that the first of equals wins in every runtime.
    """
    rows, columns = affinity.shape
    order = torch.arange(rows * columns, dtype=torch.float32).reshape(rows, columns) / (rows * columns)
    left = affinity * 0.998 - 1e-3 * order
    pairs = torch.zeros_like(affinity)
    for step in range(rounds):
        best = torch.maximum(left.amax(1, keepdim=True), left.amax(0, keepdim=True).clamp(min=1e-3))
        mutual = (left >= best).float()
        pairs = pairs + mutual if step else mutual
        if step + 1 < rounds:
            left = left - mutual.amax(1, keepdim=True) - mutual.amax(0, keepdim=True)
    return pairs


class PlayerPost(nn.Module):
    """Peaks -> NMS -> camera shift -> two-stage association -> Kalman update -> births -> teams."""

    before: Tensor
    down_by: Tensor
    right_by: Tensor
    predict: Tensor
    begin: Tensor
    begin_fresh: Tensor
    gains: Tensor
    metric: Tensor
    ahead: Tensor

    def __init__(self, tuning: Tuning, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.tuning = tuning
        _, self.coarse_rows, self.coarse_columns = shape
        self.rows, self.columns = shape[1] * 2, shape[2] * 2
        self.across, self.down = self.columns * CELL, self.rows * CELL

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        # before[i, j] = 1 where detection i has a higher rank than j.
        keep("before", torch.triu(torch.ones(DETECTIONS, DETECTIONS), 1))
        down, right = torch.meshgrid(
            torch.arange(PATCH[0]) - PATCH[0] // 2, torch.arange(PATCH[1]) - PATCH[1] // 2, indexing="ij"
        )
        keep("down_by", down.reshape(1, -1).float())
        keep("right_by", right.reshape(1, -1).float())
        # Constant velocity, white acceleration: track' = (sum of predict[k] * dt^k) @ (track, h squared).
        steps = torch.zeros(4, ROWS, ROWS + 1)
        steps[0, :, :ROWS] = torch.eye(ROWS)
        steps[1, _X, _VX] = steps[1, _Y, _VY] = steps[1, _P01, _P11] = steps[1, _LOST, _ACTIVE] = 1.0
        steps[1, _P00, _P01], steps[2, _P00, _P11] = 2.0, 1.0
        for row, power, share in ((_P11, 1, 1.0), (_P01, 2, 0.5), (_P00, 3, 1 / 3)):
            steps[power, row, ROWS] = share * tuning.accelerate**2
        keep("predict", steps.reshape(4, -1))
        # What a track begins with, from the detection that it begins at.
        begin, fresh = torch.zeros(ROWS, FOUND), torch.zeros(ROWS, FOUND)
        begin[_X, 0] = begin[_Y, 1] = 1.0
        begin[_SCORE : _SCORE + _AVERAGED, 2 : 2 + _AVERAGED] = torch.eye(_AVERAGED)
        begin[_P00, _FOUND_SQUARE], begin[_P11, _FOUND_SQUARE] = 0.01, 1.0
        begin[_HITS, _FOUND_ONE] = begin[_ACTIVE, _FOUND_ONE] = 1.0
        fresh[_HITS, _FOUND_ONE] = tuning.confirm_hits - 1
        keep("begin", begin)
        keep("begin_fresh", fresh)
        gains = [0.5, tuning.size_gain, tuning.size_gain, *[0.1] * 3, *[0.08] * KIT]
        keep("gains", torch.tensor(gains)[:, None])
        # Distances between kits: colour counts more than lightness, shirts more than shorts.
        keep("metric", torch.tensor([1.0, 2.0, 2.0, 0.4, 0.8, 0.8])[:, None])
        keep("ahead", torch.tensor([0.37, 1.0, 0.61, 0.29, 0.53, 0.47])[:, None])

    def detections(
        self, heat: Tensor, deep: Tensor, features: Tensor, net: PlayerNet, picture: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Return [FOUND, DETECTIONS], best first: x y, score (0 = suppressed), w h, three role weights, kit,
        h squared, one."""
        heat = F.pixel_shuffle(heat, 2)
        peak = heat >= F.max_pool2d(heat, 3, 1, 1)
        logits, index = torch.where(peak, heat, _NEVER).reshape(1, -1).topk(DETECTIONS)
        row = torch.floor((index.float() + 0.5) / self.columns)
        place = torch.cat([index.float() - row * self.columns, row])  # [2, D] column, row at stride 4
        coarse = torch.floor(place * 0.5)
        part = (place - 2 * coarse).T
        rows = (coarse[1][:, None] + self.down_by).clamp(0.0, self.coarse_rows - 1.0)
        columns = (coarse[0][:, None] + self.right_by).clamp(0.0, self.coarse_columns - 1.0)
        address = (rows * self.coarse_columns + columns).long()
        cells, deep_cells = features.flatten(2)[0].T, deep.flatten(2)[0].T
        patches = cells.index_select(0, address.reshape(-1)).reshape(DETECTIONS, -1)
        middle = deep_cells.index_select(0, address[:, PATCH[0] * PATCH[1] // 2])
        sure = torch.sigmoid(logits)
        described = net.read(patches, middle, part, sure / sure.sum(1, keepdim=True)).T
        at = (place + described[0:2].clamp(-3.0, 4.0)) * CELL
        size = described[2:4].clamp(-2.0, 5.0).exp() * CELL
        left_top, extent = picture
        inside = ((at >= left_top) & (at <= left_top + extent)).float().amin(0, keepdim=True)
        score = sure * inside
        over = (_iou(at, size, at, size) > self.tuning.nms_iou).float() * self.before
        start = (score >= 0.01).float()
        kept = start
        for _ in range(3):  # converges to sequential NMS (Cluster-NMS, arXiv 2005.03572)
            kept = start * (kept @ over < 0.5).float()
        h = size[1:2]
        return torch.cat(
            [at, score * kept, size, described[4:7].softmax(0), described[7:].clamp(-2.0, 2.0), h * h]
            + [torch.ones_like(h)],
        )

    def picture(self, view: Tensor) -> tuple[Tensor, Tensor]:
        """Return left, top and width, height of the picture in px of the core's input, [2, 1] each."""
        scale = torch.tensor([self.across, self.down, self.across, self.down])
        left_top, extent = torch.split((view[0:4] * scale).reshape(4, 1), 2)
        return left_top, extent

    def _shift(self, away: Tensor, near: Tensor, h: Tensor) -> Tensor:
        """Return the camera's displacement [2, 1] from the vectors [2, SLOTS, DETECTIONS] between tracks and
        detections; 0 when few pairs are near each other."""
        pairs = match(near, 1)
        matched = pairs.sum(1).reshape(1, SLOTS)
        count = matched.sum(1, keepdim=True)
        moved = (away * pairs).sum(2)
        scale = 1 / (0.15 * (h * matched).sum(1, keepdim=True) / count.clamp(min=1.0) + 1e-3)
        shift = moved.sum(1, keepdim=True) / count.clamp(min=1.0)
        for _ in range(2):  # robust mean: iteratively reweighted, Geman-McClure
            off = (moved - shift) * scale
            pull = 1 + (off * off).sum(0, keepdim=True)
            weight = matched / (pull * pull)
            shift = (weight * moved).sum(1, keepdim=True) / (weight.sum(1, keepdim=True) + 1e-6)
        return shift * (count >= 4.0).float()

    def forward(
        self,
        found: Tensor,
        picture: tuple[Tensor, Tensor],
        dt: Tensor,
        threshold: Tensor,
        team: Tensor,
        follow: Tensor,
        track: Tensor,
        clock: Tensor,
        teams: Tensor,
        trail: Tensor,
    ) -> tuple[Tensor, ...]:
        """Return the outputs and the state' of one frame in the order of `PlayerHead.outputs`.

        found [FOUND, DETECTIONS] is what `detections` says; the state is 0 after a reset.
        """
        t = self.tuning
        dt = dt.clamp(0.0, 2.0)
        ticks, given, scenes, since_cut, followed, metres = torch.split(clock, 1)
        fresh = (ticks < 0.5).float()

        power = torch.cat([torch.ones_like(dt), dt, dt * dt, dt * dt * dt]).reshape(1, 4)
        tall = track[_H : _H + 1]
        track = (power @ self.predict).reshape(ROWS, ROWS + 1) @ torch.cat([track, tall * tall])
        where, speed, p00, p01, p11, hits, lost, identity, active, side, seen, average = torch.split(
            track, [2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, _AVERAGED]
        )
        size = average[1:3]
        h = size[1:2]
        at, score, extent_found = found[0:2], found[2:3], found[3:5]
        high = (score >= threshold).float()
        low = (score >= threshold * t.low_share).float() - high

        # How much the camera moved beyond what was predicted.
        away = at[:, None, :] - where[:, :, None]
        h_column, active_column, lost_column = h.T, active.T, lost.T
        tall_found = extent_found[1:2]
        like = torch.minimum(h_column, tall_found) / torch.maximum(h_column, tall_found).clamp(min=1e-3)
        alike = (like > 0.5).float()
        spread = p00.T + 0.05 * h_column * h_column
        rough = (away * away).sum(0) / ((spread + 0.25 * h_column * h_column) * t.gate + 1e-6)
        usable = active_column * (lost_column < 0.2).float()
        shift = self._shift(away, (1 - rough).clamp(min=0.0) * like * alike * usable * high, h)
        where = where + shift * active
        speed = speed + shift * active * ((dt > 0).float() * 0.7 / dt.clamp(min=1e-3))

        # Two stages in one greedy matching: a confident detection always comes before a weak one.
        away = away - shift[:, :, None]
        far = (away * away).sum(0) / (spread + 1e-6)
        kits, kits_found = average[6:], found[8 : 8 + KIT]
        weighted = self.metric * kits_found
        unlike = (kits * kits * self.metric).sum(0)[:, None] + (kits_found * weighted).sum(0, keepdim=True)
        unlike = (unlike - 2 * kits.T @ weighted).clamp(min=0.0)
        affinity = 0.5 * _iou(where, size, at, extent_found) + 0.4 * torch.exp(-0.35 * far) + 0.1 * like
        affinity = affinity * (1 - t.kit_weight + t.kit_weight * torch.exp(-2 * unlike))
        affinity = affinity * ((far < t.gate).float() * alike * active_column)
        strong = (affinity > 0.08).float() * high
        weak = (affinity > 0.25).float() * low * (lost_column < 0.5).float()
        pairs = match((0.45 * affinity + 0.5 * high) * (strong + weak), 4)

        # A cut: many tracks, many detections, hardly any pair. Everything starts again, as after a reset.
        known = (active * (identity > 0.5).float()).sum(1)
        cut = ((known >= 6) & (high.sum(1) >= 6) & (pairs.sum().reshape(1) < 0.2 * known)).float()
        pairs = pairs * (1 - cut)
        active = active * (1 - cut)
        scenes = scenes + torch.maximum(fresh, cut)
        since_cut = (since_cut.clamp(max=1e5) + dt) * (1 - cut)
        fresh = torch.maximum(fresh, cut)

        z = found @ pairs.T
        hit = z[_FOUND_ONE:].clamp(max=1.0)
        floor = t.measure * h
        gain = hit / (p00 + (floor * floor).clamp(min=0.09))
        k0, k1 = p00 * gain, p01 * gain
        residual = z[0:2] - where
        where, speed = where + k0 * residual, speed + k1 * residual
        p11 = p11 - k1 * p01
        p00, p01 = (1 - k0) * p00, (1 - k0) * p01
        hits = hits + hit
        average = average + hit * torch.maximum(self.gains, 1 / (hits + 1)) * (z[2 : 2 + _AVERAGED] - average)
        lost = lost * (1 - hit)
        left_top, extent = picture
        inside = ((where >= left_top) & (where <= left_top + extent)).float().amin(0, keepdim=True)
        patience = torch.where(identity > 0.5, t.keep_seconds, 0.07)
        active = active * (lost <= patience).float() * torch.maximum(inside, hit)

        # Births fill the free slots in order of score.
        new = high * (1 - pairs.amax(0, keepdim=True))
        free = 1 - active.T
        born = (torch.cumsum(new, 1) == torch.cumsum(free, 0)).float() * new * free
        begun = (self.begin + fresh * self.begin_fresh) @ (found @ born.T)
        going_on = torch.cat([where, speed, p00, p01, p11, hits, lost, identity, active, side, seen, average])
        state = going_on * active + begun

        # An id is given with confirmation, so that false births use none up.
        before_id, identity, active, side, seen, average = torch.split(state, [_ID, 1, 1, 1, 1, _AVERAGED])
        hits, lost = before_id[_HITS : _HITS + 1], before_id[_LOST : _LOST + 1]
        confirmed = active * (hits >= t.confirm_hits).float()
        unnamed = confirmed * (identity < 0.5).float()
        identity = identity + unnamed * (given + torch.cumsum(unnamed, 1))
        given = given + unnamed.sum(1)
        shown = confirmed * (lost <= t.show_seconds).float()
        seen = seen + dt * shown
        label = _label(average[3:6])
        # Who may be a goalkeeper or a referee takes no part in the teams.
        plain = (average[4:6].amax(0, keepdim=True) <= 0.5).float()
        side, teams, both = self._teams(average[6:], side, shown * plain, hits, dt, teams)
        side_of = (side.abs() > 0.1).float() * both * plain * ((side < 0).float() + 1) - 1

        state = torch.cat([before_id, identity, active, side, seen, average])
        corners = self._corners(state[_X : _Y + 1], average[1:3], left_top, extent)
        per_second = state[_VX : _VY + 1] / extent
        tracks = torch.cat([corners, average[0:1], label, identity, shown, per_second, side_of]) * shown
        wanted = ((team < -0.5).float() + ((side_of - team).abs() < 0.5).float()).clamp(max=1.0)
        visible = torch.cat([tracks[0:8] * wanted, side_of])

        named = (pairs + born) * (identity * confirmed).T
        valid = (score >= 0.01).float()
        found_corners = self._corners(at, extent_found, left_top, extent)
        detections = torch.cat([found_corners, score, _label(found[5:8]), named.amax(0, keepdim=True), valid])

        mine = shown * (identity == follow).float() * (follow > 0.5).float()
        same = (follow == followed).float()
        there = mine.sum(1)
        trail, path = self._trail(state[_X : _Y + 1], mine, shift, same * (1 - cut), dt, trail, picture)
        # Metres by the person's height, relative to what most people in view do.
        people = shown.sum(1)
        crowd = (state[_VX : _VY + 1] * shown).sum(1, keepdim=True) / people.clamp(min=1.0)
        relative = state[_VX : _VY + 1] - crowd
        pace = (relative * relative).sum(0, keepdim=True).sqrt() * (_PERSON_M / average[2:3].clamp(min=1.0))
        pace = (pace * mine).sum(1).clamp(max=15.0)
        metres = metres * same * (1 - cut) + pace * dt * (pace > 0.7).float()
        scaled = there * (people >= 6.0).float()
        roles, sides = torch.tensor([[0.0], [1.0], [2.0]]), torch.tensor([[0.0], [1.0]])
        counts = (torch.cat([label == roles, side_of == sides]).float() * shown).sum(1)
        stats = torch.cat(
            [people, counts, both.reshape(1), given, scenes]
            + [(since_cut < 2.0).float() * (scenes > 1.5).float()]
            + [(seen * mine).sum(1), there, pace * 3.6, metres, scaled]
        )
        clock = torch.cat([ticks.clamp(max=1e6) + 1, given, scenes, since_cut, follow, metres])
        return (
            tracks.T, visible.T, (detections * valid).T, path.T, stats[None, :], state, clock, teams, trail
        )  # fmt: skip

    def _teams(
        self, kits: Tensor, side: Tensor, players: Tensor, hits: Tensor, dt: Tensor, teams: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the side of each track (1 = first team, -1 = second), their kits, whether they are known.

        Two-means that never ends: each frame moves the two kits towards the players who wear them. It begins
        with a split along the direction in which kits differ most, the lighter half first, and begins
        again as long as the two do not stand apart.
        """
        count = players.sum(1, keepdim=True)
        spread = kits - (kits * players).sum(1, keepdim=True) / count.clamp(min=1.0)
        scaled = spread * self.metric * players
        cover = scaled @ spread.T
        for _ in range(3):  # squaring leaves the strongest direction
            cover = cover / (cover.abs().reshape(1, -1).amax(1, keepdim=True) + 1e-6)
            cover = cover @ cover
        direction = cover @ self.ahead
        direction = direction * (2 * (direction[0:1] >= 0).float() - 1)
        first = ((direction * scaled).sum(0, keepdim=True) > 0).float()

        updates = teams[0:1, KIT:]
        begun = (updates > 0.5).float()
        off = kits[None] - teams[:, :KIT, None]
        distance = (off * off * self.metric).sum(1)
        apart = teams[0:1, :KIT] - teams[1:2, :KIT]
        apart = (apart * apart * self.metric.T).sum(1, keepdim=True) + 1e-4
        evidence = ((distance[1:2] - distance[0:1]) / apart).clamp(-1.0, 1.0)
        # A kit far from both says nothing: a goalkeeper, an official, two people in one box.
        evidence = evidence * (distance.amin(0, keepdim=True) < apart).float()
        side = side + players * torch.maximum(1 / (hits + 1), torch.full_like(hits, 0.1)) * (evidence - side)
        first = begun * (evidence > 0).float() + (1 - begun) * first
        second = begun * (evidence < 0).float() + (1 - begun) * (1 - first)
        wear = torch.cat([first, second]) * players
        worn = wear.sum(1, keepdim=True)
        mean = (wear @ kits.T) / worn.clamp(min=1.0)
        rate = torch.maximum(1 / (updates + 1), (dt / self.tuning.team_seconds).reshape(1, 1))
        moved = teams[:, :KIT] + rate * (worn >= 1.5).float() * (mean - teams[:, :KIT])
        enough = torch.maximum(begun, (count >= 6).float() * (worn.amin(0, keepdim=True) >= 2.5).float())
        # Within a team kits differ less than between the two.
        within = (distance.amin(0, keepdim=True) * players).sum(1, keepdim=True) / count.clamp(min=1.0)
        stands = torch.maximum(1 - begun, ((within < 0.35 * apart) & (apart > 0.1)).float())
        going_on = enough * torch.maximum(stands, (updates > 24.5).float())
        updates = (updates + 1).clamp(max=1e6) * going_on
        kept = torch.cat([moved, torch.cat([updates, updates])], 1) * going_on
        return side * going_on, kept, (updates >= 1.5).float()

    def _trail(
        self,
        where: Tensor,
        mine: Tensor,
        shift: Tensor,
        same: Tensor,
        dt: Tensor,
        trail: Tensor,
        picture: tuple[Tensor, Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Return trail' [4, TRAIL] and the path [3, TRAIL] of the followed one; both move with the camera."""
        left_top, extent = picture
        trail = trail * same
        old = trail[:, TRAIL - 1 :]
        now = torch.cat([(where * mine).sum(1, keepdim=True), mine.sum(1, keepdim=True)])
        waited = old[3:4] + dt
        push = torch.maximum((waited >= 0.1).float(), 1 - old[2:3]) * now[2:3]
        points = torch.cat([trail[0:2] + shift * trail[2:3], trail[2:3]])
        moved = torch.cat([points[:, 1:], now], 1)
        points = points + push * (moved - points)
        waited = waited * (1 - push) * torch.ones_like(points[0:1])
        at = (points[0:2] - left_top) / extent
        inside = ((at >= 0) & (at <= 1)).float().amin(0, keepdim=True) * points[2:3]
        path = torch.cat([at, torch.ones_like(inside)]) * inside
        return torch.cat([points, waited]), path

    @staticmethod
    def _corners(at: Tensor, size: Tensor, left_top: Tensor, extent: Tensor) -> Tensor:
        """Return the corners [4, n] in 0..1 of the picture."""
        middle, half = (at - left_top) / extent, size * 0.5 / extent
        return torch.cat([middle - half, middle + half]).clamp(0.0, 1.0)


def _label(weights: Tensor) -> Tensor:
    """Return 0, 1 or 2 [1, n] for role weights [3, n]; a rare role is said only when it is sure."""
    sure = (weights[1:3] > _SURE).float()
    return sure[0:1] + 2 * sure[1:2]


class PlayerHead(nn.Module):
    """`net` and `post` together: what is exported."""

    inputs = ("features", "view", "dt", "threshold", "team", "follow", *STATE)
    outputs = (
        "tracks",
        "shown",
        "detections",
        "trail",
        "stats",
        "track_next",
        "clock_next",
        "teams_next",
        "trail_state_next",
    )

    def __init__(self, shape: tuple[int, int, int], width: int = 48, tuning: Tuning | None = None) -> None:
        super().__init__()
        self.net = PlayerNet(shape[0], width)
        self.post = PlayerPost(tuning or Tuning(), shape)

    def forward(
        self,
        features: Tensor,
        view: Tensor,
        dt: Tensor,
        threshold: Tensor,
        team: Tensor,
        follow: Tensor,
        track: Tensor,
        clock: Tensor,
        teams: Tensor,
        trail_state: Tensor,
    ) -> tuple[Tensor, ...]:
        """Run one frame; shapes as in the manifest."""
        picture = self.post.picture(view)
        heat, deep = self.net(features)
        found = self.post.detections(heat, deep, features, self.net, picture)
        result: tuple[Tensor, ...] = self.post(
            found, picture, dt, threshold, team, follow, track, clock, teams, trail_state
        )
        return result
