"""Letterboxing and colour of the core's input."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_network.prepare import View, prepare


def _frame(width: int, height: int, colour: tuple[int, int, int] = (200, 40, 90)) -> av.VideoFrame:
    return av.VideoFrame.from_ndarray(np.full((height, width, 3), colour, np.uint8), format="rgb24")


@given(st.integers(1, 8192), st.integers(1, 8192))
def test_the_view_keeps_the_aspect_and_lies_inside(width: int, height: int) -> None:
    view = View.letterbox(width, height, 640, 352)
    w, h = view.width * 640, view.height * 352
    assert (
        view.x0 >= 0
        and view.x0 + view.width <= 1 + 1e-9
        and view.y0 >= 0
        and view.y0 + view.height <= 1 + 1e-9
    )
    assert w == 640 or h == 352
    scale = min(640 / width, 352 / height)
    assert abs(w - width * scale) <= 1 and abs(h - height * scale) <= 1


@pytest.mark.parametrize(
    "size", [(1280, 720), (720, 1280), (640, 480), (641, 359), (1, 1), (7680, 4320), (2, 900)]
)
def test_any_size_becomes_the_input_without_stretching(size: tuple[int, int]) -> None:
    image, view = prepare(_frame(*size), 640, 352)
    assert image.shape == (352, 640, 3) and image.dtype == np.uint8
    left, top = round(view.x0 * 640), round(view.y0 * 352)
    width, height = round(view.width * 640), round(view.height * 352)
    inside = image[top : top + height, left : left + width]
    assert np.abs(inside.astype(int) - (200, 40, 90)).max() <= 3
    border = np.ones((352, 640), bool)
    border[top : top + height, left : left + width] = False
    assert (image[border] == 114).all()


def test_a_dot_lands_where_the_view_says() -> None:
    picture = np.zeros((400, 300, 3), np.uint8)
    picture[100:110, 200:210] = 255
    image, view = prepare(av.VideoFrame.from_ndarray(picture, format="rgb24"), 640, 352)
    ys, xs = np.nonzero(image[..., 0] > 180)
    x, y = (xs.mean() + 0.5) / 640, (ys.mean() + 0.5) / 352
    assert (
        abs((x - view.x0) / view.width * 300 - 205) < 1 and abs((y - view.y0) / view.height * 400 - 105) < 1
    )


@pytest.mark.parametrize(("height", "matrix"), [(720, "bt709"), (360, "smpte170m")])
def test_untagged_pictures_use_the_matrix_of_their_size(height: int, matrix: str) -> None:
    graph = av.filter.Graph()
    source = graph.add_buffer(width=640, height=height, format="rgb24", time_base="1/25")
    convert = graph.add("scale", f"out_color_matrix={'bt709' if matrix == 'bt709' else 'bt601'}:out_range=tv")
    layout = graph.add("format", "yuv444p")
    sink = graph.add("buffersink")
    for a, b in ((source, convert), (convert, layout), (layout, sink)):
        a.link_to(b)
    graph.configure()
    graph.push(_frame(640, height, (30, 180, 60)))
    coded = graph.pull()
    bare = av.VideoFrame.from_ndarray(coded.to_ndarray(), format="yuv444p")  # the tags do not survive
    image, _ = prepare(bare, 640, 352)
    assert np.abs(image[176, 320].astype(int) - (30, 180, 60)).max() <= 4


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1x1"):
        View.letterbox(0, 10, 640, 352)
