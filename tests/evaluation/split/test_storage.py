from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from core_network.prepare import View
from evaluation.split.detector import Detector, DetectorError
from evaluation.split.storage import Bitstream, Npz, Picture, store_named

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
    with pytest.raises(DetectorError, match="expected one of the stores npz, lossless"):
        store_named("zip", ours, ["latent"], core)
