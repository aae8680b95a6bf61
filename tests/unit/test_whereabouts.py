"""From evidence to facts: zones, places, purposes, and how far back the packs look."""

from datetime import date

import pytest

from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.span import days_back
from duecourse.policy.packs.vocabulary import Purpose, StopEvent
from duecourse.policy.whereabouts import days_past_due, only, other_zones, place, purpose_of
from tests.gate_rules import pack, window

NEW_YORK, DENVER, LOS_ANGELES = "America/New_York", "America/Denver", "America/Los_Angeles"
TODAY = date(2018, 7, 10)


@pytest.mark.parametrize(
    ("address", "evidence", "others"),
    [
        (NEW_YORK, {}, ()),
        (NEW_YORK, {"sms": [NEW_YORK]}, ()),
        (NEW_YORK, {"sms": [LOS_ANGELES]}, (LOS_ANGELES,)),
        (NEW_YORK, {"stated": [DENVER], "device": [DENVER]}, (DENVER,)),
        (NEW_YORK, {"sms": [LOS_ANGELES, NEW_YORK]}, ()),
        (NEW_YORK, {"sms": [LOS_ANGELES, DENVER], "stated": [DENVER]}, (DENVER,)),
        (None, {"sms": [LOS_ANGELES, NEW_YORK]}, (LOS_ANGELES, NEW_YORK)),
        (None, {"stated": [DENVER], "sms": []}, (DENVER,)),
        (None, {}, ()),
    ],
)
def test_every_zone_counts_that_evidence_points_to(
    address: str | None, evidence: dict[str, list[str]], others: tuple[str, ...]
) -> None:
    assert other_zones(address, evidence) == others


@pytest.mark.parametrize(
    ("country", "region", "found"),
    [
        ("US", "NY", Place("US", "NY")),
        ("US", "ny", Place("US", "NY")),
        ("BR", "BR-SP", Place("BR", "SP")),
        ("BR", "São Paulo", Place("BR", None)),
        ("CN", None, Place("CN", None)),
        (None, "NY", None),
    ],
)
def test_a_region_counts_only_as_a_code(country: str | None, region: str | None, found: Place | None) -> None:
    assert place(country, region) == found


def test_days_past_due_are_counted_from_the_oldest_and_never_below_zero() -> None:
    assert days_past_due(date(2018, 7, 1), TODAY) == 9
    assert days_past_due(date(2018, 8, 1), TODAY) == 0
    assert days_past_due(None, TODAY) == 0


@pytest.mark.parametrize(
    ("due_on", "dpd", "purpose"),
    [
        (date(2018, 7, 12), 0, Purpose.PRE_DUE_REMINDER),
        (TODAY, 0, Purpose.PRE_DUE_REMINDER),
        (date(2018, 7, 12), 3, Purpose.COLLECTION_INFORMATIONAL),
        (date(2018, 7, 9), 1, Purpose.COLLECTION_INFORMATIONAL),
    ],
)
def test_a_reminder_is_collection_as_soon_as_anything_is_overdue(due_on: date, dpd: int, purpose: Purpose) -> None:
    assert purpose_of(due_on, TODAY, dpd) is purpose


def test_what_differs_is_unknown() -> None:
    assert only(["car", "car"]) == "car"
    assert only(["car", "phone"]) is None
    assert only([]) is None


def cap(kind: WindowKind, n: int = 1) -> p.FrequencyCap:
    return p.FrequencyCap(unit=CapUnit.ATTEMPT, max=1, window=p.CapWindow(kind=kind, n=n), scope=CapScope.DEBTOR)


@pytest.mark.parametrize(
    ("params", "days"),
    [
        (window(8, 21), 2),
        (cap(WindowKind.CALENDAR_DAY), 2),
        (cap(WindowKind.CONSECUTIVE_DAYS, 7), 8),
        (cap(WindowKind.WEEK), 8),
        (cap(WindowKind.WEEK, 2), 15),
        (cap(WindowKind.MONTH), 32),
        (p.Cooldown(after=StopEvent.CONVERSATION, days=30), 32),
    ],
)
def test_the_past_is_read_as_far_back_as_a_rule_looks(params: p.Params, days: int) -> None:
    assert days_back([pack(params)]) == days
    assert days_back([pack(window(8, 21)), pack(params)]) == days


def test_without_packs_yesterday_is_enough() -> None:
    assert days_back([]) == 2
