"""The player head: `net` finds and describes people, `post` makes tracks with ids and teams of them.

    features [1, C, h, w] -> net  -> maps [1, 20, h, w] (heat and box of four sub-cells of stride 4) and deep
    maps, deep, features, state -> post -> tracks, shown, detections, trail, stats, state'

The whole head is one ONNX graph without loops over data. A node costs more than its arithmetic in WASM, so
what is linear is a product with a constant matrix. `finding` makes detections of maps, `following` tracks of
detections, `teams` and `telling` what is said of them. Lengths are px of the core's input.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from task_heads.player_tracking.finding import CELL, DETECTIONS, KIT, PATCH, Finder
from task_heads.player_tracking.following import ROWS, SLOTS, Follower, Tuning, match, row
from task_heads.player_tracking.teams import Teams
from task_heads.player_tracking.telling import TRAIL, Picture, Seen, Teller

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

STATE: dict[str, tuple[int, ...]] = {
    "track": (ROWS, SLOTS),
    "clock": (1, 8),
    "teams": (2, KIT),
    "trail_state": (3, TRAIL),
}
"""State tensors. clock: one after the first frame, ids given, scenes, seconds since the last cut, the id
followed and its metres, how often the teams were updated, seconds until the trail's next point. teams: kit of
each. trail_state: x, y, valid."""


def _conv(inputs: int, outputs: int, kernel: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, 1, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class PlayerNet(nn.Module):
    """`forward` says where people may be, and with what outline; `read` describes the few that were chosen.

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
        self.last = nn.Conv2d(width, 20, 1)
        assert self.last.bias is not None
        nn.init.constant_(self.last.bias.data[:4], -4.0)  # people are rare: start with low scores
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
            nn.init.zeros_(parameter.data[:4])  # begin with the outline as it is

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps [B, 20, h, w] of features [B, C, h, w], for pixel_shuffle(2) to stride 4, and the
        trunk's own features [B, width, h, w].

        maps: heat logit, dx, dy, log w, log h (cells of stride 4; dx and dy from the sub-cell's corner).
        """
        deep = self.trunk(features)
        return self.last(deep), deep

    def read(self, patches: Tensor, deep: Tensor, part: Tensor, crowd: Tensor) -> Tensor:
        """Return what is to be added to the outline, three role logits and the kit, [n, 7 + KIT].

        patches [n, PATCH cells row by row, each with its channels], deep [n, width] of the middle cell, part
        [n, 2] the sub-cell's column and row, 0 or 1. crowd [1 or n, n]: what each place counts in what is
        usual in the picture, rows sum to 1; a role is told by how somebody differs from it.
        """
        seen = torch.cat([patches, deep, part], 1)
        look = self.look(seen)
        box, kit = torch.split(self.reader(seen), [4, KIT], 1)
        role = self.role(torch.cat([look, look - crowd @ look], 1))
        return torch.cat([box, role, kit], 1)


class PlayerPost(nn.Module):
    """Detections -> tracks -> ids and teams -> tables and figures."""

    rare: Tensor

    def __init__(self, tuning: Tuning, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.tuning = tuning
        self.finder = Finder(tuning.nms_iou, tuning.vote_iou, shape)
        self.follower = Follower(tuning)
        self.teams = Teams(tuning.team_seconds)
        self.register_buffer("rare", torch.tensor([[0.0, 1.0, 1.0]]), persistent=False)
        self.teller = Teller(shape[2] * 2 * CELL, shape[1] * 2 * CELL)

    def picture(self, view: Tensor) -> Picture:
        """Return where the picture lies in the core's input."""
        return self.teller.picture(view)

    def detections(
        self, maps: Tensor, deep: Tensor, features: Tensor, net: PlayerNet, picture: Picture
    ) -> Tensor:
        """Return [FOUND, DETECTIONS], best first."""
        found: Tensor = self.finder(maps, deep, features, net.read, picture.centre, picture.half)
        return found

    def forward(
        self, found: Tensor, picture: Picture, dt: Tensor, threshold: Tensor, team: Tensor, follow: Tensor,
        track: Tensor, clock: Tensor, teams: Tensor, trail: Tensor,
    ) -> tuple[Tensor, ...]:  # fmt: skip
        """Return the outputs and the state' of one frame in the order of `PlayerHead.outputs`.

        found [FOUND, DETECTIONS] is what `detections` says; the state is 0 after a reset.
        """
        t = self.tuning
        dt = dt.clamp(0.0, 2.0)
        begun, given, scenes, since, followed, metres, updates, until = torch.split(clock, 1, 1)
        tracked = self.follower(found, picture.centre, picture.half, dt, threshold, begun, track)
        before, lost, hits, active, identity, side, seconds, size, belief, kit, square = torch.split(
            tracked.state, [row("lost"), 1, 1, 1, 1, 1, 1, 3, 3, KIT, 1]
        )
        # An id is given with confirmation, so that false births use none up.
        confirmed = (hits >= t.confirm_hits).float()
        unnamed = torch.relu(confirmed - identity)
        identity = identity + unnamed * (given + torch.cumsum(unnamed, 1))
        given = torch.maximum(given, identity.amax(1, keepdim=True))
        shown = torch.where(lost <= t.show_seconds, confirmed, 0.0)
        seconds = seconds + dt * shown
        # Who may be a goalkeeper or a referee takes no part in the teams.
        rare = (belief > 0.5).float()
        players = torch.relu(torch.addmm(shown, self.rare, rare, alpha=-1))
        side, teams, updates, both = self.teams(kit, players, side, hits, dt, teams, updates)
        plain = side * (players * both)
        of_team = torch.where(plain < -0.1, 1.0, torch.where(plain > 0.1, 0.0, -1.0))
        state = torch.cat([before, lost, hits, active, identity, side, seconds, size, belief, kit, square])

        named = identity @ tracked.seen_as
        detections = self.teller.detections(found, named, picture)
        tracks, visible, said = self.teller.tracks(state, belief, Seen(shown, of_team), team, picture)

        calm = tracked.going_on
        scenes = scenes + (1 - calm)
        since = (since + dt) * calm
        same = torch.where(followed == follow, calm, 0.0)
        mine = torch.where(identity == follow, shown, 0.0)
        people, counts, watched, there, speed, crowd, at, tall = self.teller.people(said, mine)
        now = torch.cat([at, there], 1).T
        path, trail, until = self.teller.trail(now, there, tracked.shift, same, dt, until, trail, picture)
        pace, scaled = self.teller.pace(speed, crowd, people, tall, there)
        metres = self.teller.way(metres * same, pace, dt)
        news = self.teller.new_scene(scenes, since)
        stats = torch.cat(
            [people, counts, both, given, scenes, news, watched, there, pace * 3.6, metres, scaled], 1
        )
        one = torch.ones(1, 1)
        clock = torch.cat([one, given, scenes, since, follow[None], metres, updates, until], 1)
        return tracks, visible, detections, path, stats, state, clock, teams, trail


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
        maps, deep = self.net(features)
        found = self.post.detections(maps, deep, features, self.net, picture)
        result: tuple[Tensor, ...] = self.post(
            found, picture, dt, threshold, team, follow, track, clock, teams, trail_state
        )
        return result
