"""MOTChallenge and ball places: frame numbers, shots, what is ignored, and the pictures of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from evaluation.datasets.open import open_dataset
from evaluation.datasets.pictures import pictures
from evaluation.datasets.types import Clip, DatasetError, NothingOfSplit

MakeVideo = Callable[..., Path]

TRACKS = "id,team,role,shot,first_frame,last_frame\n1,red,player,A,1,3\n2,blue,goalkeeper,B,5,6\n"
ROWS = "1,1,10,10,4,8,1,1,1.00\n3,1,12,10,4,8,1,1,0.10\n5,2,20,20,4,8,1,2,1.00\n"
LINE = "frame,y_at_x0,y_at_x32,y_at_x63\n" + "".join(f"{n},4,8,4\n" for n in range(1, 7))


def greys(clip: Clip, *, every: bool = False) -> list[tuple[int, bool, int]]:
    """Index, labelled, and the frame number that the picture shows."""
    return [
        (frame.index, frame.labelled, round(float(picture.mean()) / 10))
        for frame, picture in pictures(clip, every=every)
    ]


def test_shots_become_clips_and_show_their_own_frames(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video(tmp_path / "match.mp4", 8)
    labels = tmp_path / "labels"
    labels.mkdir()
    (labels / "gt.txt").write_text(ROWS)
    (labels / "tracks.csv").write_text(TRACKS)
    (labels / "ball.csv").write_text(
        "frame,x,y,visible,how\n1,5.5,6.5,1,eye\n2,5,6,0,eye\n4,,,0,transition\n"
    )
    dataset = open_dataset("mot", labels, pictures=video)
    assert dataset.labels == ("player", "goalkeeper")
    first, second = dataset.clips
    assert (first.name, second.name) == ("labels_shot_A", "labels_shot_B")
    assert [len(frame.things) for frame in first.frames] == [1, 0, 1]
    assert first.frames[2].things[0].ignore, "visibility below 0.2 is a guess"
    assert [len(frame.spots) for frame in first.frames] == [1, 0, 0]
    assert greys(first) == [(0, True, 0), (1, True, 1), (2, True, 2)]
    assert greys(second) == [(4, True, 4), (5, True, 5)]


def test_every_frame_between_can_be_had_for_motion(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "a.mp4", 6)
    (tmp_path / "a.csv").write_text("Frame,Ball,x,y\n1,1,0.5,0.25\n4,0,-1,-1\n")
    (clip,) = open_dataset("ball", tmp_path).clips
    assert [(spot.x, spot.y) for spot in clip.frames[0].spots] == [(32, 12)]
    assert clip.frames[1].spots == ()
    assert greys(clip) == [(1, True, 1), (4, True, 4)]
    assert greys(clip, every=True) == [(1, True, 1), (2, False, 2), (3, False, 3), (4, True, 4)]


def test_the_third_ball_layout_does_not_trust_its_flag(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "v.mp4", 2)
    (tmp_path / "v.csv").write_text("frame_num,x,y,visible\n0,0.5,0.5,0\n1,0.25,0.5,0\n")
    (clip,) = open_dataset("ball", tmp_path).clips
    assert [frame.spots[0].x for frame in clip.frames] == [32, 16]


def test_balls_are_filtered_by_the_split_of_their_video(tmp_path: Path, make_video: MakeVideo) -> None:
    for name in ("a", "b"):
        make_video(tmp_path / f"{name}.mp4", 1)
        (tmp_path / f"{name}.csv").write_text("Frame,Ball,x,y\n0,1,0.5,0.25\n")
    (tmp_path / "splits.csv").write_text("file,group,split\na.mp4,g,train\nb.mp4,g,report\n")
    assert [clip.name for clip in open_dataset("ball", tmp_path, split="report").clips] == ["b"]
    with pytest.raises(NothingOfSplit):
        open_dataset("ball", tmp_path, split="validation")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("t,x\n1,2\n", "line 1: expected the header"),
        ("Frame,Ball,x,y\n0,1,0.5\n", "line 2"),
        ("Frame,Ball,x,y\n0,1,0.5,0.5\n0,1,0.5,0.5\n", "line 3: expected each frame once"),
        ("Frame,Ball,x,y\n0,1,640,360\n", "from 0 to 1"),
        ("frame,x,y,visible,how\n0,1,1,1,eye\n", "each frame once, got 'frame 0'"),
        ("frame,x,y,visible,how\n1,here,1,1,eye\n", "line 2: expected x"),
    ],
)
def test_a_wrong_ball_row_is_named(tmp_path: Path, make_video: MakeVideo, content: str, words: str) -> None:
    make_video(tmp_path / "a.mp4", 1)
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(DatasetError, match=words) as error:
        open_dataset("ball", tmp_path)
    assert "a.csv" in str(error.value)


def test_a_challenge_sequence_takes_size_and_length_from_its_ini(tmp_path: Path) -> None:
    for name in ("gt", "img1"):
        (tmp_path / "S1" / name).mkdir(parents=True)
    (tmp_path / "S1" / "seqinfo.ini").write_text("[Sequence]\nimWidth=64\nimHeight=48\nseqLength=3\n")
    for number in (1, 2, 3):
        Image.new("RGB", (64, 48), (10 * number,) * 3).save(tmp_path / "S1" / "img1" / f"{number:06d}.jpg")
    (tmp_path / "S1" / "gt" / "gt.txt").write_text(
        "1,1,1,1,5,5,1,1,0.1\n1,2,1,1,5,5,0,1,1\n2,9,1,1,5,5,1,7,1\n"
    )
    dataset = open_dataset("mot", tmp_path)
    (clip,) = dataset.clips
    assert (clip.name, len(clip.frames), clip.frames[0].width) == ("S1", 3, 64)
    assert [thing.ignore for thing in clip.frames[0].things] == [False, True], "marked 0"
    assert clip.frames[1].things[0].ignore, "no person, and no names given"
    assert [shown for _, _, shown in greys(clip)] == [1, 2, 3]
    named = open_dataset("mot", tmp_path, labels=("person",) * 6 + ("standing",))
    assert named.clips[0].frames[1].things[0].label == "standing"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1,1,1,1,5,5", "line 2: expected a row frame,id"),
        ("0,1,1,1,5,5,1", "frames counted from 1"),
        ("1,1,2,2,5,5,1", "id 1 twice in frame 1"),
        ("2,1,2,2,-5,5,1", "x0 < x1"),
        ("2,1,2,2,x,5,1", "line 2"),
    ],
)
def test_a_wrong_challenge_row_is_named(tmp_path: Path, row: str, words: str) -> None:
    path = tmp_path / "gt.txt"
    path.write_text(f"1,1,1,1,5,5,1,1,1\n{row}\n")
    with pytest.raises(DatasetError, match=words):
        open_dataset("mot", path)


def test_a_video_with_too_few_frames_is_told(tmp_path: Path, make_video: MakeVideo) -> None:
    video = make_video(tmp_path / "match.mp4", 3)
    (tmp_path / "gt.txt").write_text("1,1,1,1,5,5,1\n9,1,1,1,5,5,1\n")
    (clip,) = open_dataset("mot", tmp_path / "gt.txt", pictures=video).clips
    with pytest.raises(DatasetError, match=r"match\.mp4: expected at least 9 frames"):
        list(pictures(clip))


def test_a_file_of_another_name_is_its_sequence(tmp_path: Path, make_video: MakeVideo) -> None:
    make_video(tmp_path / "videos" / "S7.mp4", 2)
    (tmp_path / "S7.txt").write_text("2,1,1,1,5,5,-1,-1,-1,-1\n")
    (clip,) = open_dataset("mot", tmp_path / "S7.txt", pictures=tmp_path / "videos").clips
    assert (clip.name, clip.frames[0].things[0].label) == ("S7", "person")
    assert greys(clip) == [(1, True, 1)]


def test_labels_without_pictures_say_so(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text("1,1,1,1,5,5,1\n")
    (clip,) = open_dataset("mot", tmp_path / "gt.txt").clips
    with pytest.raises(DatasetError, match="--pictures"):
        list(pictures(clip))


def test_what_is_beyond_the_touchline_is_outside(tmp_path: Path) -> None:
    (tmp_path / "gt.txt").write_text(ROWS)
    (tmp_path / "offpitch_line.csv").write_text(LINE)
    (clip,) = open_dataset("mot", tmp_path / "gt.txt").clips
    assert clip.outside is not None
    # The line lies at y = 8 at x = 32; feet count from 22 px below it.
    assert clip.outside(clip.frames[0], (30, 0, 34, 29.9))
    assert not clip.outside(clip.frames[0], (30, 0, 34, 30.1))
    assert not clip.outside(clip.frames[0], (-2, 0, 2, 26.5))


def test_the_shared_labels_are_as_their_readme_says(data_root: Path) -> None:
    dataset = open_dataset("mot", data_root / "labels" / "football_zak_soccer")
    first, second = dataset.clips
    assert (first.frames[0].name, first.frames[-1].name) == ("000001", "000126")
    assert (second.frames[0].name, second.frames[-1].name) == ("000133", "000200")
    assert [sum(len(frame.things) for frame in clip.frames) for clip in dataset.clips] == [2039, 1249]
    assert first.outside is not None
    below = [
        first.outside(frame, thing.box)
        for frame in first.frames
        for thing in frame.things
        if not thing.ignore
    ]
    assert not any(below), "every labelled person is on the pitch"
