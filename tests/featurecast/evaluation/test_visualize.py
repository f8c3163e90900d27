"""`featurecast evaluate visualize`: a sheet, a video, and a clear line where there is no display."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from evaluation import stepping_window
from featurecast.cli import main

Arguments = Callable[..., list[str]]


def test_a_sheet_shows_truth_beside_predictions(scored: Arguments, tmp_path: Path) -> None:
    path = tmp_path / "sheet.png"
    assert main(scored("visualize", "--as", "player=person", "-o", str(path), "--frames", "2")) == 0
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (50, 400, 3), "two frames in a row, each twice as wide as a still"
    # The first still is black and the last green, apart from what is drawn on them.
    assert sheet[45, 5].tolist() == [0, 0, 0] and sheet[45, 205].tolist() == [0, 160, 0]
    box_left, box_right, missed = sheet[25, 40], sheet[25, 140], sheet[25, 340]
    assert box_left.any() and box_right.tolist() == box_left.tolist()
    assert missed.tolist() == [0, 160, 0], "nothing was predicted on the last still"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["found", "sheet.png", "stills"]


def test_a_video_has_every_frame(scored: Arguments, tmp_path: Path) -> None:
    path = tmp_path / "pairs.mp4"
    assert main(scored("visualize", "--as", "player=person", "-o", str(path))) == 0
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(200, 50)] * 3


def test_without_a_display_the_line_says_what_to_do(
    scored: Arguments, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    assert main(scored("visualize", "--as", "player=person")) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no window here" in line and "-o F.png" in line


def test_a_python_without_windows_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(stepping_window.importlib, "import_module", missing)
    with pytest.raises(stepping_window.NoDisplay, match="tkinter"):
        stepping_window.show(iter(()), 0)


@pytest.mark.parametrize(
    ("name", "words"), [("pairs.gif", ".mp4 or .png"), ("no/where.png", "does not exist")]
)
def test_a_file_that_cannot_be_written_is_refused_first(
    scored: Arguments, tmp_path: Path, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(scored("visualize", "-o", str(tmp_path / name))) == 2
    assert words in capsys.readouterr().err


def test_pictures_that_are_missing_leave_no_file(
    scored: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = scored("visualize", "--as", "player=person", "-o", str(tmp_path / "pairs.mp4"))
    (tmp_path / "stills" / "images" / "b.png").write_bytes(b"")
    assert main(arguments) == 2
    assert "b.png" in capsys.readouterr().err
    assert not list(tmp_path.glob("*pairs.mp4"))
