"""Generated pages say what the code says."""

from pathlib import Path

import pytest

from duecourse.cli import reference
from duecourse.cli.main import COMMANDS


def test_the_generated_pages_are_current() -> None:
    assert [path.name for path in reference.stale()] == [], "run `make docs`"


def test_the_page_of_commands_has_every_command() -> None:
    page = reference.commands_page()
    assert [name for name in COMMANDS if f"\n## {name}" not in page] == []


def test_a_page_that_says_something_else_is_stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(reference, "pages", lambda: {page: "new"})
    assert reference.stale() == [page]
    page.write_text("old")
    assert reference.stale() == [page]
    page.write_text("new")
    assert reference.stale() == []
