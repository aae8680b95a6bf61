"""How a deferral finds its instant, what a verdict says where there is none, and what an allow must keep to."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from duecourse.domain.vocabulary import Decision
from duecourse.policy import windows as w
from duecourse.policy.calendars import Calendar
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, DisclosureWhen, WindowKind
from duecourse.policy.packs.headings import OnFail
from tests.gate_rules import NOON, ask, open_hours, pack, rule, touch, window

ONE_A_WEEK = p.FrequencyCap(
    unit=CapUnit.ATTEMPT,
    max=1,
    window=p.CapWindow(kind=WindowKind.CONSECUTIVE_DAYS, n=7),
    scope=CapScope.DEBTOR,
)


def test_what_stands_in_the_way_of_a_wait_is_named_too() -> None:
    """At night the window is shut; in the morning, when it opens, the cap still is, until past the contact's end."""
    night = NOON - timedelta(hours=12)
    capped = pack(rule(window(8, 21), "hours"), rule(ONE_A_WEEK, "cap", on_fail=OnFail.DEFER))
    called = (touch(timedelta(days=1)),)
    waits = ask(capped, now=night, history=called)
    assert (waits.decision, waits.rules) == (Decision.DEFER, ("cap", "hours"))
    too_late = ask(capped, now=night, history=called, not_after=night + timedelta(days=2))
    assert (too_late.decision, too_late.rules) == (Decision.SUPPRESS, ("cap", "hours"))
    assert {citation.rule for citation in too_late.citations} == {"cap", "hours"}


def test_a_refusal_that_is_met_while_waiting_is_named_with_what_was_waited_for() -> None:
    """By day the window is open, but it opens on a day for which the cap has no room and does not wait."""
    night = NOON - timedelta(hours=12)
    both = pack(rule(window(8, 21), "hours"), rule(ONE_A_WEEK, "cap"))
    refused = ask(both, now=night, history=(touch(timedelta(hours=6)),))
    assert refused.decision is Decision.SUPPRESS
    assert refused.rules == ("cap",)


def test_windows_that_take_turns_go_to_a_person_whenever_they_are_asked() -> None:
    """Each opens by itself, the one in the morning and the other in the afternoon, and one of them is open now."""
    turns = pack(rule(window(9, 13), "morning"), rule(window(13, 18), "afternoon"))
    by_day = ask(turns)
    assert (by_day.decision, set(by_day.rules)) == (Decision.REVIEW, {"morning", "afternoon"})


def test_a_rolling_cap_waits_until_there_is_room_for_one_more() -> None:
    """Of two touches, three days apart, both must be out of the seven days."""
    history = (touch(timedelta(days=3)), touch(timedelta(hours=1)))
    waits = ask(pack(rule(ONE_A_WEEK, on_fail=OnFail.DEFER)), history=history)
    assert waits.decision is Decision.DEFER
    assert waits.until == datetime(2026, 11, 25, 5, tzinfo=UTC)


def test_an_opening_at_the_very_end_comes_too_late() -> None:
    noon = w.Window((open_hours(12, 13),), Calendar("US"), ZoneInfo("America/New_York"))
    before = NOON - timedelta(hours=1)
    assert w.first_open([noon], before, NOON) is None
    assert w.first_open([noon], before, NOON + timedelta(microseconds=1)) == NOON


def test_an_allow_is_for_its_own_channel_whatever_is_advised_against() -> None:
    advised = ask(pack(rule(window(18, 21), on_fail=OnFail.WARN)))
    assert (advised.decision, advised.warnings, advised.next_channel) == (Decision.ALLOW, ("r",), False)


@pytest.mark.parametrize(
    ("when", "first", "due"),
    [
        (DisclosureWhen.EVERY, False, True),
        (DisclosureWhen.INITIAL, True, True),
        (DisclosureWhen.INITIAL, None, True),
        (DisclosureWhen.INITIAL, False, False),
    ],
)
def test_what_must_be_said_is_asked_of_an_allow(when: DisclosureWhen, *, first: bool | None, due: bool) -> None:
    said = pack(rule(p.Disclosure(when=when, fragments=(p.Fragment(id="who", lang="en", text="a debt"),)), "say"))
    assert ask(said, first_contact=first).requires == (("disclosure:say",) if due else ())
    assert ask(said, first_contact=first, opted_out=True).requires == ()


def test_details_of_the_debt_wait_for_identity() -> None:
    gated = pack(rule(p.IdentityGate(verify_before=frozenset({"amount"})), "who"))
    assert ask(gated, identity_verified=False).requires == ("identity:who",)
    assert ask(gated, identity_verified=True).requires == ()
