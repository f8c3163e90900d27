from __future__ import annotations

import numpy as np
import pytest

from evaluation.rate_accuracy.feature_codecs import (
    Latents,
    OurBitstream,
    QuantisedBytes,
    X265Mosaic,
    mosaic,
    rounded,
    tiles,
)


@pytest.fixture(scope="module")
def latents(core):
    rng = np.random.default_rng(4)
    base = rng.normal(0, 1.0, core.spec.shape).clip(-7.4, 7.4).astype(np.float32)
    values = [base + np.float32(0.02 * number) for number in range(4)]
    return Latents(values, [True, False, False, True], 25.0, (1280, 720))


@pytest.mark.parametrize("channels", [1, 7, 12, 24])
def test_tiles_are_the_channels_of_a_mosaic(channels):
    values = np.arange(channels * 6, dtype=np.uint8).reshape(channels, 2, 3)
    picture = mosaic(values)
    assert picture.size == values.size
    np.testing.assert_array_equal(tiles(picture, values.shape), values)


def test_a_mosaic_of_our_latent_is_about_square(core):
    assert mosaic(np.zeros(core.spec.shape, np.uint8)).shape == (264, 320)


def test_ours_arrives_as_quantising_leaves_it(core, latents):
    sent = list(OurBitstream(core, "high").send(latents))
    for one, latent in zip(sent, latents.values, strict=True):
        np.testing.assert_array_equal(
            one.features, core.spec.dequantise(core.spec.quantise(latent, "high"), "high")
        )
    # Frame 3 stands alone as frame 0 does; frame 1 refers to frame 0.
    assert sent[1].size < sent[0].size and sent[1].size < sent[3].size


@pytest.mark.parametrize("bits", [8, 4])
def test_quantised_bytes_are_off_by_half_a_level_and_half_a_step_at_most(core, latents, bits):
    sent = list(QuantisedBytes(core.spec, bits).send(latents))
    level, step = 2 * 7.5 / (2**bits - 1), core.spec.steps["lossless"][0]
    for one, latent in zip(sent, latents.values, strict=True):
        assert np.array_equal(one.features, np.rint(one.features / step) * step)
        assert np.abs(one.features[0] - latent).max() <= (level + step) / 2 + 1e-5
    assert 0 < sent[0].size < latents.values[0].size * 1.1


def test_fewer_bits_are_fewer_bytes(core, latents):
    sizes = [sum(one.size for one in QuantisedBytes(core.spec, bits).send(latents)) for bits in (8, 6, 4)]
    assert sizes == sorted(sizes, reverse=True)


def test_x265_gives_one_unit_a_frame_and_nearly_the_same_values_at_a_low_qp(core, latents):
    sent = list(X265Mosaic(core.spec, 4).send(latents))
    assert len(sent) == len(latents.values)
    for one, latent in zip(sent, latents.values, strict=True):
        assert one.features.shape == (1, *latent.shape)
        assert np.abs(one.features - rounded(core.spec, latent)).mean() < 0.1
    assert sent[1].size < sent[0].size and sent[2].size < sent[3].size
    coarse = list(X265Mosaic(core.spec, 40).send(latents))
    assert sum(one.size for one in coarse) < sum(one.size for one in sent) / 4
