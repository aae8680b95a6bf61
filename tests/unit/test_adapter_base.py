"""What adapters share: options read strictly, failures in one vocabulary, waits within reason."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from channels.base import (
    Code,
    classify_failure,
    json_object,
    options_of,
    outcome_of_code,
    read_secrets,
    read_url,
    retry_after,
    send_each,
    unanswered,
)
from channels.http import Answer, Cause, Failure, Fate, Limits
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass
from tests.contract.rig import Terms, message, provider

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def waits(text: str, **more: str) -> float | None:
    return retry_after({"retry-after": text, **more}, now=NOW.timestamp)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("7", 7.0), (" 7 ", 7.0), ("0", 1.0), ("86400", 3_600.0), ("9" * 400, 3_600.0), ("٧", None)],
)
def test_retry_after_in_seconds_is_kept_from_one_second_to_one_hour(text: str, seconds: float | None) -> None:
    assert waits(text) == seconds


@pytest.mark.parametrize(("ahead_s", "seconds"), [(90, 90.0), (0, 1.0), (9_999, 3_600.0), (-60, None)])
def test_retry_after_may_be_a_date(ahead_s: int, seconds: float | None) -> None:
    assert waits(format_datetime(NOW + timedelta(seconds=ahead_s), usegmt=True)) == seconds


def test_a_date_counts_from_the_responses_own_clock() -> None:
    theirs = NOW - timedelta(hours=5)
    until = format_datetime(theirs + timedelta(seconds=30), usegmt=True)
    assert waits(until, date=format_datetime(theirs, usegmt=True)) == 30.0


def test_an_old_form_of_date_without_a_zone_is_gmt() -> None:
    assert waits("Sun Mar  1 09:00:45 2026") == 45.0


@pytest.mark.parametrize("text", ["", "-5", "soon", "1.5", "7 s", "Sun, 99 Mar 2026 09:00:00 GMT"])
def test_a_retry_after_that_makes_no_sense_is_ignored(text: str) -> None:
    assert waits(text) is None


@given(text=st.text(max_size=60), date=st.text(max_size=60))
def test_no_retry_after_raises_or_leaves_its_bounds(text: str, date: str) -> None:
    seconds = waits(text, date=date)
    assert seconds is None or 1.0 <= seconds <= 3_600.0


@pytest.mark.parametrize("cause", list(Cause))
def test_a_failure_is_unknown_unless_it_was_surely_not_sent(cause: Cause) -> None:
    lost = classify_failure(Failure(fate=Fate.PERHAPS_SENT, cause=cause.value))
    unsent = classify_failure(Failure(fate=Fate.NOT_SENT, cause=cause.value))
    assert (lost.kind, lost.code) == (OutcomeClass.UNKNOWN, cause.value)
    expected = OutcomeClass.MISCONFIGURED if cause is Cause.BAD_REQUEST else OutcomeClass.TRANSIENT
    assert (unsent.kind, unsent.code) == (expected, cause.value)


def test_an_unanswered_look_up_may_be_asked_again() -> None:
    assert unanswered(Failure(fate=Fate.PERHAPS_SENT, cause="read_timeout")).kind is OutcomeClass.TRANSIENT


def test_a_code_that_is_not_in_the_table_proves_nothing() -> None:
    table = {"busy": Code(kind=OutcomeClass.THROTTLED), "gone": Code(kind=OutcomeClass.REJECTED, address_invalid=True)}
    assert outcome_of_code(table, "new").kind is OutcomeClass.UNKNOWN
    assert outcome_of_code(table, "busy", retry_after_s=3.0).retry_after_s == 3.0
    gone = outcome_of_code(table, "gone", retry_after_s=3.0)
    assert (gone.kind, gone.address_invalid, gone.retry_after_s) == (OutcomeClass.REJECTED, True, None)


@given(body=st.binary(max_size=80))
def test_any_body_is_an_object_or_nothing(body: bytes) -> None:
    assert json_object(body) is None or isinstance(json_object(body), dict)


def test_a_deep_body_is_nothing() -> None:
    assert json_object(b"[" * 100_000) is None
    assert json_object(b'{"a":' * 100_000) is None


async def test_outcomes_come_in_the_order_of_the_batch_and_a_fault_costs_one_message_only() -> None:
    batch = [message() for _ in range(3)]

    async def one(given: Outbound) -> Outcome:
        if given is batch[1]:
            raise KeyError("canary +12025550199")
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=given.reference)

    with capture_logs() as logs:
        outcomes = await send_each(batch, one)
    assert [outcome.provider_message_id for outcome in outcomes] == [batch[0].reference, None, batch[2].reference]
    assert (outcomes[1].kind, outcomes[1].code) == (OutcomeClass.UNKNOWN, "adapter_error")
    assert [entry["error"] for entry in logs] == ["KeyError"]
    assert "canary" not in str(logs)


async def test_a_long_batch_is_called_for_as_many_at_once_as_there_are_connections() -> None:
    batch = [replace(message(), reference=str(number)) for number in range(250)]
    open_now, most = 0, 0

    async def one(given: Outbound) -> Outcome:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=given.reference)

    outcomes = await send_each(batch, one)
    assert [outcome.provider_message_id for outcome in outcomes] == [str(number) for number in range(250)]
    assert most == Limits().connections


async def test_who_cancels_a_batch_cancels_each_of_its_calls_and_waits_for_their_ends() -> None:
    begun, ended = asyncio.Semaphore(0), 0

    async def one(_: Outbound) -> Outcome:
        nonlocal ended
        begun.release()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended += 1
        raise AssertionError

    (sending,) = [asyncio.create_task(send_each([message() for _ in range(3)], one))]
    for _ in range(3):
        await begun.acquire()
    sending.cancel()
    await asyncio.wait([sending])
    assert sending.cancelled()
    assert ended == 3


async def test_a_call_that_is_cancelled_from_within_ends_the_batch() -> None:
    async def one(_: Outbound) -> Outcome:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await send_each([message(), message()], one)
    assert await send_each([], one) == []


def table_of(options: Mapping[str, Any]) -> Any:
    return options_of(provider("acme", "acme", 5.0, Terms(options=dict(options))))


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "https://", "https://x?y=1", "https://u:p@x", "https://x#y", "x", "http://x.example"]
)
def test_an_address_that_is_none_is_refused_by_file_and_key(url: str) -> None:
    with pytest.raises(ConfigError, match=r"config/providers/acme\.toml: options\.url"):
        read_url(table_of({"url": url}), "url")


@pytest.mark.parametrize("url", ["https://x.example/a", "http://127.0.0.1:1/a/", "http://localhost", "http://[::1]:80"])
def test_an_address_is_https_or_this_machine(url: str) -> None:
    assert read_url(table_of({"url": url}), "url") == url.rstrip("/")
    assert read_url(table_of({"url": "http://sandbox:8099"}), "url", plain=True) == "http://sandbox:8099"


def test_secrets_may_be_several_while_one_replaces_another() -> None:
    assert read_secrets(table_of({"secret": " new  old "}), "secret") == ("new", "old")
    assert read_secrets(table_of({}), "secret", "") == ()
    with pytest.raises(ConfigError, match=r"options\.secret: must not be empty"):
        read_secrets(table_of({"secret": " "}), "secret")


def test_an_answer_hides_what_it_holds() -> None:
    assert "canary" not in repr(Answer(status=200, headers={}, body=b"canary"))
