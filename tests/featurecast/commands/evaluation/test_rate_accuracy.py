from __future__ import annotations

import pytest

from featurecast.cli import main


def test_a_folder_without_clips_and_a_file_that_is_no_video_are_one_line(tmp_path, capsys):
    assert main(["evaluate", "rate-accuracy", "--clips", str(tmp_path)]) == 2
    assert "expected a video or a folder with videos, found none" in capsys.readouterr().err
    (tmp_path / "text.mp4").write_text("not a video")
    assert main(["evaluate", "rate-accuracy", "--clips", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "text.mp4" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("frames", ["0", "-3", "many"])
def test_frames_is_a_whole_number_from_one(frames, tmp_path, capsys):
    with pytest.raises(SystemExit) as refused:
        main(["evaluate", "rate-accuracy", "--clips", str(tmp_path), "--frames", frames])
    assert refused.value.code == 2
    assert "expected a whole number from 1" in capsys.readouterr().err
