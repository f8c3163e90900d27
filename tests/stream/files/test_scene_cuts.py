"""Scene cuts are noticed; noise, motion and pans are not taken for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stream.scene_cuts import SceneCuts


def scene(seed: int) -> NDArray[np.uint8]:
    rough = np.random.default_rng(seed).integers(0, 255, (45, 180, 3))
    return np.kron(rough, np.ones((16, 16, 1))).astype(np.uint8)


def cuts(images: list[NDArray[np.uint8]]) -> list[int]:
    judge = SceneCuts()
    return [index for index, image in enumerate(images) if judge.is_cut(image)]


def test_a_cut_is_noticed_once() -> None:
    one, other = scene(1)[:352, :640], scene(2)[:352, :640]
    assert cuts([one] * 3 + [other] * 3 + [one] * 2) == [3, 6]


def test_a_pan_is_not_a_cut_however_fast_it_becomes() -> None:
    y, x = np.mgrid[0:352, 0:1200]
    wave = 128 + 60 * np.sin(x / 61) + 60 * np.cos(y / 47 + x / 83)
    wide = np.repeat(wave[..., None], 3, 2).astype(np.uint8)
    places = np.cumsum(np.arange(8, 30))
    assert cuts([wide[:, left : left + 640] for left in places]) == []


def test_noise_is_not_a_cut() -> None:
    dice = np.random.default_rng(3)
    still = scene(1)[:352, :640] // 2 + 50
    noisy = [(still + dice.normal(0, 6, still.shape)).clip(0, 255).astype(np.uint8) for _ in range(6)]
    assert cuts(noisy) == []


def test_a_picture_of_another_size_starts_again() -> None:
    assert cuts([scene(1)[:352, :640], scene(2)[:176, :320]]) == []
