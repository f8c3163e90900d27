"""Draws results on pictures: boxes, points, trails and figures, in the look of the browser's player."""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor, ImageDraw, ImageFont

from task_heads.manifest import (
    BoxesDraw,
    Manifest,
    PointsDraw,
    Statistic,
    TableDraw,
    TextDraw,
    TrailDraw,
    template_names,
)
from task_heads.result import Box, Point, Result, Trail

__all__ = ["Overlay"]

# Distinct on grass, clay and parquet; the same as in web/drawing.js.
_LABEL_COLOURS = ("#4cc9f0", "#ffd166", "#f06fb8", "#9be564", "#ff9f6b", "#b79cff")
_TEAM_COLOURS = ("#ff6b5e", "#5ea8ff")
_NEUTRAL = "#e6ebf2"
_INK = (6, 10, 16)
_PAPER = "#f3f6fa"
_INK_OPACITY = 0.78
_DASH = "-"
_DASHES = 8
"""A guess is a ring of this many arcs."""

_SMOOTHING = 4
"""Shapes are drawn this much larger and shrunk, which smooths their edges."""

Rectangle = tuple[float, float, float, float]
_Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class _Shown:
    """A head's result with the manifest that says how it looks."""

    manifest: Manifest
    result: Result


class Overlay:
    """Draws on RGB pictures of one size; results are in pixels of the source picture."""

    def __init__(self, width: int, height: int) -> None:
        """`width`, `height`: of the pictures, px. Strokes and letters grow with the picture."""
        self.size = (width, height)
        self._unit = max(0.5, min(width, height) / 540)
        self._tag_font = ImageFont.load_default(max(8.0, 12 * self._unit))
        self._text_font = ImageFont.load_default(max(8.0, 15 * self._unit))

    def draw(
        self,
        picture: NDArray[np.uint8],
        results: Sequence[tuple[Manifest, Result]],
        source_width: int,
        source_height: int,
    ) -> NDArray[np.uint8]:
        """Return a copy of the picture [height, width, 3] RGB with the results drawn on it."""
        image = Image.fromarray(picture)
        pen = _Pen(image, self._unit, self.size[0] / source_width, self.size[1] / source_height)
        shown = [_Shown(manifest, result) for manifest, result in results]
        for item in shown:
            for draw in item.manifest.draw:
                if isinstance(draw, TrailDraw):
                    _draw_trails(pen, draw, item.result.trails)
        for item in shown:
            _draw_boxes(pen, item)
        balls = [_around(pen, point) for item in shown for point in item.result.points]
        tags: list[Rectangle] = []
        for item in shown:
            _draw_tags(pen, item, self._tag_font, balls, tags)
        for item in shown:
            for draw in item.manifest.draw:
                if isinstance(draw, PointsDraw) and draw.when == "confirmed":
                    _draw_points(pen, draw, item.result.points)
        _draw_corners(pen, shown, self._text_font)
        _draw_tables(pen, shown, self._text_font)
        return np.asarray(image)


