"""The reconciliation finds every kind of broken promise, and only those."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from duecourse.ledger.demo import AttemptRow, ContactRow
from duecourse.policy.quiet_hours import Quiet
from duecourse.simulator import promises
from duecourse.simulator.promises import Met, Payments
from duecourse.simulator.report import Evidence, percentiles, report_of

NOW = datetime(2018, 7, 2, 18, tzinfo=UTC)
REAL = datetime(2026, 1, 1, 12, tzinfo=UTC)
DUE = date(2018, 7, 3)
QUIET = Quiet(start=time(20), end=time(9))
PHONE = "+12125550100"
ZONES = {PHONE: ZoneInfo("America/New_York")}


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def a_contact(contact_id: int = 7, state: str = "delivered", **changes: Any) -> ContactRow:
    values: dict[str, Any] = {
        "contact_id": contact_id, "borrower_id": 1, "due_on": DUE, "rung": "T-1", "channel": "sms", "state": state,
        "reason": None, "not_before": NOW - timedelta(hours=4), "not_after": NOW + timedelta(hours=1),
        "planned_at": NOW - timedelta(days=1),
    }  # fmt: skip
    return ContactRow(**(values | changes))


def an_attempt(contact_id: int = 7, number: int = 1, **changes: Any) -> AttemptRow:
    values: dict[str, Any] = {
        "contact_id": contact_id, "reference": f"{contact_id}-{number}", "kind": "send", "outcome": "accepted",
        "armed_business": NOW, "armed_at": REAL, "settled_at": REAL + seconds(1),
    }  # fmt: skip
    return AttemptRow(**(values | changes))


def accepted(
    reference: str = "7-1", *, at: datetime = REAL, virtual: datetime = NOW, to: str = PHONE
) -> dict[str, Any]:
    return {
        "kind": "accepted", "id": f"sms-{reference}-{at:%S%f}", "reference": reference, "to": to, "channel": "sms",
        "at": at.isoformat(), "virtual_at": virtual.isoformat(),
    }  # fmt: skip


def test_a_contact_accepted_twice_is_a_duplicate_whatever_the_attempt() -> None:
    assert promises.duplicates([accepted("7-1"), accepted("7-2"), accepted("8-1")]) == [7]


@pytest.mark.parametrize("state", ["planned", "released", "sending"])
def test_a_contact_whose_time_has_come_and_that_is_nowhere_is_lost(state: str) -> None:
    contacts = [a_contact(7, state), a_contact(8, state, not_before=NOW + seconds(1))]
    assert promises.lost(contacts, [], NOW) == [7]


def test_a_contact_said_to_be_accepted_that_no_provider_knows_is_lost() -> None:
    assert promises.lost([a_contact(7), a_contact(8)], [accepted("8-1")], NOW) == [7]


@pytest.mark.parametrize("state", ["suppressed", "cancelled", "expired", "rejected", "unknown", "assumed_sent"])
def test_an_explained_contact_is_not_lost(state: str) -> None:
    assert promises.lost([a_contact(7, state)], [], NOW) == []


@pytest.mark.parametrize(("state", "known"), [("cancelled", False), ("planned", False), ("assumed_sent", True)])
def test_a_message_accepted_that_our_state_denies_is_unrecorded(state: str, known: bool) -> None:  # noqa: FBT001
    assert promises.unrecorded([a_contact(7, state)], [accepted("7-1")]) == ([] if known else [7])


def test_a_message_about_no_contact_of_ours_is_unrecorded() -> None:
    assert promises.unrecorded([], [accepted("7-1")]) == [7]


@pytest.mark.parametrize(
    ("local", "breach"),
    [(time(8, 59, 59), True), (time(9), False), (time(19, 59, 59), False), (time(20), True), (time(0), True)],
)
def test_quiet_hours_are_those_of_the_address(local: time, breach: bool) -> None:  # noqa: FBT001
    at = datetime.combine(date(2018, 7, 2), local, ZONES[PHONE]).astimezone(UTC)
    assert bool(promises.quiet_hour_breaches([accepted(virtual=at)], ZONES, QUIET)) is breach


def test_a_message_to_an_address_whose_zone_is_unknown_is_a_breach() -> None:
    assert promises.quiet_hour_breaches([accepted(to="+19995550100")], ZONES, QUIET)


def test_quiet_hours_may_lie_within_one_day() -> None:
    at = datetime(2018, 7, 2, 13, tzinfo=ZONES[PHONE]).astimezone(UTC)
    assert promises.quiet_hour_breaches([accepted(virtual=at)], ZONES, Quiet(start=time(12), end=time(14)))


def payments(armed_at: datetime, met: Met, kind: str = "send") -> Payments:
    return Payments([a_contact()], [an_attempt(armed_at=armed_at, kind=kind)], [met])


def met(since: datetime, until: datetime | None = None) -> Met:
    return Met(borrower_id=1, due_on=DUE, since=since, until=until)


def test_a_message_permitted_after_the_payment_is_a_breach() -> None:
    found = payments(REAL, met(REAL - seconds(1)))
    assert found.ignored([accepted(at=REAL + seconds(1))])
    assert not found.crossed([accepted(at=REAL + seconds(1))])


def test_the_answer_to_an_opt_out_is_about_no_payment() -> None:
    answer = Payments([a_contact(confirms=True)], [an_attempt(armed_at=REAL)], [met(REAL - seconds(1))])
    assert not answer.ignored([accepted(at=REAL + seconds(1))])


def test_a_message_on_its_way_when_the_payment_came_is_none() -> None:
    found = payments(REAL, met(REAL + seconds(0.5)))
    assert not found.ignored([accepted(at=REAL + seconds(1))])
    assert found.crossed([accepted(at=REAL + seconds(1))])


def test_a_message_before_the_payment_is_neither() -> None:
    found = payments(REAL, met(REAL + seconds(2)))
    assert not found.ignored([accepted(at=REAL + seconds(1))])
    assert not found.crossed([accepted(at=REAL + seconds(1))])


def test_a_message_after_a_reversal_is_right() -> None:
    assert not payments(REAL, met(REAL - seconds(9), until=REAL - seconds(1))).ignored([accepted(at=REAL)])


def test_the_permission_of_a_second_call_counts_where_the_first_got_nowhere() -> None:
    attempts = [an_attempt(armed_at=REAL), an_attempt(kind="recall", armed_at=REAL + seconds(5))]
    found = Payments([a_contact()], attempts, [met(REAL + seconds(3))])
    assert found.ignored([accepted(at=REAL + seconds(6))])


def test_a_lookup_permits_nothing() -> None:
    attempts = [an_attempt(armed_at=REAL), an_attempt(kind="lookup", armed_at=REAL + seconds(5))]
    found = Payments([a_contact()], attempts, [met(REAL + seconds(3))])
    assert not found.ignored([accepted(at=REAL + seconds(6))])


def test_a_payment_of_another_due_date_stops_nothing() -> None:
    other = Met(borrower_id=1, due_on=DUE + timedelta(days=30), since=REAL - seconds(1))
    assert not payments(REAL, other).ignored([accepted(at=REAL + seconds(1))])


def evidence(**changes: Any) -> Evidence:
    values: dict[str, Any] = {
        "loans": 1, "instalments": 36, "now": NOW, "contacts": [a_contact()], "attempts": [an_attempt()], "released": 1,
        "steps": [(NOW - timedelta(hours=4), REAL - seconds(0.5))], "log": [accepted()], "zones": ZONES, "met": [],
        "quiet": QUIET, "wall_s": 1.25,
    }  # fmt: skip
    return Evidence(**(values | changes))


def test_a_clean_run_breaks_nothing() -> None:
    report = report_of(evidence())
    assert report["broken"] == []
    assert (report["planned"], report["accepted"], report["delivered"], report["provider_accepted"]) == (1, 1, 1, 1)


def test_each_broken_promise_is_named() -> None:
    night = datetime(2018, 7, 3, 3, tzinfo=UTC)
    log = [accepted(at=REAL + seconds(1)), accepted("7-2", at=REAL + seconds(2), virtual=night), accepted("9-1")]
    contacts = [a_contact(), a_contact(8, "sending")]
    report = report_of(evidence(log=log, contacts=contacts, met=[met(REAL - seconds(1))]))
    assert report["broken"] == ["duplicates", "lost", "unrecorded", "quiet_hour_breaches", "paid_then_messaged"]


def test_latency_runs_from_the_real_beginning_of_the_step_at_which_the_contact_was_due() -> None:
    assert report_of(evidence())["latency_ms"]["due_to_accepted"]["p50"] == 1500.0


def test_latency_of_a_contact_planned_late_runs_from_its_planning() -> None:
    steps = [(NOW - timedelta(hours=4), REAL - seconds(60)), (NOW, REAL)]
    late = a_contact(planned_at=NOW - timedelta(hours=1))
    assert report_of(evidence(steps=steps, contacts=[late]))["latency_ms"]["due_to_accepted"]["p50"] == 1000.0


def test_percentiles_are_values_that_occurred() -> None:
    assert percentiles([float(n) for n in range(1, 101)]) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([3.0]) == {"p50": 3.0, "p95": 3.0, "p99": 3.0}
    assert percentiles([]) == {"p50": None, "p95": None, "p99": None}


def test_reasons_are_counted() -> None:
    contacts = [a_contact(n, "suppressed", reason="hold") for n in range(2)] + [a_contact(3, "suppressed", reason="x")]
    assert report_of(evidence(contacts=contacts, log=[]))["suppressed"] == {
        "total": 3,
        "by_reason": {"hold": 2, "x": 1},
    }


@pytest.mark.parametrize(("reference", "contact"), [("123-1", 123), ("123", 123), ("abc-1", 0), ("", 0)])
def test_a_reference_names_its_contact(reference: str, contact: int) -> None:
    assert promises.contact_of(reference) == contact
