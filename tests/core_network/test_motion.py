"""The core's input: colours and changes of grey."""

from __future__ import annotations

import numpy as np

from core_network.motion import PLANES, grey, with_motion


def test_grey_is_the_rounded_down_mean_with_green_twice() -> None:
    image = np.random.default_rng(1).integers(0, 256, (20, 30, 3), np.uint8)
    wide = image.astype(int)
    assert np.array_equal(grey(image), (wide[..., 0] + 2 * wide[..., 1] + wide[..., 2]) // 4)
    assert grey(np.full((1, 1, 3), 255, np.uint8))[0, 0] == 255


def test_a_still_has_no_motion() -> None:
    image = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    alone = with_motion(image, grey(image), [])
    assert alone.shape == (20, 30, PLANES) and np.array_equal(alone[..., :3], image)
    assert (alone[..., 3:] == 128).all()
    assert np.array_equal(alone, with_motion(image, grey(image), [grey(image)] * 2))


def test_changes_are_signed_and_clipped() -> None:
    image = np.zeros((1, 3, 3), np.uint8)
    now = np.array([[10, 255, 0]], np.uint8)
    planes = with_motion(image, now, [np.array([[4, 0, 255]], np.uint8), np.array([[20, 250, 0]], np.uint8)])
    assert planes[0, :, 3].tolist() == [134, 255, 0]
    assert planes[0, :, 4].tolist() == [118, 133, 128]
    assert (planes[0, :, 5] == 128).all()
