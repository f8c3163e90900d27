"""YOLO text, Pascal VOC and the two CSV layouts: what is read, and lines that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from evaluation.datasets.open import open_dataset
from evaluation.datasets.pictures import pictures
from evaluation.datasets.types import DatasetError, NothingOfSplit

VOC = """<annotation><filename>a.jpg</filename><size><width>100</width><height>50</height></size>
<object><name>player</name><bndbox><xmin>1</xmin><ymin>11</ymin><xmax>20</xmax><ymax>40</ymax></bndbox></object>
<object><name>ball</name><difficult>1</difficult>
<bndbox><xmin>5</xmin><ymin>5</ymin><xmax>6</xmax><ymax>6</ymax></bndbox></object>
</annotation>"""


@pytest.fixture
def yolo(tmp_path: Path) -> Path:
    """Three stills of 100x50 in two matches; the last has no label file."""
    folder = tmp_path / "stills"
    for name in ("images", "labels"):
        (folder / name).mkdir(parents=True)
    for name in ("a", "b", "c"):
        Image.new("RGB", (100, 50)).save(folder / "images" / f"{name}.png")
    (folder / "labels" / "a.txt").write_text("1 0.5 0.5 0.2 0.4\n\n0 0.1 0.1 0.02 0.02\n")
    (folder / "labels" / "b.txt").write_text("")
    (tmp_path / "splits.csv").write_text(
        "file,group,split\nstills/images/a.png,m1,report\nstills/images/b.png,m1,train\n"
        "stills/images/c.png,m2,report\n"
    )
    return folder


def test_yolo_is_grouped_by_match_and_filtered_by_split(yolo: Path) -> None:
    dataset = open_dataset("yolo", yolo, labels=("ball", "player"), split="report")
    assert [(clip.name, [frame.name for frame in clip.frames]) for clip in dataset.clips] == [
        ("m1", ["a"]),
        ("m2", ["c"]),
    ]
    player, ball = dataset.clips[0].frames[0].things
    assert (player.label, player.box) == ("player", (40, 15, 60, 35))
    assert ball.label == "ball"
    assert dataset.clips[1].frames[0].things == ()
    assert not dataset.clips[0].continuous
    assert [picture.shape for _, picture in pictures(dataset.clips[0])] == [(50, 100, 3)]


def test_yolo_takes_names_from_its_own_files(yolo: Path) -> None:
    (yolo / "classes.txt").write_text("ball\nplayer\n")
    assert open_dataset("yolo", yolo).labels == ("ball", "player")
    (yolo / "data.yaml").write_text("names: {0: shuttle, 1: player}\n")
    assert open_dataset("yolo", yolo).labels == ("shuttle", "player")


def test_yolo_without_names_is_refused(yolo: Path) -> None:
    with pytest.raises(DatasetError, match="--labels"):
        open_dataset("yolo", yolo)


def test_a_split_with_nothing_is_told_apart_from_a_broken_dataset(yolo: Path) -> None:
    with pytest.raises(NothingOfSplit, match="validation"):
        open_dataset("yolo", yolo, labels=("ball", "player"), split="validation")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("1 0.5 0.5 0.2", "line 2"),
        ("2 0.5 0.5 0.2 0.4", "a class from 0 to 1"),
        ("0.5 0.5 0.5 0.2 0.4", "a class from 0 to 1"),
        ("1 0.5 0.5 0.2 inf", "line 2"),
        ("1 40 25 20 20", "from 0 to 1"),
        ("1 0.5 0.5 0 0.4", "x0 < x1"),
    ],
)
def test_a_wrong_yolo_line_is_named(yolo: Path, row: str, words: str) -> None:
    (yolo / "labels" / "a.txt").write_text(f"1 0.5 0.5 0.2 0.4\n{row}\n")
    with pytest.raises(DatasetError, match=words) as error:
        open_dataset("yolo", yolo, labels=("ball", "player"))
    assert "a.txt" in str(error.value)


def test_a_picture_that_is_none_is_named(yolo: Path) -> None:
    (yolo / "images" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"a\.png: expected a picture"):
        open_dataset("yolo", yolo, labels=("ball", "player"))


def test_voc_corners_are_pixels_counted_from_one(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations" / "a.xml").write_text(VOC)
    dataset = open_dataset("voc", tmp_path)
    (frame,) = dataset.clips[0].frames
    assert dataset.labels == ("ball", "player")
    assert (frame.name, frame.width, frame.things[0].box) == ("a", 100, (0, 10, 20, 40))
    assert frame.things[1].ignore


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("</annotation>", "", "line 5: expected XML"),
        ("<name>player</name>", "", "object 1 to have name"),
        ("<xmax>20</xmax>", "<xmax>far</xmax>", "bndbox/xmax of object 1"),
        ("<xmax>20</xmax>", "<xmax>0</xmax>", "x0 < x1"),
        ("<width>100</width>", "", "size/width"),
    ],
)
def test_a_wrong_voc_file_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    (tmp_path / "a.xml").write_text(VOC.replace(old, new))
    with pytest.raises(DatasetError, match=words) as error:
        open_dataset("voc", tmp_path)
    assert "a.xml" in str(error.value)


def test_retinanet_csv_keeps_pictures_with_nothing_in_them(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a.png")
    path = tmp_path / "truth.csv"
    path.write_text("a.png,1,2,30,40,player\na.png,5,5,9,9,ball\nb.png,,,,,\n")
    dataset = open_dataset("csv", path)
    first, second = dataset.clips[0].frames
    assert dataset.labels == ("ball", "player")
    assert (first.width, first.height, first.things[0].box) == (100, 50, (1, 2, 30, 40))
    assert (second.name, second.width, second.things) == ("b", 0, ())


@pytest.mark.parametrize(
    "row", ["a.png,1,2,30,40", "a.png,1,2,30,,player", "a.png,30,2,1,40,player", "a.png,1,2,30,40,"]
)
def test_a_wrong_retinanet_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(f"a.png,1,2,30,40,player\n{row}\n")
    with pytest.raises(DatasetError, match=r"truth\.csv, line 2"):
        open_dataset("csv", path)


def test_ava_is_relative_and_groups_seconds(tmp_path: Path) -> None:
    path = tmp_path / "ava.csv"
    path.write_text("v1,902,0.1,0.2,0.5,0.6,2,11\nv1,902,0.1,0.2,0.5,0.6,1,11\nv1,903,0,0,1,1,1,12\n")
    dataset = open_dataset("ava", path, labels=("stand", "run"))
    (clip,) = dataset.clips
    assert [frame.name for frame in clip.frames] == ["902", "903"]
    assert [thing.label for thing in clip.frames[0].things] == ["run", "stand"]
    assert (clip.frames[0].things[0].box, clip.frames[0].things[0].track) == ((0.1, 0.2, 0.5, 0.6), 11)
    assert open_dataset("ava", path).labels == ("1", "2")


@pytest.mark.parametrize(
    "row", ["v1,902,0.1,0.2,0.5", "v1,902,10,20,50,60,1,1", "v1,now,0,0,1,1,1,1", "v1,902,0,0,1,1,9,1"]
)
def test_a_wrong_ava_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "ava.csv"
    path.write_text(f"v1,902,0,0,1,1,1,1\n{row}\n")
    with pytest.raises(DatasetError, match=r"ava\.csv, line 2"):
        open_dataset("ava", path, labels=("stand", "run"))


def test_an_unknown_form_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="sfu, coco"):
        open_dataset("kitti", tmp_path)
