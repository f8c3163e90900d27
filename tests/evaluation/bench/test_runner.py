"""The results page: what it says about a figure, and that a new measurement replaces only its own section."""

from __future__ import annotations

from pathlib import Path

import pytest

from evaluation.bench import runner
from evaluation.bench.browser import percentile_95
from evaluation.bench.figure import Figure, NotMeasured
from evaluation.bench.provenance import Provenance
from evaluation.bench.runner import BenchRun, markdown, run_benches, update_results

ORIGIN = Provenance("featurecast bench", "abc1234", "2 cores", "2026-01-01")


def test_a_bound_is_met_at_the_bound_itself() -> None:
    assert Figure("a", "A", 4000, "B", at_most=4000).met is True
    assert Figure("a", "A", 4000.1, "B", at_most=4000).met is False
    assert Figure("a", "A", 1.5, at_least=1.5).met is True
    assert Figure("a", "A", 1.49, at_least=1.5).met is False
    assert Figure("a", "A", 1.49).met is None


def test_the_table_says_what_was_missed() -> None:
    run = BenchRun(
        "pipeline", [Figure("speed", "speed", 1.25, "x", at_least=1.5), Figure("size", "size", 3210, "B")]
    )
    assert markdown(run).splitlines() == [
        "| figure | measured | wanted   |            |",
        "| ---    | ---:     | ---      | ---        |",
        "| speed  | 1.25 x   | >= 1.5 x | **missed** |",
        "| size   | 3210 B   |          |            |",
    ]


def test_a_measurement_replaces_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    page.write_text(
        "# Results\n<!-- bench:heads -->\nold heads\n<!-- /bench:heads -->\nbetween\n"
        "<!-- bench:fanout -->\nold fanout\n<!-- /bench:fanout -->\n"
    )
    update_results(page, BenchRun("heads", [Figure("ms", "ms", 2.5, "ms")]), ORIGIN)
    text = page.read_text()
    assert "old heads" not in text and "2.50 ms" in text and "`abc1234`" in text
    assert "old fanout" in text and text.startswith("# Results\n") and "between" in text
    update_results(page, BenchRun("heads", [Figure("ms", "ms", 2.5, "ms")]), ORIGIN)
    assert page.read_text() == text


def test_a_page_without_the_section_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.md").write_text("# Results\n")
    with pytest.raises(ValueError, match="bench:heads"):
        update_results(tmp_path / "results.md", BenchRun("heads", []), ORIGIN)


def test_the_results_page_has_a_section_for_every_bench(repository: Path) -> None:
    page = (repository / "docs" / "results.md").read_text()
    for name in runner.BENCHES:
        assert f"<!-- bench:{name} -->\n" in page and f"<!-- /bench:{name} -->" in page


def test_what_cannot_be_measured_here_is_skipped_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_clips(root: Path | None) -> list[Figure]:
        raise NotMeasured("no clips here")

    monkeypatch.setitem(runner.BENCHES, "pipeline", no_clips)
    (run,) = run_benches(["pipeline"], None)
    assert markdown(run) == "Skipped: no clips here\n"


def test_the_percentile_is_one_of_the_values() -> None:
    assert percentile_95(range(1, 21)) == 19
    assert percentile_95(range(1, 101)) == 95
    assert percentile_95([7.0]) == 7.0