class _Pen:
    """An image, its scale, and smooth shapes on it."""

    def __init__(self, image: Image.Image, unit: float, scale_x: float, scale_y: float) -> None:
        self.image, self.unit = image, unit
        self._scale_x, self._scale_y = scale_x, scale_y
        self.canvas = ImageDraw.Draw(image)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return the place on the picture of a place in the source."""
        return x * self._scale_x, y * self._scale_y

    def paint(
        self,
        bounds: Rectangle,
        colour: str | tuple[int, int, int],
        shape: Callable[[ImageDraw.ImageDraw, Callable[[float, float], tuple[float, float]]], None],
        opacity: float = 1.0,
    ) -> None:
        """Fill with `colour` what `shape` draws on a mask, its points placed by the function it is given."""
        x0, y0 = max(0, int(bounds[0]) - 1), max(0, int(bounds[1]) - 1)
        x1, y1 = min(self.image.width, int(bounds[2]) + 2), min(self.image.height, int(bounds[3]) + 2)
        if x1 <= x0 or y1 <= y0:
            return
        mask = Image.new("L", ((x1 - x0) * _SMOOTHING, (y1 - y0) * _SMOOTHING))
        shape(ImageDraw.Draw(mask), lambda x, y: ((x - x0) * _SMOOTHING, (y - y0) * _SMOOTHING))
        mask = mask.reduce(_SMOOTHING)
        if opacity < 1:
            mask = mask.point([round(level * opacity) for level in range(256)])
        self.image.paste(
            ImageColor.getrgb(colour) if isinstance(colour, str) else colour, (x0, y0, x1, y1), mask
        )

    def plate(
        self, bounds: Rectangle, colour: str | tuple[int, int, int], radius: float, opacity: float = 1.0
    ) -> None:
        """Fill a rectangle with round corners."""
        self.paint(
            bounds,
            colour,
            lambda mask, at: mask.rounded_rectangle(
                (*at(*bounds[:2]), *at(*bounds[2:])), radius * _SMOOTHING, 255
            ),
            opacity,
        )


def _colour(box: Box, by: str, labels: Sequence[str]) -> str:
    if by == "id":
        if box.id is None:
            return _NEUTRAL
        # Steps of the golden angle keep neighbouring ids apart.
        red, green, blue = colorsys.hls_to_rgb(box.id * 137.508 % 360 / 360, 0.66, 0.85)
        return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    if by == "team" and box.team is not None:
        return _TEAM_COLOURS[box.team % len(_TEAM_COLOURS)]
    if box.label not in labels or (by == "team" and labels.index(box.label) == 0):
        return _NEUTRAL
    return _LABEL_COLOURS[labels.index(box.label) % len(_LABEL_COLOURS)]


def _boxes_draw(manifest: Manifest) -> BoxesDraw | None:
    return next((draw for draw in manifest.draw if isinstance(draw, BoxesDraw)), None)


def _draw_boxes(pen: _Pen, shown: _Shown) -> None:
    draw = _boxes_draw(shown.manifest)
    if draw is None:
        return
    thick, rim = max(1, round(1.6 * pen.unit)), max(1, round(pen.unit))
    for box in shown.result.boxes:
        x0, y0, x1, y1 = (round(v) for v in (*pen.at(*box.xyxy[:2]), *pen.at(*box.xyxy[2:])))
        if x1 <= x0 or y1 <= y0:
            continue
        # A dark rim on both sides keeps the line readable on any ground.
        pen.canvas.rectangle((x0 - rim, y0 - rim, x1 + rim, y1 + rim), outline=_INK, width=thick + 2 * rim)
        pen.canvas.rectangle(
            (x0, y0, x1, y1), outline=_colour(box, draw.colour_by, shown.manifest.labels), width=thick
        )


def _draw_tags(pen: _Pen, shown: _Shown, font: _Font, balls: list[Rectangle], tags: list[Rectangle]) -> None:
    draw = _boxes_draw(shown.manifest)
    if draw is None:
        return
    labels = shown.manifest.labels
    for box in shown.result.boxes:
        kind = box.label if box.label in labels and labels.index(box.label) > 0 else ""
        text = " ".join(part for part in ("" if box.id is None else str(box.id), kind) if part)
        if not text:
            continue
        width, height = font.getlength(text) + 7 * pen.unit, 15 * pen.unit
        place = _tag_place(pen, box, width, height, balls, tags)
        tags.append(place)
        pen.plate(place, _colour(box, draw.colour_by, labels), 3 * pen.unit)
        pen.canvas.text(((place[0] + place[2]) / 2, (place[1] + place[3]) / 2), text, _INK, font, anchor="mm")


def _tag_place(
    pen: _Pen, box: Box, width: float, height: float, balls: list[Rectangle], tags: list[Rectangle]
) -> Rectangle:
    """Return the first place above, below, right or left of a box that hides no ball and perhaps no tag."""
    x0, y0 = pen.at(*box.xyxy[:2])
    x1, y1 = pen.at(*box.xyxy[2:])
    gap = 2.5 * pen.unit
    centre, middle = (x0 + x1) / 2, (y0 + y1) / 2
    corners = (
        (centre - width / 2, y0 - gap - height),
        (centre - width / 2, y1 + gap),
        (x1 + gap, middle - height / 2),
        (x0 - gap - width, middle - height / 2),
    )
    places = []
    for left, top in corners:
        left = min(max(left, 0.0), pen.image.width - width)
        top = min(max(top, 0.0), pen.image.height - height)
        places.append((left, top, left + width, top + height))
    clear = [place for place in places if not any(_overlap(place, ball) for ball in balls)] or places[:1]
    return next((place for place in clear if not any(_overlap(place, tag) for tag in tags)), clear[0])


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _around(pen: _Pen, point: Point) -> Rectangle:
    x, y = pen.at(*point.xy)
    reach = 12 * pen.unit
    return x - reach, y - reach, x + reach, y + reach


def _draw_points(pen: _Pen, draw: PointsDraw, points: list[Point]) -> None:
    radius, thick = 9 * pen.unit, 2 * pen.unit
    for point in points:
        x, y = pen.at(*point.xy)
        step = 360 / _DASHES
        arcs = [(n * step, (n + 0.5) * step) for n in range(_DASHES)] if point.guess else [(0.0, 360.0)]
        for colour, width in ((_INK, thick * 2), (draw.colour, thick)):
            reach = radius + width / 2

            def ring(
                mask: ImageDraw.ImageDraw,
                at: Callable[[float, float], tuple[float, float]],
                x: float = x,
                y: float = y,
                reach: float = reach,
                width: float = width,
                arcs: Sequence[tuple[float, float]] = arcs,
            ) -> None:
                box = (*at(x - reach, y - reach), *at(x + reach, y + reach))
                for begin, end in arcs:
                    mask.arc(box, begin, end, 255, max(1, round(width * _SMOOTHING)))

            pen.paint((x - reach, y - reach, x + reach, y + reach), colour, ring)


def _draw_trails(pen: _Pen, draw: TrailDraw, trails: list[Trail]) -> None:
    for trail in trails:
        places = [pen.at(*place) for place in trail.xy]
        for index in range(1, len(places)):
            age = index / (len(places) - 1)
            (x0, y0), (x1, y1) = places[index - 1], places[index]
            unseen = trail.guessed(index) or trail.guessed(index - 1)
            width = (1 + 2.2 * age) * pen.unit * (0.6 if unseen else 1.0)

            def line(
                mask: ImageDraw.ImageDraw,
                at: Callable[[float, float], tuple[float, float]],
                ends: Rectangle = (x0, y0, x1, y1),
                width: float = width,
            ) -> None:
                mask.line((*at(*ends[:2]), *at(*ends[2:])), 255, max(1, round(width * _SMOOTHING)))

            bounds = (min(x0, x1) - width, min(y0, y1) - width, max(x0, x1) + width, max(y0, y1) + width)
            opacity = 0.1 + 0.7 * age
            pen.paint(bounds, draw.colour, line, opacity * (0.35 if unseen else 1.0))


def _printed(statistic: Statistic, value: float) -> str:
    return f"{value:.{statistic.decimals}f} {statistic.unit}".rstrip()


def _draw_corners(pen: _Pen, shown: Sequence[_Shown], font: _Font) -> None:
    lines: dict[str, list[str]] = {}
    for item in shown:
        known = {statistic.name: statistic for statistic in item.manifest.statistics}
        values = item.result.stats
        for draw in item.manifest.draw:
            if isinstance(draw, TextDraw) and all(name in values for name in template_names(draw.template)):
                filled = {name: _printed(known[name], values[name]) for name in template_names(draw.template)}
                text = draw.template
                for name, value in filled.items():
                    text = text.replace("{" + name + "}", value)
                lines.setdefault(draw.corner, []).append(text)
    margin, height = 12 * pen.unit, 26 * pen.unit
    for corner, texts in lines.items():
        for row, text in enumerate(texts):
            width = font.getlength(text) + 20 * pen.unit
            left = margin if corner.endswith("left") else pen.image.width - margin - width
            offset = margin + row * (height + 6 * pen.unit)
            top = offset if corner.startswith("top") else pen.image.height - offset - height
            pen.plate((left, top, left + width, top + height), _INK, 6 * pen.unit, _INK_OPACITY)
            pen.canvas.text((left + 10 * pen.unit, top + height / 2), text, _PAPER, font, anchor="lm")


def _draw_tables(pen: _Pen, shown: Sequence[_Shown], font: _Font) -> None:
    """Stack the tables of statistics from the lower left corner upwards."""
    margin, line = 12 * pen.unit, 21 * pen.unit
    bottom = pen.image.height - margin
    if any(
        isinstance(d, TextDraw) and d.corner == "bottom_left" for item in shown for d in item.manifest.draw
    ):
        bottom -= 38 * pen.unit
    for item in reversed(shown):
        for draw in item.manifest.draw:
            if not isinstance(draw, TableDraw):
                continue
            rows = [_row(item, name) for name in draw.statistics]
            names = max(font.getlength(text) for text in [draw.title, *(title for title, _ in rows)])
            width = names + max(font.getlength(value) for _, value in rows) + 44 * pen.unit
            top = bottom - line * (len(rows) + 1) - 12 * pen.unit
            pen.plate((margin, top, margin + width, bottom), _INK, 6 * pen.unit, _INK_OPACITY)
            left, right = margin + 10 * pen.unit, margin + width - 10 * pen.unit
            middle = top + 6 * pen.unit + line / 2
            pen.canvas.text((left, middle), draw.title, _LABEL_COLOURS[0], font, anchor="lm")
            for title, value in rows:
                middle += line
                pen.canvas.text((left, middle), title, _PAPER, font, anchor="lm")
                pen.canvas.text((right, middle), value, _PAPER, font, anchor="rm")
            bottom = top - 8 * pen.unit


def _row(shown: _Shown, name: str) -> tuple[str, str]:
    statistic = next(item for item in shown.manifest.statistics if item.name == name)
    value = shown.result.stats.get(name)
    return statistic.title, _DASH if value is None else _printed(statistic, value)
