"""The page of the book's format is what the import takes: every column is told, and what is told can be imported."""

import re
from pathlib import Path

import pytest

from duecourse.book_files.kinds import KINDS
from duecourse.domain.book_record import RecordKind
from duecourse.domain.vocabulary import ChannelKind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "book-format.md").read_text("utf-8")
CHANNELS = re.compile(rf"({'|'.join(ChannelKind)})(?=_)")


def section(title: str) -> str:
    return PAGE.partition(f"### {title}\n")[2].partition("\n### ")[0]


def told(title: str) -> set[str]:
    """The names in the first column of a section's table; of what each channel has, what follows the channel."""
    cells = re.findall(r"^\| (`[^|]*) \|", section(title), re.MULTILINE)
    return {CHANNELS.sub("...", name) for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("kind", RecordKind)
def test_the_page_tells_every_column_and_no_other(kind: RecordKind) -> None:
    assert told(kind.value.capitalize()) == {CHANNELS.sub("...", name) for name in KINDS[kind].columns}


def test_every_column_that_the_page_says_rules_read_can_be_imported() -> None:
    known = {CHANNELS.sub("...", name) for kind in KINDS.values() for name in kind.columns}
    said = told("What the rules read, and what an empty cell means")
    assert "country" in said
    assert {name for name in said if not any(column.endswith(name.removeprefix("...")) for column in known)} == set()
