"""What the head puts out: tables of tracks and detections, the path of the one who is followed, figures.

Nearly all of it is linear in the rows of tracks and detections, and becomes one product with a constant
matrix. Places become 0..1 of the picture last, by numbers that `view` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from task_heads.player_tracking.finding import FOUND
from task_heads.player_tracking.following import ROWS, row

__all__ = ["TRAIL", "Picture", "Seen", "Teller"]

TRAIL = 32
_TRAIL_SECONDS = 0.1
_SURE = 0.8
"""A role is told from this weight on; at one half most that were called referees were people beside the
pitch."""
_PERSON_M = 1.8
"""The scale of approximate metres: a tracked box is this tall."""
_RUNS_M_S = 0.7
_FASTEST_M_S = 15.0
_PEOPLE_FOR_METRES = 6
_NEW_SCENE_SECONDS = 2.0

_CORNERS = ("x0", "y0", "x1", "y1")
_TRACKS = (*_CORNERS, "score", "label", "id", "valid", "vx", "vy", "team")
_SHOWN = (*_TRACKS[:8], "team")
_DETECTIONS = _TRACKS[:8]
# Rows beside those of a track: sure roles, team, its square, whether it is shown.
_SURE_AT, _TEAM, _TEAM_SQUARE, _SHOWN_AT = ROWS, ROWS + 3, ROWS + 4, ROWS + 5
_SAID = ROWS + 6
_FIGURES = (1, 5, 1, 1, 2, 2, 2, 1)
"""People, counts of some of them; of the one followed: seconds, one, speed; the sum of all speeds; of the one
followed: place, height."""


@dataclass(frozen=True)
class Picture:
    """Where the picture lies in the core's input: centre and half its size [2, 1] in px, and what of columns
    is taken away and what they are then divided by to be 0..1 of it: `at` and `size` [3, 1] of points, rows
    of [1, 8] or [1, 11] of tables."""

    centre: Tensor
    half: Tensor
    corner: Tensor
    size: Tensor
    tables: tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Seen:
    """Rows [1, SLOTS] of tracks: 1.0 where shown, team (-1: none)."""

    shown: Tensor
    team: Tensor


class Teller(nn.Module):
    """From tracks and detections to the outputs."""

    picture_columns: Tensor
    picture_least: Tensor
    track_columns: Tensor
    shown_columns: Tensor
    found_columns: Tensor
    figures: Tensor
    least: Tensor
    most: Tensor

    def __init__(self, across: float, down: float) -> None:
        super().__init__()

        def keep(name: str, value: Tensor) -> None:
            self.register_buffer(name, value, persistent=False)

        columns, least = _picture(across, down)
        keep("picture_columns", columns)
        keep("picture_least", least)
        keep("track_columns", _track_columns())
        keep("found_columns", _found_columns())
        wanted = torch.zeros(len(_TRACKS), len(_SHOWN))
        for number, name in enumerate(_SHOWN):
            wanted[_TRACKS.index(name), number] = 1.0
        keep("shown_columns", wanted)
        keep("figures", _figures())
        corner = torch.arange(len(_TRACKS)) < len(_CORNERS)
        keep("least", torch.where(corner, 0.0, -1e9)[None])
        keep("most", torch.where(corner, 1.0, 1e9)[None])

    def picture(self, view: Tensor) -> Picture:
        """Return where the picture lies, for `view` [6]."""
        numbers = torch.addmm(self.picture_least, view[None], self.picture_columns)
        columns, *rows = torch.split(numbers, [10, 8, 8, 11, 11], 1)
        centre, half, corner, size = torch.split(columns.T, [2, 2, 3, 3])
        return Picture(centre, half, corner, size, ((rows[0], rows[1]), (rows[2], rows[3])))

    def detections(self, found: Tensor, named: Tensor, picture: Picture) -> Tensor:
        """Return the table of detections [n, 8]; found [FOUND, n], named [1, n] their tracks' ids."""
        score, _, role, _ = torch.split(found[2:], [1, 2, 3, FOUND - 8])
        valid = (score >= 0.01).float()
        rows = torch.cat([found, (role > _SURE).float(), named, valid])
        return self._table(rows.T @ self.found_columns, *picture.tables[0]) * valid.T

    def tracks(
        self, state: Tensor, belief: Tensor, seen: Seen, team: Tensor, picture: Picture
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the table of tracks [n, 11], that of the team that is wanted [n, 9], and rows of everything
        that is said of tracks."""
        sure = (belief > _SURE).float()
        said = torch.cat([state, sure, seen.team, seen.team * seen.team, seen.shown])
        tracks = self._table(said.T @ self.track_columns, *picture.tables[1]) * seen.shown.T
        wanted = (team < -0.5) | (team == seen.team.T)
        return tracks, torch.where(wanted, tracks @ self.shown_columns, 0.0), said

    def _table(self, rows: Tensor, corner: Tensor, size: Tensor) -> Tensor:
        width = rows.shape[1]
        rows = (rows - corner) / size
        return torch.minimum(torch.maximum(rows, self.least[:, :width]), self.most[:, :width])

    def people(self, said: Tensor, mine: Tensor) -> list[Tensor]:
        """Return sums over those shown and over the one followed as in `_FIGURES`, [1, k] each."""
        chosen = torch.cat([mine, said[_SHOWN_AT:]])
        return list(torch.split((said @ chosen.T).reshape(1, -1) @ self.figures, list(_FIGURES), 1))

    def trail(
        self, now: Tensor, there: Tensor, shift: Tensor, same: Tensor, dt: Tensor, until: Tensor,
        trail: Tensor, picture: Picture,
    ) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
        """Return the path [TRAIL, 3], the trail' [3, TRAIL] (x, y, valid) and the seconds until its next
        point.

        now [3, 1]: the next point, there [1, 1]: whether there is one; the points move with the camera.
        """
        until = until * same - dt
        push = (until <= 0) & (there > 0.5)
        trail = trail * same
        trail = torch.addmm(trail, torch.cat([shift, torch.zeros(1, 1)]), trail[2:3])
        trail = torch.where(push, torch.cat([trail[:, 1:], now], 1), trail)
        path = (trail - picture.corner) / picture.size
        inside = (path == path.clamp(0.0, 1.0)).float().amin(0, keepdim=True)
        return (path * inside).T, trail, torch.where(push, _TRAIL_SECONDS, until)

    def pace(
        self, speed: Tensor, crowd: Tensor, people: Tensor, tall: Tensor, there: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the speed in m/s relative to what most people in view do, and 1.0 where that can be told.

        speed and the sum of all speeds [1, 2] in px/s; tall: height in px, there: 1.0 where somebody is
        followed.
        """
        relative = torch.linalg.vector_norm(speed - crowd / people.clamp(min=1.0), dim=1, keepdim=True)
        pace = relative * (there * _PERSON_M / tall.clamp(min=1.0))
        return pace.clamp(max=_FASTEST_M_S), torch.where(people >= _PEOPLE_FOR_METRES, there, 0.0)

    @staticmethod
    def way(metres: Tensor, pace: Tensor, dt: Tensor) -> Tensor:
        """Return the metres with those of this frame; who stands gains none."""
        return metres + torch.where(pace > _RUNS_M_S, pace * dt, 0.0)

    @staticmethod
    def new_scene(scenes: Tensor, since: Tensor) -> Tensor:
        """Return 1.0 for some time after a cut."""
        return ((since < _NEW_SCENE_SECONDS) & (scenes > 1.5)).float()


def _picture(across: float, down: float) -> tuple[Tensor, Tensor]:
    """Return [6, 48] and [1, 48]: a view's product with the first plus the second is Picture's numbers."""
    left = torch.tensor([across, 0.0, 0.0, 0.0, 0.0, 0.0])
    top = torch.tensor([0.0, down, 0.0, 0.0, 0.0, 0.0])
    width, height, nothing = left.roll(2), top.roll(2), torch.zeros(6)
    centre, half = [left + width / 2, top + height / 2], [width / 2, height / 2]
    corners, sizes = [left, top] * 2, [width, height] * 2
    columns = [*centre, *half, left, top, nothing, width, height, nothing]
    columns += [*corners, *[nothing] * 4, *sizes, *[nothing] * 4]
    columns += [*corners, *[nothing] * 7, *sizes, *[nothing] * 4, width, height, nothing]
    least = torch.zeros(1, len(columns))
    least[0, 9] = 1.0
    least[0, 10 + 8 + 4 : 10 + 16] = least[0, 37 + 4 : 37 + 8] = least[0, 47] = 1.0
    return torch.stack(columns, 1), least


def _corner_columns(columns: Tensor, x: int, w: int) -> None:
    """Write how the four corners follow from centre and size at rows x, x + 1 and w, w + 1."""
    for axis in (0, 1):
        columns[x + axis, [axis, 2 + axis]] = 1.0
        columns[w + axis, axis], columns[w + axis, 2 + axis] = -0.5, 0.5


def _track_columns() -> Tensor:
    columns = torch.zeros(_SAID, len(_TRACKS))
    _corner_columns(columns, row("x"), row("w"))
    for name in ("score", "id", "vx", "vy"):
        columns[row(name), _TRACKS.index(name)] = 1.0
    label = _TRACKS.index("label")
    columns[_SURE_AT + 1, label], columns[_SURE_AT + 2, label] = 1.0, 2.0
    columns[_TEAM, _TRACKS.index("team")] = columns[_SHOWN_AT, _TRACKS.index("valid")] = 1.0
    return columns


def _found_columns() -> Tensor:
    columns = torch.zeros(FOUND + 5, len(_DETECTIONS))
    _corner_columns(columns, 0, 3)
    columns[2, _DETECTIONS.index("score")] = 1.0
    label = _DETECTIONS.index("label")
    columns[FOUND + 1, label], columns[FOUND + 2, label] = 1.0, 2.0
    columns[FOUND + 3, _DETECTIONS.index("id")] = columns[FOUND + 4, _DETECTIONS.index("valid")] = 1.0
    return columns


def _figures() -> Tensor:
    """Return [2 * rows said, 15]: sums of rows over the one followed and over those shown, in turn, become
    what `_FIGURES` lists."""
    mine, shown = torch.zeros(2, _SAID, sum(_FIGURES))
    active = row("active")
    shown[active, 0] = shown[active, 1] = shown[_SURE_AT + 1, 2] = shown[_SURE_AT + 2, 3] = 1.0
    shown[_SURE_AT + 1, 1] = shown[_SURE_AT + 2, 1] = -1.0  # everybody else is a player
    # Teams are -1, 0 and 1: their sum and that of their squares say how many of each there are.
    shown[active, 4], shown[_TEAM_SQUARE, 4] = 1.0, -1.0
    shown[_TEAM, 5] = shown[_TEAM_SQUARE, 5] = 0.5
    mine[row("seen"), 6] = mine[active, 7] = 1.0
    for axis, (speed, place) in enumerate((("vx", "x"), ("vy", "y"))):
        mine[row(speed), 8 + axis] = shown[row(speed), 10 + axis] = mine[row(place), 12 + axis] = 1.0
    mine[row("h"), 14] = 1.0
    return torch.stack([mine, shown], 1).reshape(2 * _SAID, -1)
