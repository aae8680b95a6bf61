"""Generated pages say what the code says."""

import re
from pathlib import Path

import pytest

from duecourse.cli import reference
from duecourse.cli.main import COMMANDS

ROOT = Path(__file__).resolve().parents[2]


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


PAGES = sorted([*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("name", ["README.zh-CN.md"])
def test_both_languages_show_the_same_commands(name: str) -> None:
    def commands(text: str) -> list[str]:
        blocks = re.findall(r"```\n(.*?)```", text, re.DOTALL)
        lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
        return [line for line in lines if line.startswith(("make ", "duecourse ", "dramatiq "))]

    assert commands((ROOT / name).read_text("utf-8")) == commands((ROOT / "README.md").read_text("utf-8")) != []
