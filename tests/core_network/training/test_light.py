"""A shade darkens colours, lessens motion in the same measure, and has soft edges."""

from __future__ import annotations

import numpy as np
import torch

from core_network.training.light import photometric, with_shade


def _batch() -> torch.Tensor:
    x = torch.full((12, 5, 64, 96), 1.0)
    x[:, 3:] = 0.5
    return x


def test_a_shade_darkens_a_part_and_scales_motion_with_it() -> None:
    before = _batch()
    after = with_shade(before.clone(), 1.0, np.random.default_rng(4))
    light = (after[:, :3] + 2) / (before[:, :3] + 2)
    assert torch.allclose(after[:, 3] / before[:, 3], light[:, 0], atol=1e-5)
    assert light.max() <= 1 and light.min() >= 0.29
    shaded = (light[:, 0] < 0.9).flatten(1).float().mean(1)
    assert ((shaded > 0.01) & (shaded < 0.99)).sum() >= 6
    # No edge is harder than a camera's.
    assert (light[:, 0, :, 1:] - light[:, 0, :, :-1]).abs().max() < 0.3


def test_the_share_of_shaded_pictures_is_the_one_asked_for() -> None:
    x = _batch()
    assert torch.equal(with_shade(x.clone(), 0.0, np.random.default_rng(0)), x)


def test_brightness_leaves_motion_alone_and_all_stays_in_range() -> None:
    x = torch.zeros(8, 5, 16, 16)
    changed = photometric(x, np.random.default_rng(5))
    assert changed[:, 3:].abs().max() < 0.5 and changed[:, :3].mean((1, 2, 3)).std() > 0.05
    assert changed.abs().max() <= 2
