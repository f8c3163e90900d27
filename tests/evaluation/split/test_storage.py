from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core_network.prepare import View
from evaluation.split.detector import Detector, DetectorError
from evaluation.split.storage import Bitstream, Npz, Npz8, Picture, store_named

VIEW = View.letterbox(1280, 720, 640, 352)


def _latents(spec, count):
    rng = np.random.default_rng(3)
    still = rng.normal(0, 0.8, (1, *spec.shape)).astype(np.float32)
    return [still + rng.normal(0, 0.05, still.shape).astype(np.float32) for _ in range(count)]


def test_npz_gives_back_every_bit_and_the_view():
    tensors = {"a": np.array([[0.1, -0.0, np.float32(1e-40)]], np.float32), "b": np.arange(6).reshape(2, 3)}
    view = View.letterbox(1919, 803, 640, 352)
    got, seen = Npz().unpack(Npz().pack(tensors, Picture(0, view, True)), "file")
    assert seen.source_width == 1919 and seen.as_array().tobytes() == view.as_array().tobytes()
    assert all(got[name].tobytes() == value.tobytes() for name, value in tensors.items())


def test_npz8_is_within_half_a_step_of_each_tensors_own_range():
    rng = np.random.default_rng(2)
    tensors = {
        "wide": rng.normal(0, 100, (1, 16, 16, 16)).astype(np.float32),
        "narrow": rng.uniform(5, 5.1, (1, 2, 8, 8)).astype(np.float32),
        "flat": np.full((1, 1, 2, 2), -3.0, np.float32),
    }
    content = Npz8().pack(tensors, Picture(0, VIEW, True))
    got, view = Npz8().unpack(content, "file")
    assert view.as_array().tobytes() == VIEW.as_array().tobytes() and got.keys() == tensors.keys()
    for name, values in tensors.items():
        step = (values.max() - values.min()) / 255
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], values, atol=step * 0.51 + 1e-6)
    assert len(content) < len(Npz().pack(tensors, Picture(0, VIEW, True)))
    with pytest.raises(DetectorError, match="file: expected the range of each tensor, 'wide.step'"):
        Npz8().unpack(Npz().pack({"wide": tensors["wide"]}, Picture(0, VIEW, True)), "file")


@pytest.mark.parametrize("content", [b"", b"no zip at all", Npz().pack({}, Picture(0, VIEW, True))[:40]])
def test_a_damaged_npz_names_the_file(content):
    with pytest.raises(DetectorError, match=r"000001\.a\.npz: expected an NPZ file"):
        Npz().unpack(content, "000001.a.npz")


@pytest.mark.parametrize("rate", ["lossless", "low"])
def test_the_bitstream_gives_back_what_quantising_leaves(core, rate):
    store = Bitstream(core, rate, "latent")
    latents = _latents(core.spec, 3)
    packed = [
        store.pack({"latent": latent}, Picture(number, VIEW, fresh=number == 0))
        for number, latent in enumerate(latents)
    ]
    for content, latent in zip(packed, latents, strict=True):
        tensors, view = store.unpack(content, "file")
        expected = core.spec.dequantise(core.spec.quantise(latent[0], rate), rate)
        np.testing.assert_array_equal(tensors["latent"], expected)
        assert view == VIEW
    assert len(packed[1]) < len(packed[0])  # a delta that knows its key


def test_a_damaged_payload_names_the_file(core):
    with pytest.raises(DetectorError, match="somewhere: "):
        Bitstream(core, "low", "latent").unpack(b"\x00\x01\x02", "somewhere")


def test_our_bitstream_codes_the_latent_of_its_core_and_nothing_else(core):
    ours = Detector(("x0",), ("a",), "latent", core.spec.fingerprint)
    assert isinstance(store_named("low", ours, ["latent"], core), Bitstream)
    assert isinstance(store_named("npz", ours, ["anything"], core), Npz)
    with pytest.raises(DetectorError, match="codes the latent alone .* the cut is at raw"):
        store_named("low", ours, ["raw"], core)
    with pytest.raises(DetectorError, match="of no exported core; use --store npz"):
        store_named("low", dataclasses.replace(ours, fingerprint=None), ["latent"], core)
    with pytest.raises(DetectorError, match="expected one of the stores npz, npz8, lossless"):
        store_named("zip", ours, ["latent"], core)
