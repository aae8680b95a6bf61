"""The judge of a chaos run sees every kind of breach: a green run means something."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from duecourse.ledger.chaos import AttemptFate, ContactFate
from duecourse.simulator.chaos.ending import end
from duecourse.simulator.chaos.invariants import INVARIANTS, Evidence, breaches
from duecourse.simulator.chaos.leaks import marked
from duecourse.simulator.chaos.storm import FAULTS, order_of
from duecourse.simulator.sandbox.chance import Chance

NOON = datetime(2018, 7, 10, 16, tzinfo=UTC)
SECOND = timedelta(seconds=1)
CONTACT = ContactFate(contact_id=1, borrower_id=1, borrower="CH-0", state="delivered", reason=None, state_at=NOON)
ATTEMPT = AttemptFate(
    contact_id=1, number=1, kind="send", provider="sandbox-sms", reference="1-1", outcome="accepted", counted=True,
    armed_business=NOON, armed_at=NOON,
)  # fmt: skip
ACCEPTED = {"kind": "accepted", "reference": "1-1", "at": (NOON + SECOND).isoformat()}
LIFE = ("planned", "released", "sending", "accepted", "delivered")


def told(*words: str) -> list[tuple[int, str]]:
    return [(1, f"contact.{word}") for word in words]


SOUND = Evidence(
    borrowers=["CH-0"],
    contacts=[CONTACT],
    attempts=[ATTEMPT],
    log=[ACCEPTED],
    told=told(*LIFE),
    paid={},
    horizons={"sandbox-sms": timedelta(hours=2)},
)


def ending(state: str, **more: Any) -> dict[str, Any]:
    contact = replace(CONTACT, state=state)
    return {"contacts": [contact], "told": told(*LIFE[:3], "unknown", state) if state != "sending" else [], **more}


BREAKING: dict[str, dict[str, Any]] = {
    "no contact is accepted twice": {"log": [ACCEPTED, ACCEPTED | {"reference": "1-2"}]},
    "every contact ends in a state that explains it": ending("unknown"),
    "everybody who is due has a contact": {"borrowers": ["CH-0", "CH-1"]},
    "what we count as taken was accepted once": {"log": []},
    "what we count as unsent was never accepted": ending("rejected"),
    "assumed sent only where nobody can be asked": ending("assumed_sent"),
    "every acceptance has a permission that was committed before": {
        "attempts": [replace(ATTEMPT, armed_at=NOON + 2 * SECOND)]
    },
    "no more calls than permissions": {
        "log": [ACCEPTED, {"kind": "fault", "code": "e503", "reference": "1-1"}],
    },
    "every acceptance counts against the budget": {"attempts": [replace(ATTEMPT, counted=False)]},
    "events replay to the state of their contact": {"told": told("planned", "sending", "accepted", "delivered")},
    "paid before the permission is not sent": {"paid": {"CH-0": NOON - SECOND}},
    "no personal data in Redis": {"in_redis": ["{duecourse}:sms.msgs"]},
    "no personal data in logs": {"in_logs": ["sms-1.log"]},
}


def test_a_sound_run_breaks_nothing() -> None:
    assert {name: found for name, found in breaches(SOUND).items() if found} == {}


def test_each_invariant_has_something_that_breaks_it() -> None:
    assert set(BREAKING) == set(INVARIANTS)


@pytest.mark.parametrize("name", BREAKING)
def test_a_breach_is_seen(name: str) -> None:
    assert breaches(replace(SOUND, **BREAKING[name]))[name]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"log": [ACCEPTED, ACCEPTED | {"kind": "fault", "code": "e500_after"}]}, id="fault after"),
        pytest.param({"paid": {"CH-0": NOON + SECOND}}, id="paid while it was on its way"),
        pytest.param(
            {"log": [ACCEPTED, ACCEPTED | {"kind": "duplicate"}],
             "attempts": [ATTEMPT, replace(ATTEMPT, number=2, kind="recall", counted=False)]},
            id="recognised by its key",
        ),
        pytest.param({"told": told(*LIFE[:2], "returned", *LIFE[1:])}, id="given back and released again"),
        pytest.param({"told": [*told(*LIFE), (1, "attempt.late")]}, id="told late"),
        pytest.param(ending("assumed_sent", horizons={"sandbox-sms": timedelta()}), id="nobody can be asked"),
    ],
)  # fmt: skip
def test_what_is_allowed_is_no_breach(more: dict[str, Any]) -> None:
    assert {name: found for name, found in breaches(replace(SOUND, **more)).items() if found} == {}


def test_events_that_end_elsewhere_than_the_contact_are_a_breach() -> None:
    cut_short = replace(SOUND, told=told(*LIFE[:-1]))
    assert breaches(cut_short)["events replay to the state of their contact"] == [1]


def test_a_seed_repeats_its_faults_and_another_does_not() -> None:
    orders = [[fault.name for fault in order_of(FAULTS, Chance(seed), 200)] for seed in (1, 1, 2)]
    assert orders[0] == orders[1] != orders[2]


def test_every_kind_of_fault_comes_before_any_comes_again() -> None:
    order = order_of(FAULTS, Chance(3), 300)
    assert len(order) == 300
    assert {fault.name for fault in order[: len(FAULTS)]} == {fault.name for fault in FAULTS}


@pytest.mark.parametrize(("text", "expected"), [(b"to +15550000012", True), (b"ids [12, 13]", False)])
def test_personal_data_is_known_by_its_marks(text: bytes, expected: bool) -> None:  # noqa: FBT001
    assert marked(text) is expected


async def test_what_runs_beside_a_run_ends_though_a_client_takes_its_cancellation_for_an_error() -> None:
    taken = 0

    async def watch() -> None:
        nonlocal taken
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                taken += 1
                if taken > 1:
                    raise

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)

    await end(watching)

    assert watching.cancelled()
