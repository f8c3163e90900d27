"""What the ball does, from its path and from the people around it: speed, touches, possession, passes,
bounces.

    path, people -> camera movement, scale -> sudden changes -> who has it -> stats [1, n], memory'

What cannot be known has a `valid` flag of 0. All lengths are pixels of the core's input, rates are per
second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from task_heads.ball_statistics.following import Sight

__all__ = ["CONTACT_VALUES", "MEMORY", "STATS", "Measures", "Meter", "People"]

STATS = (
    "visible", "ball_x", "ball_y", "confidence", "speed", "moving", "unseen", "ever", "share", "timed",
    "speed_m_s", "scaled", "turns", "touches", "peopled", "holder", "held", "team", "owned",
    "first_share", "second_share", "shared", "first_passes", "second_passes", "first_turnovers",
    "second_turnovers", "in_play", "hits", "bounces", "rally", "bouncy",
)  # fmt: skip
"""Columns of the output `stats`."""

MEMORY = (
    "ever", "visible_s", "total_s", "unseen", "camera_x", "camera_y", "height", "slope", "since_change",
    "since_move", "turns", "touches", "hits", "bounces", "in_play", "holder", "team", "since_contact",
    "hidden", "first_s", "second_s", "first_passes", "second_passes", "first_turnovers",
    "second_turnovers", "peopled", "jump", "turned", "sprang", "struck",
)  # fmt: skip
"""What is remembered between frames; all 0 after a reset."""

CONTACT_VALUES = 3
"""Of each row of people: id, seconds without the ball (1 at most) and seconds with it."""

FOOTBALL, TENNIS, BADMINTON, VOLLEYBALL = 0.0, 1.0, 2.0, 3.0
"""Values of the setting `sport`."""


@dataclass(frozen=True)
class Measures:
    """The constants; lengths in heights of a person (h) or px, times in s."""

    person_m: float = 1.75
    focal: float = 1.4
    """Focal length that is supposed of a camera, in widths of the picture."""
    flattest: float = 0.15
    speed_hits: float = 3.0
    after_s: float = 0.14
    before_s: float = 0.34
    """A change is looked for between the path of the last `after_s` and the path before it."""
    change: float = 1.3
    """Least sudden change of velocity, in h/s; a height that is not known counts as `height_px`."""
    height_px: float = 40.0
    turn_cosine: float = 0.87
    again_s: float = 0.2
    reach: tuple[float, float, float] = (0.45, 0.22, 0.08)
    """Half width and half height of the space at somebody's feet, and its height above the ground, in h."""
    reach_speed: float = 2.5
    take_s: tuple[float, float] = (0.12, 0.2)
    """So long the ball must stay with somebody who gets it: alone there, and in a duel."""
    apart: float = 4.0
    apart_s: float = 0.2
    """Somebody from whom the ball was so far, by squared distance, for so long is a person."""
    alone: float = 3.0
    """Somebody is alone with the ball when others are so many times farther, by squared distance."""
    renamed_s: float = 0.2
    contact_s: float = 0.4
    spell_s: float = 0.6
    """Contact after a longer break than this is a new touch."""
    carry_s: float = 4.0
    hidden_s: float = 1.0
    rest_s: float = 2.0
    move: float = 0.4


@dataclass(frozen=True)
class People:
    """Where to find things in the needed table of tracks; a column that is not there is None."""

    shape: tuple[int, int]
    columns: tuple[str, ...]

    def take(self, table: Tensor, name: str, default: float) -> Tensor:
        """Return the column [people, 1] of that name, or the default everywhere."""
        if name in self.columns:
            at = self.columns.index(name)
            return table[:, at : at + 1]
        return torch.full((self.shape[0], 1), default)


