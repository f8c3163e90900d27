from __future__ import annotations

import pytest

from core_network.dataroot import data_root
from evaluation.datasets.types import DatasetError
from evaluation.rate_accuracy.footage import footage_of, videos_in
from evaluation.rate_accuracy.plots import draw
from evaluation.rate_accuracy.study import BOXES, CLEAN, LOCAL, Plan, plan_for, run_study
from evaluation.rate_accuracy.video import Delivery, coded_video, decoded_video
from evaluation.rate_accuracy.viewing import Viewer

PLAN = Plan((Delivery(180, 300), Delivery(90, 60)), rates=("default",), bits=(8,), qps=(20,))


def test_delivered_video_is_coded_once_and_decoded_to_frames_of_the_source(footage, tmp_path, monkeypatch):
    units = coded_video(footage, Delivery(90, 60), tmp_path)
    monkeypatch.setattr("evaluation.rate_accuracy.video._code", lambda *_: pytest.fail("coded again"))
    assert coded_video(footage, Delivery(90, 60), tmp_path) == units
    frames = list(decoded_video(units, footage))
    assert [frame.number for frame in frames] == list(range(footage.count))
    assert {(frame.picture.width, frame.picture.height) for frame in frames} == {(160, 90)}
    assert {(frame.source_width, frame.source_height) for frame in frames} == {(320, 180)}
    assert [frame.discontinuity for frame in frames] == [True, False, False, False]
    assert [frame.pts for frame in frames] == [frame.pts for frame in footage.frames()]


def test_a_study_measures_every_way_and_goes_on_where_it_was(core, footage, tmp_path, monkeypatch):
    ticks = []
    study = run_study(core, footage, PLAN, tmp_path, ticks.append)
    assert study.truth == "the clean source's own results" and study.frames == 4
    assert [point.method for point in study.points] == [
        CLEAN, LOCAL, LOCAL, "ours", "quantised + zstd", "x265 mosaic", BOXES,
    ]  # fmt: skip
    assert len(ticks) == PLAN.frames(footage.count)
    local, ours = study.of(LOCAL), study.of("ours")
    assert local[0].video_kbps > local[1].video_kbps and local[0].feature_kbps == 0
    assert ours[0].video_kbps is None
    assert 25 < local[0].psnr_db < 60 and local[1].psnr_db is None
    assert ours[0].feature_kbps == pytest.approx(ours[0].bytes_per_frame * 8 * footage.fps / 1000)
    assert study.of("quantised + zstd")[0].bytes_per_frame > ours[0].bytes_per_frame

    monkeypatch.setattr(Viewer, "see", lambda *_: pytest.fail("seen again"))
    # Intervals of four frames may be NaN, which equals nothing: compare what is shown.
    assert repr(run_study(core, footage, PLAN, tmp_path)) == repr(study)


def test_the_plot_names_its_truth(core, footage, tmp_path):
    paths = draw(run_study(core, footage, PLAN, tmp_path), tmp_path)
    assert [path.suffix for path in paths] == [".png", ".svg"]
    assert paths[0].read_bytes()[1:4] == b"PNG" and paths[1].read_text().startswith("<?xml")
    again = draw(run_study(core, footage, PLAN, tmp_path), tmp_path)
    assert paths[1].read_bytes() == again[1].read_bytes()


def test_plans_have_four_bitrates_and_three_sizes(footage):
    for quick in (True, False):
        plan = plan_for(footage, quick=quick)
        assert {delivery.height for delivery in plan.deliveries} == {180, 136, 90}
        assert sum(delivery.height == 180 for delivery in plan.deliveries) >= 4
        assert len(plan.rates) == 4
    assert len(plan_for(footage, quick=True).deliveries) < len(plan.deliveries)


def test_a_folder_without_videos_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="expected a video or a folder with videos, found none"):
        videos_in(tmp_path)


def test_the_labelled_clip_is_scored_on_its_first_shot():
    root = data_root()
    if root is None or not (root / "labels/football_zak_soccer/gt.txt").is_file():
        pytest.skip("the labelled clip is not here: set FEATURECAST_DATA")
    (video,) = videos_in(root / "video" / "football_zak_soccer")
    footage = footage_of(video, 1000)
    assert footage.count == 126 and footage.truth is not None
    assert footage_of(video, 20).count == 20
