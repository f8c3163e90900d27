from __future__ import annotations

from featurecast.commands.evaluation.pages import write_page


def test_only_the_part_between_the_markers_is_replaced(tmp_path):
    page = tmp_path / "new" / "table.md"
    write_page(page, "A title", "first")
    page.write_text(page.read_text().replace("# A title\n", "# A title\n\nby hand\n") + "\nbelow\n")
    write_page(page, "Another title", "second")
    text = page.read_text()
    assert text.startswith("# A title\n\nby hand\n") and text.endswith("below\n")
    assert "second" in text and "first" not in text
    assert not list(page.parent.glob(".*"))