class Meter(nn.Module):
    """Turns one frame's sight, path and people into statistics."""

    def __init__(self, measures: Measures, people: People) -> None:
        super().__init__()
        self.measures, self.people = measures, people

    def camera(
        self, table: Tensor, memory: dict[str, Tensor], picture: Tensor, dt: Tensor
    ) -> dict[str, Tensor]:
        """Return the people in px and the camera's movement: that on which most people agree."""
        take, (left, top, width, height) = self.people.take, torch.split(picture, 1)
        valid = (take(table, "valid", 0.0) >= 0.5).float() * (take(table, "label", 0.0) < 1.5).float()
        x0, y0, x1, y1 = (take(table, name, 0.0) for name in ("x0", "y0", "x1", "y1"))
        tall = ((y1 - y0) * height).clamp(min=2.0)
        vx, vy = take(table, "vx", 0.0) * width, take(table, "vy", 0.0) * height
        weight = valid
        for _ in range(3):  # Geman-McClure
            total = weight.sum(0) + 1e-6
            mean_x, mean_y = (weight * vx).sum(0) / total, (weight * vy).sum(0) / total
            off = ((vx - mean_x) ** 2 + (vy - mean_y) ** 2) / (1.0 * tall) ** 2
            weight = valid / (1 + off) ** 2
        steady = (valid.sum(0) >= 4.0).float()
        pan_x, pan_y = mean_x * steady, mean_y * steady
        memory["camera_x"] = memory["camera_x"] + pan_x * dt
        memory["camera_y"] = memory["camera_y"] + pan_y * dt
        return {
            "x": (x0 + x1) / 2 * width + left, "foot": y1 * height + top, "tall": tall, "valid": valid,
            "vx": vx, "vy": vy, "pan_x": pan_x, "pan_y": pan_y, "steady": steady,
            "id": torch.floor(take(table, "id", 0.0) + 0.5), "team": take(table, "team", -1.0),
        }  # fmt: skip

    def _slope(self, path: Tensor, low: float, high: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the velocity over the rows whose age is in (low, high], and 1 where three of them were
        seen."""
        age = path[:, 3:4]
        use = path[:, 2:3] * (1 - path[:, 4:5]) * (age > low).float() * (age <= high).float()
        count = use.sum(0)
        middle = (use * path[:, 3:]).sum(0) / count.clamp(min=1.0)
        away = (path[:, 3:] - middle) * use
        spread = (away[:, 0] * away[:, 0]).sum(0, keepdim=True).clamp(min=1e-5)
        slope = -(away[:, 0:1] * away).sum(0) / spread
        known = (count >= 3.0).float() * (spread > 1e-4).float()
        return slope[2:3] * known, slope[3:4] * known, known

    def forward(
        self, sight: Sight, path: Tensor, crowd: dict[str, Tensor], memory: dict[str, Tensor],
        contacts: Tensor, picture: Tensor, view: Tensor, dt: Tensor, sport: Tensor,
    ) -> tuple[Tensor, Tensor]:  # fmt: skip
        """Return stats [1, len(STATS)] and contacts', and change `memory`.

        path [rows, 7]: x y, valid, age, guess, x y without the camera's movement; crowd: from `camera`.
        """
        m = self.measures
        left, top, width, height = torch.split(picture, 1)
        seen, there = sight.seen, torch.maximum(sight.seen, sight.guess)
        memory["ever"] = torch.maximum(memory["ever"], seen)
        memory["visible_s"], memory["total_s"] = memory["visible_s"] + dt * seen, memory["total_s"] + dt
        memory["unseen"] = (memory["unseen"] + dt) * (1 - seen)
        timed = (memory["total_s"] > 0).float()

        after_x, after_y, fresh = self._slope(path, -1.0, m.after_s)
        before_x, before_y, earlier = self._slope(path, m.after_s, m.before_s)
        tall, flat, scaled = self._scale(sight, crowd, memory, width, dt)
        who, contacts, alone = self._nearest(sight, crowd, memory, (after_x, after_y), fresh, contacts, dt)
        self._changes(
            memory, (before_x, before_y), (after_x, after_y), seen * fresh * earlier, tall, sport, dt
        )
        self._possession(memory, crowd, who, contacts, alone, sight, dt)
        pace = torch.sqrt(after_x * after_x + after_y * after_y)
        memory["since_move"] = torch.where(
            seen * fresh * (pace > m.move * tall).float() > 0.5, dt * 0, memory["since_move"] + dt
        )
        going = (memory["since_move"] <= m.rest_s).float() * there
        memory["in_play"] = memory["in_play"] + dt * going

        moving = seen * (sight.hits >= m.speed_hits).float()
        speed = torch.sqrt(sight.vx * sight.vx + sight.vy * sight.vy) * view[4:5] / width * moving
        known = seen * fresh * scaled
        over_ground = torch.sqrt(after_x * after_x + (after_y / flat) ** 2) / tall * m.person_m
        first_s, second_s = memory["first_s"], memory["second_s"]
        owned_s = first_s + second_s
        football = (sport < 0.5).float()
        peopled = memory["peopled"] * football
        held = football * self._held(memory) * there
        owned = football * self._owned(memory) * there
        shared = football * (owned_s > 0).float()
        rally = (1 - football) * memory["ever"]
        bouncy = rally * ((sport - BADMINTON).abs() > 0.5).float()
        share = memory["visible_s"] / memory["total_s"].clamp(min=1e-3)
        both_s = owned_s.clamp(min=1e-3)
        values = {
            "visible": seen,
            "ball_x": (sight.x - left) / width * view[4:5] * seen,
            "ball_y": (sight.y - top) / height * view[5:6] * seen,
            "confidence": sight.score * seen,
            "speed": speed,
            "moving": moving,
            "share": share * timed,
            "timed": timed,
            "speed_m_s": over_ground * known,
            "scaled": known,
            "peopled": peopled,
            "holder": memory["holder"] * held,
            "held": held,
            "team": memory["team"] * owned,
            "owned": owned,
            "first_share": first_s / both_s,
            "second_share": second_s / both_s,
            "shared": shared,
            "rally": rally,
            "bouncy": bouncy,
        }
        stats = torch.cat([values[name] if name in values else memory[name] for name in STATS])[None]
        return stats, contacts

    def _scale(
        self, sight: Sight, crowd: dict[str, Tensor], memory: dict[str, Tensor], across: Tensor, dt: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return how tall people near the ball are in px, how much shorter the way towards the camera looks
        there (1 = not at all), and 1 where enough people are there to tell.

        Seen from above, people further up look smaller: height = slope * (foot - horizon), so that the line
        of sight dips below the horizon by height / slope px, which is focal length * tan(angle).
        """
        m, tall, valid = self.measures, crowd["tall"], crowd["valid"]
        far = ((crowd["x"] - sight.x) ** 2 + (crowd["foot"] - sight.y) ** 2) / (5 * tall) ** 2
        weight = valid * torch.exp(-0.5 * far)
        total = weight.sum(0)
        count = valid.sum(0).clamp(min=1.0)
        foot = (crowd["foot"] - (valid * crowd["foot"]).sum(0) / count) * valid
        slope = (foot * tall).sum(0) / (foot * foot).sum(0).clamp(min=1.0)
        enough = (total > 0.3).float() * sight.seen * (slope > 0.01).float() * crowd["steady"]
        now = (weight * tall).sum(0) / total.clamp(min=1e-3)
        was = memory["height"]
        slow = torch.where(was > 0, 1 - torch.exp(-dt / 0.5), dt * 0 + 1) * enough
        memory["height"] = was + slow * (now - was)
        memory["slope"] = memory["slope"] + torch.where(was > 0, slow * 0.25, slow) * (
            slope - memory["slope"]
        )
        known = (memory["height"] > 0).float()
        height = torch.where(known > 0.5, memory["height"], dt * 0 + m.height_px)
        dip = memory["height"] / memory["slope"].clamp(min=1e-3) / (m.focal * across)
        return height, (dip / torch.sqrt(1 + dip * dip)).clamp(m.flattest, 1.0), known * enough

    def _nearest(
        self, sight: Sight, crowd: dict[str, Tensor], memory: dict[str, Tensor],
        speed: tuple[Tensor, Tensor], fresh: Tensor, contacts: Tensor, dt: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return the one-hot column [people, 1] of who has the ball at the feet (all 0: nobody), contacts'
        [people, CONTACT_VALUES], and 1 where nobody else is near."""
        m = self.measures
        across, up, above = m.reach
        tall, valid, seen = crowd["tall"], crowd["valid"], sight.sure
        number, apart, with_ball = torch.split(contacts, 1, 1)
        known = (crowd["id"] == number).float() * valid
        dx = (sight.x - crowd["x"]) / (across * tall)
        dy = ((sight.y - crowd["foot"]) / tall + above) / up
        distance = dx * dx + dy * dy
        # A ball that rolls or flies may be taken for a person: whoever was never without it is the ball.
        away = (distance > m.apart).float() * valid * seen
        apart = (apart * known + dt * away).clamp(max=1.0)
        able = (apart >= m.apart_s).float() * valid
        # A ball that flies past is not at anybody's feet; who has it keeps it in a duel.
        off_x, off_y = speed[0] + crowd["pan_x"] - crowd["vx"], speed[1] + crowd["pan_y"] - crowd["vy"]
        quick = (off_x * off_x + off_y * off_y > (m.reach_speed * tall) ** 2).float() * fresh
        is_holder = (crowd["id"] == memory["holder"]).float()
        distance = distance * (1 - 0.4 * is_holder) + 1e3 * quick + 1e3 * (1 - able)
        least = distance.amin(0, keepdim=True)
        nearest = (distance == least).float()
        who = nearest * (torch.cumsum(nearest, 0) < 1.5).float() * (least < 1.0).float() * seen
        second = (distance + 1e3 * who).amin(0)
        alone = (second > m.alone * least[0]).float()
        with_ball = (with_ball * known + dt * (who - (1 - who) * seen)).clamp(0.0, 1.0)
        return who, torch.cat([crowd["id"] * valid, apart, with_ball], 1), alone

    def _changes(
        self, memory: dict[str, Tensor], before: tuple[Tensor, Tensor], after: tuple[Tensor, Tensor],
        known: Tensor, tall: Tensor, sport: Tensor, dt: Tensor,
    ) -> None:  # fmt: skip
        """Count the sudden changes of the ball's velocity: turns, hits and bounces."""
        m = self.measures
        jump_x, jump_y = after[0] - before[0], after[1] - before[1]
        was = torch.sqrt(before[0] * before[0] + before[1] * before[1] + 1e-6)
        now = torch.sqrt(after[0] * after[0] + after[1] * after[1] + 1e-6)
        jump = torch.sqrt(jump_x * jump_x + jump_y * jump_y)
        straight = (before[0] * after[0] + before[1] * after[1]) / (was * now)
        turned = (straight < m.turn_cosine).float() * (torch.minimum(was, now) > m.move * tall).float()
        fell = (before[1] > 0).float() * (after[1] < 0).float() * (before[0] * after[0] >= 0).float()
        sprang = fell * (now < 1.05 * was).float() * ((sport - BADMINTON).abs() > 0.5).float()
        struck = torch.maximum((straight < 0.7).float(), (now > 1.5 * was).float()) * (1 - sprang)
        # The two stretches of path fit a change best when it lies between them: the frame before had the
        # peak. jump = jump * known
        memory["since_change"] = memory["since_change"] + dt
        peak = (jump < memory["jump"]).float() * (memory["jump"] > m.change * tall).float()
        change = peak * (memory["since_change"] >= m.again_s).float()
        memory["since_change"] = memory["since_change"] * (1 - change)
        for total, flag, happened in (
            ("turns", "turned", turned),
            ("bounces", "sprang", sprang),
            ("hits", "struck", struck),
        ):
            memory[total] = memory[total] + change * memory[flag]
            memory[flag] = happened * known
        memory["jump"] = jump

    def _possession(
        self, memory: dict[str, Tensor], crowd: dict[str, Tensor], who: Tensor, contacts: Tensor,
        alone: Tensor, sight: Sight, dt: Tensor,
    ) -> None:  # fmt: skip
        """Decide who has the ball, and count passes and lost balls by team."""
        m = self.measures
        memory["peopled"] = torch.maximum(memory["peopled"], crowd["valid"].amax(0))
        near = who.sum(0)
        here = (who * crowd["id"]).sum(0)
        team = (who * crowd["team"]).sum(0)
        held_s = (who * contacts[:, 2:3]).sum(0)
        holder = memory["holder"]
        same = near * (here == holder).float()
        rival = near * (1 - same)
        takes = rival * (held_s >= m.take_s[1] + (m.take_s[0] - m.take_s[1]) * alone).float()
        had = (holder > 0.5).float()
        still_there = ((crowd["id"] == holder).float() * crowd["valid"]).amax(0)
        # Somebody who gets a new number at the ball has not passed it to anybody.
        renamed = (1 - still_there) * (memory["since_contact"] < m.renamed_s).float()
        clear = had * (1 - renamed) * (memory["hidden"] <= m.hidden_s).float()
        known = (memory["team"] >= 0).float() * (team >= 0).float()
        counted = takes * clear * known
        mate = (memory["team"] == team).float()
        by_first = (memory["team"] < 0.5).float()
        for name, kind in (("passes", mate), ("turnovers", 1 - mate)):
            memory[f"first_{name}"] = memory[f"first_{name}"] + counted * kind * by_first
            memory[f"second_{name}"] = memory[f"second_{name}"] + counted * kind * (1 - by_first)
        contact = torch.maximum(same, takes)
        again = same * (memory["since_contact"] > m.spell_s).float()
        memory["touches"] = memory["touches"] + torch.maximum(takes, again)
        owned = self._owned(memory) * torch.maximum(sight.seen, sight.guess)
        memory["first_s"] = memory["first_s"] + dt * owned * by_first
        memory["second_s"] = memory["second_s"] + dt * owned * (1 - by_first)
        memory["holder"] = torch.where(takes > 0.5, here, holder)
        sure = contact * torch.maximum(takes, (team >= 0).float())
        memory["team"] = torch.where(sure > 0.5, team, memory["team"])
        memory["since_contact"] = (memory["since_contact"] + dt) * (1 - contact)
        memory["hidden"] = (memory["hidden"] + dt * (1 - sight.seen)) * (1 - contact)

    def _held(self, memory: dict[str, Tensor]) -> Tensor:
        """Return 1 while somebody has had the ball at the feet a moment ago."""
        m = self.measures
        recent = (memory["since_contact"] <= m.contact_s).float()
        return recent * (memory["holder"] > 0.5).float()

    def _owned(self, memory: dict[str, Tensor]) -> Tensor:
        """Return 1 while a team has the ball: from a player's taking it until it was gone for too long."""
        m = self.measures
        recent = (memory["since_contact"] <= m.carry_s).float()
        return recent * (memory["holder"] > 0.5).float() * (memory["team"] >= 0).float()
