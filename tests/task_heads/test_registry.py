"""Finding heads: nothing is imported, duplicates are errors, broken heads stay listed."""

from __future__ import annotations

import sys

import pytest

from task_heads.manifest import HeadError
from task_heads.registry import Registry


def test_built_in_heads_are_there():
    assert {"player_tracking", "ball_statistics"} <= set(Registry(installed=False).names())


def test_head_folders_and_the_heads_folder(write_head, tmp_path):
    one = write_head("one")
    write_head("two", parent=tmp_path / "shelf")
    registry = Registry(folders=[one], heads_folder=tmp_path / "shelf", installed=False)
    assert {"one", "two"} <= set(registry.names())
    assert registry.get("one").folder == one


def test_two_heads_of_one_name_name_both_places(write_head, tmp_path):
    first, second = write_head("same", parent=tmp_path / "a"), write_head("same", parent=tmp_path / "b")
    with pytest.raises(HeadError) as caught:
        Registry(folders=[first, second], installed=False)
    assert str(first) in str(caught.value)
    assert str(second) in str(caught.value)


def test_a_broken_head_stays_listed_with_its_reason(write_head, tmp_path):
    broken = write_head("broken", parent=tmp_path / "shelf", change=lambda d: d.pop("licence"))
    write_head("whole", parent=tmp_path / "shelf")
    registry = Registry(heads_folder=tmp_path / "shelf", installed=False)
    assert "whole" in registry.names()
    assert "broken" not in registry.names()
    entry = next(e for e in registry.catalogue() if e["name"] == "broken")
    assert entry["ok"] is False
    assert "licence" in entry["reason"]
    with pytest.raises(HeadError, match="licence"):
        registry.get("broken")
    assert broken.is_dir()


def test_a_head_for_other_features_is_listed_as_not_ok(write_head, small_spec):
    from dataclasses import replace

    registry = Registry(folders=[write_head()], installed=False)
    entries = {e["name"]: e for e in registry.catalogue(small_spec)}
    assert entries["counter"]["ok"] is True
    assert entries["counter"]["manifest"]["name"] == "counter"
    other = {e["name"]: e for e in registry.catalogue(replace(small_spec, weights_sha256="1" * 64))}
    assert other["counter"]["ok"] is False
    assert "train the head on this core" in other["counter"]["reason"]


def test_unknown_names_list_the_known_ones():
    with pytest.raises(HeadError, match="player_tracking"):
        Registry(installed=False).get("nothing")


def test_missing_folders_are_refused(tmp_path):
    with pytest.raises(HeadError, match=r"found no head\.json"):
        Registry(folders=[tmp_path], installed=False)
    with pytest.raises(HeadError, match="expected a folder of heads"):
        Registry(heads_folder=tmp_path / "nowhere", installed=False)


@pytest.fixture
def distribution(write_head, tmp_path, monkeypatch):
    """A fake installed distribution whose entry point names a package folder with a head."""
    site = tmp_path / "site"
    folder = write_head("guest", parent=site / "guest_package" / "heads")
    (site / "guest_package" / "__init__.py").write_text(
        "raise RuntimeError('a head is data: nothing is imported')\n"
    )
    info = site / "guest_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[featurecast.task_heads]\nguest = guest_package.heads.guest\nlost = guest_package.heads.lost\n"
    )
    monkeypatch.syspath_prepend(str(site))
    return folder


def test_installed_heads_are_found_without_importing_them(distribution):
    registry = Registry()
    assert registry.get("guest").folder == distribution.resolve()
    assert "entry point" in registry.get("guest").origin
    assert "guest_package" not in sys.modules
    lost = next(e for e in registry.catalogue() if e["name"] == "lost")
    assert lost["ok"] is False
