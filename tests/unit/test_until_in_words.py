"""Who is told to wait is told until when, by the clocks where the borrower may be."""

import pytest

from duecourse.policy.until import until_in_words
from tests.gate_rules import ask, pack, window

IN_THE_EAST = "Thursday 19 November 2026, 08:00 in America/New_York"
IN_BOTH = (
    "Thursday 19 November 2026, 11:00 in America/New_York, Thursday 19 November 2026, 08:00 in America/Los_Angeles"
)


@pytest.mark.parametrize(("others", "words"), [((), IN_THE_EAST), (("America/Los_Angeles",), IN_BOTH)])
def test_the_first_allowed_instant_is_told_by_every_clock(others: tuple[str, ...], words: str) -> None:
    """At noon in New York the morning's window is shut there."""
    said = ask(pack(window(8, 12)), candidate_zones=others)
    assert until_in_words(said.as_json()) == words


def test_what_need_not_wait_has_no_such_time() -> None:
    assert until_in_words(ask(pack(window(8, 21))).as_json()) is None


def test_an_old_verdict_that_does_not_say_where_is_told_in_utc() -> None:
    assert until_in_words({"until": "2026-11-19T13:00:00+00:00"}) == "Thursday 19 November 2026, 13:00 in UTC"
