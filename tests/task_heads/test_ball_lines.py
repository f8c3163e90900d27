"""Tables of sums over named values."""

from __future__ import annotations

from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="the heads' source needs torch: pip install 'featurecast[train]'")

from task_heads.ball_statistics.lines import Lines, every, up_to  # noqa: E402


def column(*values: float):
    return torch.tensor(values)[:, None]


def test_a_line_is_a_sum_with_a_fixed_part():
    lines = Lines(("a", "b"), {"both": {"a": 2.0, "b": -1.0, "one": 0.5}, "first": {"a": 1.0}})
    assert lines(column(3.0, 4.0)).tolist() == [[2.5], [3.0]]


def test_every_is_and():
    lines = Lines(("a", "b", "c"), {"line": every("a", "b", no=("c",))})
    for a, b, c in product((0.0, 1.0), repeat=3):
        assert lines.hold(column(a, b, c)).item() == (a == b == 1 and c == 0)


def test_up_to_includes_its_limit():
    lines = Lines(("age",), {"line": up_to("age", 0.4)})
    after = torch.nextafter(torch.tensor(0.4), torch.tensor(1.0)).item()
    assert [lines.hold(column(age)).item() for age in (0.0, 0.4, after)] == [1, 1, 0]


def test_a_name_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="tuple"):
        Lines(("a",), {"line": {"b": 1.0}})
