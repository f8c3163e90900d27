"""Who was where on every frame, in the FIFA standard for tracking data (EPTS), which kloppy and others read.

    match.xml   metadata: two teams, players, channels, frame rate, how a line is split
    match.txt   frame:x,y;x,y;...:x,y    feet of every player in turn, then the ball; empty where not seen

Places are 0..1 of the picture, from its upper left corner, not of the pitch: no field size is given. The
number of a frame is its time multiplied by the frame rate. People without a team and guesses of the ball
are left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as Xml

from stream.sync import CLOCK_RATE
from viewer.outputs import SeenFrame

__all__ = ["TRACKING_SUFFIX", "TrackingFiles"]

TRACKING_SUFFIX = ".xml"
_TEAMS = ("First team", "Second team")
_Place = tuple[float, float]


@dataclass
class _Line:
    """One frame: its number, feet by id, and the ball."""

    number: int
    feet: dict[int, _Place] = field(default_factory=dict)
    ball: _Place | None = None


class TrackingFiles:
    """Keeps every frame and writes both files at the end, because the metadata names every player."""

    def __init__(self, path: Path, head: str, fps: float) -> None:
        """Remember boxes of `head` and the first ball of any head; `path` is the metadata's (.xml)."""
        self._path, self._head, self._rate = path, head, max(1, round(fps))
        self._lines: list[_Line] = []
        self._teams: dict[int, Counter[int]] = {}

    def add(self, seen: SeenFrame) -> None:
        """Keep the frame; one without features is left out."""
        if seen.number is None:
            return
        number = round(seen.pts / CLOCK_RATE * self._rate)
        if self._lines:
            number = max(number, self._lines[-1].number + 1)
        line = _Line(number)
        width, height = seen.source_width, seen.source_height
        for result in seen.results:
            for point in result.shown.points:
                if line.ball is None and not point.guess:
                    line.ball = (point.xy[0] / width, point.xy[1] / height)
            if result.manifest.name != self._head:
                continue
            for box in result.shown.boxes:
                if box.id is not None and box.team in (0, 1):
                    x0, _, x1, y1 = box.xyxy
                    line.feet[box.id] = ((x0 + x1) / 2 / width, y1 / height)
                    self._teams.setdefault(box.id, Counter())[box.team] += 1
        self._lines.append(line)

    def close(self) -> None:
        """Write both files."""
        players = sorted(self._teams)
        lines = [_written(line, players) for line in self._lines]
        metadata = Xml.ElementTree(self._metadata(players))
        Xml.indent(metadata)
        for path, write in (
            (self._path.with_suffix(".txt"), lambda path: path.write_text("".join(lines), encoding="ascii")),
            (self._path, lambda path: metadata.write(path, encoding="utf-8", xml_declaration=True)),
        ):
            partly = path.with_name(path.name + ".part")
            write(partly)
            partly.replace(path)

    def _metadata(self, players: list[int]) -> Xml.Element:
        first = self._lines[0].number if self._lines else 0
        last = self._lines[-1].number if self._lines else 0
        root = Xml.Element("main")
        metadata = Xml.SubElement(root, "Metadata")
        general = Xml.SubElement(metadata, "GlobalConfig")
        _text(general, "ProviderName", "featurecast")
        _text(general, "FrameRate", str(self._rate))
        period = Xml.SubElement(general, "ProviderGlobalParameters")
        for name, value in (("first_half_start", first), ("first_half_end", last)):
            parameter = Xml.SubElement(period, "ProviderParameter")
            _text(parameter, "Name", name)
            _text(parameter, "Value", str(value))
        Xml.SubElement(Xml.SubElement(metadata, "Sessions"), "Session", id="session")
        teams = Xml.SubElement(metadata, "Teams")
        for number, title in enumerate(_TEAMS):
            _text(Xml.SubElement(teams, "Team", id=f"team{number}"), "Name", title)
        people = Xml.SubElement(metadata, "Players")
        for player in players:
            team = self._teams[player].most_common(1)[0][0]
            person = Xml.SubElement(people, "Player", id=str(player), teamId=f"team{team}")
            _text(person, "Name", f"Player {player}")
            _text(person, "ShirtNumber", str(player))
        devices = Xml.SubElement(metadata, "Devices")
        device = Xml.SubElement(devices, "Device", id="camera")
        sensor = Xml.SubElement(Xml.SubElement(device, "Sensors"), "Sensor", id="position")
        _text(sensor, "Name", "position")
        channels = Xml.SubElement(sensor, "Channels")
        for axis in "xy":
            channel = Xml.SubElement(channels, "Channel", id=axis)
            _text(channel, "Name", axis)
            _text(channel, "Unit", "normalized")
        used = Xml.SubElement(metadata, "PlayerChannels")
        for player in players:
            for axis in "xy":
                Xml.SubElement(
                    used, "PlayerChannel", id=f"player{player}_{axis}", playerId=str(player), channelId=axis
                )
        root.append(_form(players, first, last))
        return root


def _form(players: list[int], first: int, last: int) -> Xml.Element:
    """Return how a line of the raw file is split."""
    specifications = Xml.Element("DataFormatSpecifications")
    line = Xml.SubElement(
        specifications, "DataFormatSpecification", separator=":", startFrame=str(first), endFrame=str(last)
    )
    Xml.SubElement(line, "StringRegister", name="frameCount")
    if players:
        people = Xml.SubElement(line, "SplitRegister", separator=";")
        for player in players:
            place = Xml.SubElement(people, "SplitRegister", separator=",")
            for axis in "xy":
                Xml.SubElement(place, "PlayerChannelRef", playerChannelId=f"player{player}_{axis}")
    ball = Xml.SubElement(line, "SplitRegister", separator=",")
    for axis in "xy":
        Xml.SubElement(ball, "BallChannelRef", channelId=axis)
    return specifications


def _text(parent: Xml.Element, name: str, value: str) -> None:
    Xml.SubElement(parent, name).text = value


def _written(line: _Line, players: list[int]) -> str:
    parts = [str(line.number)]
    if players:
        parts.append(";".join(_place(line.feet.get(player)) for player in players))
    return ":".join([*parts, _place(line.ball)]) + "\n"


def _place(place: _Place | None) -> str:
    return "," if place is None else f"{place[0]:.5f},{place[1]:.5f}"
