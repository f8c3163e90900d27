"""The search: what a plan says, where it goes on, what its page tells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("torch", reason="the search trains: pip install 'featurecast[train]'")

from core_network.catalogue import default_core  # noqa: E402
from evaluation.design_search import __main__ as command  # noqa: E402
from evaluation.design_search.plan import load_plan  # noqa: E402
from evaluation.design_search.trained import _last_rate  # noqa: E402

REPOSITORY = Path(__file__).parents[3]


def written(folder: Path, **changes: Any) -> Path:
    """Write the shipped plan with other keys at the top; return its path."""
    document = yaml.safe_load((REPOSITORY / "configs/search.yaml").read_text())
    path = folder / "search.yaml"
    path.write_text(yaml.safe_dump({**document, "output": str(folder / "runs"), **changes}))
    return path


def test_the_shipped_plan_changes_one_thing_at_a_time(tmp_path: Path) -> None:
    plan = load_plan(REPOSITORY / "configs/search.yaml")
    base, *others = plan.training
    assert len(others) >= 8 and all(point.predicted for point in plan.points)
    by_name = {point.name: point.config for point in others}
    assert by_name["channels-16"].architecture.channels == 16
    assert by_name["channels-16"].architecture.widths == base.config.architecture.widths
    free, rate = by_name["rate-low"].stages
    assert free == base.config.stages[0] and rate.rate_weight < base.config.stages[1].rate_weight
    assert all(side % 32 == 0 for point in plan.training for side in point.config.input)
    assert "rate_weight 0.08" in next(p.changed for p in others if p.name == "rate-low")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"coding": [{"name": "a", "predicted": "-", "rate": "best"}]}, "rate among"),
        ({"coding": [{"name": "base", "predicted": "-"}]}, "base twice"),
        ({"training": [{"name": "a", "predicted": "-", "change": {"batch": 2}}]}, "changes of"),
        ({"training": [{"name": "a"}]}, "predicted"),
    ],
)
def test_a_wrong_plan_is_refused_in_one_line(
    changes: dict[str, Any], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main([str(written(tmp_path, **changes)), "-o", str(tmp_path / "page.md")]) == 2
    error = capsys.readouterr().err
    assert told in error and error.count("\n") == 1
    assert not (tmp_path / "page.md").exists()


def test_a_search_goes_on_and_its_page_says_what_was_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, page, measured = written(tmp_path), tmp_path / "page.md", list[str]()

    class Coded:
        def __init__(self, *_: object) -> None:
            pass

        def measure(self, point: Any) -> dict[str, Any]:
            if len(measured) == 2:
                raise ValueError("stopped")
            measured.append(point.name)
            return {"bytes": 1234, "key_bytes": 2345, "delta_bytes": None, "tables": 7}

    monkeypatch.setattr(command, "Coding", Coded)
    arguments = [str(path), "--only", "coding", "-o", str(page), "--data", str(_data(tmp_path))]
    assert command.main(arguments) == 2 and not page.exists()
    first = list(measured)
    assert len(first) == 2
    stored = tmp_path / "runs" / f"{first[0]}.json"
    # The figures of another core, of other tables or of another way do not count.
    stored.write_text(json.dumps({**json.loads(stored.read_text()), "run": "0"}))
    measured.clear()
    assert command.main(arguments) == 2
    assert measured == [first[0], load_plan(path).coding[2].name]
    assert command.main([*arguments, "--only", "page"]) == 0
    text = page.read_text()
    plan = load_plan(path)
    # What another core gave still stands there, and says so.
    assert text.count("| 1234 | 2345 |") == 3 and f"of {default_core().spec.name}'s features" in text
    assert text.count("| not run |") == len(plan.training) + len(plan.coding) - 3
    assert f"**Not run: {', '.join(point.name for point in plan.training)}.**" in text
    assert page.with_suffix(".png").stat().st_size > 0
    assert json.loads(stored.read_text())["run"].startswith(default_core().spec.fingerprint[:12])


NETWORK = {"ap50": 0.5, "ap75": 0.1, "ball_f1": 0.4, "shuttle_f1": 0.3, "kB": 8.0, "parameters": 8e5,
           "macs": 8e8, "ms": 14.0}  # fmt: skip


def test_a_lost_network_is_one_line_and_the_others_are_told_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, page, trained = written(tmp_path, coding=CODING), tmp_path / "page.md", list[str]()

    def train(point: Any, _: Any) -> dict[str, Any]:
        trained.append(point.name)
        if point.name == "wide":
            raise ValueError("its loss is no number at step 40")
        half = {"kB": 4.0, "ap50": 0.46, "ball_f1": 0.405, "macs": 1.6e9} if point.name == "rate-high" else {}
        return {**NETWORK, **half}

    monkeypatch.setattr(command, "Pictures", lambda *_: None)
    monkeypatch.setattr(command, "train_point", train)
    arguments = [str(path), "--only", "training", "-o", str(page), "--data", str(_data(tmp_path))]
    assert command.main(arguments) == 1
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("wide: lost: ")]
    assert len(told) == 1 and "step 40" in told[0]
    rows = {
        line.split("|")[1].strip(): line for line in page.read_text().splitlines() if line.startswith("| ")
    }
    assert "| the base of the others | 0.500 |" in rows["base"]
    assert "AP50 0.04 less, ball F1 the same, shuttle F1 the same, kB 50 % less" in rows["rate-high"]
    assert "multiply-adds 2.0 times, time the same" in rows["rate-high"]
    assert "| not run |" in rows["wide"] and "**Not run: wide.**" in page.read_text()
    # The rest is known; a point with other settings is not.
    trained.clear()
    document = yaml.safe_load(path.read_text())
    document["training"][1]["change"] = {"architecture": {"widths": [16, 32, 64, 64]}}
    path.write_text(yaml.safe_dump(document))
    assert command.main(arguments) == 1
    assert trained == [document["training"][1]["name"], "wide"]


CODING = [
    {"name": "usual", "predicted": "the default"},
    {"name": "no contexts", "clusters": [1, 1, 1], "predicted": "+40 %"},
]


def test_ways_to_code_are_told_against_the_usual_one(tmp_path: Path) -> None:
    path, page = written(tmp_path, coding=CODING, training=[]), tmp_path / "page.md"
    for name, size in (("usual", 1000), ("no contexts", 1230)):
        kept = {"core": "old-core", "run": "0", "bytes": size, "key_bytes": 1, "delta_bytes": 1}
        file = tmp_path / "runs" / f"{name}.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**kept, "tables": 3}))
    assert command.main([str(path), "--only", "page", "-o", str(page), "--data", str(_data(tmp_path))]) == 0
    text = page.read_text()
    assert "| +40 % | bytes 23 % more |" in text and "of old-core's features" in text
    assert "Not run" not in text


def _data(folder: Path) -> Path:
    (folder / "splits.csv").write_text("file,group,split\n")
    return folder


def test_the_rate_at_the_end_of_a_smoothed_curve() -> None:
    smooth, curve = 30.0, []
    for step in range(1, 61):
        smooth = 0.97 * smooth + 0.03 * (30.0 if step <= 40 else 4.0)
        if step % 20 == 0:
            curve.append({"step": step, "kB": smooth})
    assert _last_rate(curve) == pytest.approx(4.0)
