"""The sandbox provider's parts, each alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.sandbox.account import Account, account_from
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.sandbox.journal import EntryKind, Journal
from duecourse.simulator.sandbox.key import Keys
from duecourse.simulator.sandbox.pace import Pace
from duecourse.simulator.sandbox.signature import sign


class Ticker:
    """A monotonic clock that moves when told."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def a_message(number: int = 1) -> dict[str, object]:
    return {
        "account": "sms", "channel": "sms", "reference": f"{number}-1", "idempotency_key": "k",
        "to": "+12025550100", "text": "Hallo, Fälligkeit", "subject": None, "html": None, "headers": {},
    }  # fmt: skip


@given(st.integers(), st.text(), st.integers())
def test_a_draw_repeats_for_the_same_seed_and_lies_below_one(seed: int, about: str, number: int) -> None:
    assert Chance(seed).draw(about, number) == Chance(seed).draw(about, number)
    assert 0 <= Chance(seed).draw(about, number) < 1


def test_draws_of_another_seed_or_another_call_differ() -> None:
    draws = {Chance(seed).draw("fault", "sms", number) for seed in range(10) for number in range(100)}
    assert len(draws) == 1000


def test_chances_happen_about_as_often_as_asked() -> None:
    happened = sum(Chance(7).happens(0.3, "x", number) for number in range(10_000))
    assert 2_800 < happened < 3_200


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), max_size=60))
def test_no_more_than_burst_and_rate_pass_in_any_span(calls: list[tuple[float, int]]) -> None:
    ticker, rate, burst = Ticker(), 10.0, 20
    pace = Pace(rate_per_s=rate, burst=burst, now=ticker)
    passed = 0
    for gap, count in calls:
        ticker.now += gap
        if pace.wait_for(count) == 0:
            passed += count
        # A batch beyond the burst may pass on a full bucket, so one such batch is the slack.
        assert passed <= burst + rate * ticker.now + 20 + 1e-6


def test_a_refused_call_is_told_when_it_may_come_back() -> None:
    ticker = Ticker()
    pace = Pace(rate_per_s=10, burst=5, now=ticker)
    assert pace.wait_for(5) == 0
    wait_s = pace.wait_for(2)
    assert wait_s == pytest.approx(0.2)
    ticker.now += wait_s
    assert pace.wait_for(2) == 0


def test_a_key_is_known_only_after_its_call_completed_and_only_for_the_window() -> None:
    ticker = Ticker()
    keys = Keys(window_s=60, now=ticker)
    assert keys.message_of("a") is None
    keys.complete("a", "sms-1")
    keys.complete("a", "sms-2")
    assert keys.message_of("a") == "sms-1"
    ticker.now = 61
    assert keys.message_of("a") is None


def test_the_empty_key_is_no_key() -> None:
    keys = Keys(window_s=60, now=Ticker())
    keys.complete("", "sms-1")
    assert keys.message_of("") is None


def test_the_log_is_found_again_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "log.jsonl")
    first = journal.accept(a_message(1))
    journal.record(EntryKind.THROTTLED, {"account": "sms", "reference": "2-1"})
    journal.close()
    again = Journal(tmp_path / "log.jsonl")
    assert again.id_of("sms", "1-1") == first["id"]
    assert [m["id"] for m in again.messages_to("+12025550100")] == [first["id"]]
    assert again.accept(a_message(2))["id"] != first["id"]
    assert [json.loads(line)["n"] for line in again.lines(1)] == [2, 3]
    again.close()


def test_half_a_line_of_a_killed_run_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    journal = Journal(path)
    journal.accept(a_message(1))
    journal.close()
    path.write_bytes(path.read_bytes() + b'{"n":2,"kind":"acc')
    again = Journal(path)
    again.accept(a_message(2))
    again.close()
    assert [json.loads(line)["n"] for line in path.read_bytes().splitlines()] == [1, 2]


def test_signatures_are_those_of_the_specification() -> None:
    # Computed with `printf ... | openssl dgst -sha256 -hmac secret -binary | base64`.
    assert sign("secret", "msg_1", 1700000000, b'{"events":[]}') == "v1,6yi3VjBRDclr8YV8HaNeumls1BF0CRxAVMFOOWexwHg="


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({}, "channel"),
        ({"channel": "pigeon"}, "pigeon"),
        ({"channel": "sms", "rate": 3}, "unknown key rate"),
        ({"channel": "sms", "faults": {"e404": 0.1}}, "unknown key e404"),
        ({"channel": "sms", "faults": {"e503": "often"}}, "must be a number"),
    ],
)
def test_an_account_that_makes_no_sense_is_refused_by_name(values: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        account_from("acme", values)


def test_an_account_shows_no_secret() -> None:
    account = Account(name="a", channel=ChannelKind.SMS, api_key="canary-key", webhook_secret="canary-secret")
    assert "canary" not in repr(account)
    assert "canary" not in json.dumps(account.as_json())


def test_changing_one_fault_keeps_the_rest() -> None:
    account = account_from("a", {"channel": "sms", "faults": {"e503": 0.5}, "rate_per_s": 7})
    changed = account_from("a", {"faults": {"e500_after": 0.25}}, account)
    assert (changed.faults.e503, changed.faults.e500_after, changed.rate_per_s) == (0.5, 0.25, 7)
