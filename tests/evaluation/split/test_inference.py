from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from evaluation.datasets.predictions import load_predictions
from evaluation.split.cutting import cut
from evaluation.split.detector import DetectorError, read_detector
from evaluation.split.feeding import Feeder
from evaluation.split.inference import infer, run_first, run_second
from evaluation.split.session import Session
from evaluation.split.storage import Npz


def _loaded(model):
    session = Session(model.SerializeToString())
    return session, read_detector(session.metadata, "tiny")


def test_a_lossless_split_writes_the_same_predictions_as_the_whole(tiny, tiny_dataset, tmp_path):
    (clip,) = tiny_dataset.clips
    parts = cut(tiny(), ["latent"])
    whole, detector = _loaded(parts.whole)
    outcome = infer(whole, detector, clip, tmp_path / "whole")
    split = run_first(Session(parts.first.SerializeToString()), ("latent",), Npz(), clip, tmp_path / "split")
    run_second(Session(parts.second.SerializeToString()), detector, Npz(), clip, tmp_path / "split", split)

    expected = load_predictions(tmp_path / "whole", tiny_dataset)
    assert load_predictions(tmp_path / "split" / "predictions", tiny_dataset) == expected
    assert sum(map(len, expected.values())) == outcome.predictions == split.predictions > 0
    sizes = [path.stat().st_size for path in sorted((tmp_path / "split/features/clip").iterdir())]
    assert split.bytes_per_image == sizes and split.mean_bytes == np.mean(sizes)


def test_what_an_earlier_run_left_is_not_read_again(tiny, tiny_dataset, tmp_path):
    (clip,) = tiny_dataset.clips
    stale = tmp_path / "features" / "clip" / "000000.gone.npz"
    stale.parent.mkdir(parents=True)
    stale.write_bytes(b"old")
    parts = cut(tiny(), ["latent"])
    run_first(Session(parts.first.SerializeToString()), ("latent",), Npz(), clip, tmp_path)
    assert not stale.exists()


def test_masks_are_written_for_networks_that_have_them(tiny, tiny_dataset, tmp_path):
    session, detector = _loaded(tiny(masks=True))
    infer(session, detector, tiny_dataset.clips[0], tmp_path / "boxes", masks=tmp_path / "masks")
    with Image.open(tmp_path / "masks" / "clip" / "a.png") as picture:
        instances = np.asarray(picture)
    found = len((tmp_path / "boxes" / "clip" / "a.txt").read_text().splitlines())
    assert instances.shape == (40, 48) and 0 < instances.max() <= found


def test_masks_of_a_network_without_any_are_refused_before_anything_is_written(tiny, tiny_dataset, tmp_path):
    session, detector = _loaded(tiny())
    with pytest.raises(
        DetectorError, match="--mask needs a network with the output masks, this one has detec"
    ):
        infer(session, detector, tiny_dataset.clips[0], tmp_path / "boxes", masks=tmp_path / "masks")
    assert not (tmp_path / "boxes").exists()


class _Motion:
    """Stands in for a session: what a network that sees motion takes."""

    inputs = {"planes": (1, 16, 24, 6), "view": (6,)}
    types = {"planes": np.uint8, "view": np.float32}


def test_a_network_that_sees_motion_gets_the_change_since_the_frames_before():
    feeder = Feeder(_Motion())

    def changes(level, *, fresh):
        feeds, view = feeder.feeds(np.full((16, 24, 3), level, np.uint8), fresh=fresh)
        assert (view.source_width, view.source_height) == (24, 16)
        assert (feeds["planes"][0, ..., :3] == level).all()
        return feeds["planes"][0, 0, 0, 3:5].tolist()

    assert changes(40, fresh=True) == [128, 128]
    assert changes(60, fresh=False)[0] == 128 + 20
    assert changes(90, fresh=False) == [128 + 30, 128 + 50]
    assert changes(10, fresh=True) == [128, 128]


def test_a_network_without_a_picture_as_input_is_refused():
    class Other:
        inputs = {"x": (1, 3, 8, 8)}
        types = {"x": np.float32}

    with pytest.raises(
        DetectorError, match=r"expected a network with the input image .* or planes .*, got x"
    ):
        Feeder(Other())


def test_a_missing_or_misshapen_input_is_named(tiny):
    session, _ = _loaded(tiny())
    with pytest.raises(DetectorError, match=r"expected the input image \[1, 16, 24, 3\], it is missing"):
        session.run({})
    with pytest.raises(
        DetectorError, match=r"expected the input image as \[1, 16, 24, 3\], got \[1, 8, 8, 3\]"
    ):
        session.run({"image": np.zeros((1, 8, 8, 3), np.uint8)})
