"""The JSON of sandbox and webhook: what cannot be told for sure is unknown, what makes no sense is left out."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.dialect import message_json, read_batch, read_events, read_lookup, read_single
from channels.http import Answer, Failure, Fate
from duecourse.domain.message import Outcome, Rendered
from duecourse.domain.vocabulary import OutcomeClass, ReceiptKind
from tests.contract.rig import message

O = OutcomeClass  # noqa: E741 - the table below reads better
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["id", "status", "error", "code", "results", "events", "type"]), inner)
    ),
    max_leaves=12,
)


def answer(status: int, content: Any, **headers: str) -> Answer:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Answer(status=status, headers=headers, body=body)


def error(code: Any) -> dict[str, Any]:
    return {"error": {"code": code}}


@pytest.mark.parametrize(
    ("status", "content", "kind", "code"),
    [
        (201, {"id": "m1", "status": "accepted"}, O.ACCEPTED, None),
        (200, {"id": "m1", "status": "duplicate"}, O.DUPLICATE, None),
        (422, error("invalid_address"), O.REJECTED, "invalid_address"),
        (401, error("unauthorised"), O.MISCONFIGURED, "unauthorised"),
        (404, error("unknown_account"), O.MISCONFIGURED, "unknown_account"),
        (429, b"slow down", O.THROTTLED, "rate_limited"),
        (503, error("unavailable"), O.TRANSIENT, "unavailable"),
        # A proxy's 503 promises nothing, and a code in an answer of failure is not believed.
        (503, b"<html>", O.UNKNOWN, "http_503"),
        (503, error("invalid_address"), O.UNKNOWN, "http_503"),
        (500, error("internal"), O.UNKNOWN, "http_500"),
        (502, b"", O.UNKNOWN, "http_502"),
        (302, b"", O.UNKNOWN, "http_302"),
        (404, b"<html>", O.UNKNOWN, "http_404"),
        (400, error("brand_new"), O.UNKNOWN, "brand_new"),
        (200, error("opted_out"), O.REJECTED, "opted_out"),
        (200, {"id": "m1"}, O.UNKNOWN, "garbage"),
        (200, {"status": "accepted"}, O.UNKNOWN, "garbage"),
        (200, {"id": "m1", "status": "on its way"}, O.UNKNOWN, "garbage"),
        (200, [], O.UNKNOWN, "garbage"),
        (204, b"", O.UNKNOWN, "garbage"),
    ],
)
def test_an_answer_to_one_message_has_one_meaning(
    status: int, content: Any, kind: OutcomeClass, code: str | None
) -> None:
    outcome = read_single(answer(status, content))
    assert (outcome.kind, outcome.code) == (kind, code)
    assert outcome.provider_message_id == ("m1" if kind in {O.ACCEPTED, O.DUPLICATE} else None)


@pytest.mark.parametrize("results", [[], [{"id": "a", "status": "accepted"}], None, {"0": {}}, "ab"])
def test_results_that_cannot_be_told_apart_prove_nothing_of_any_message(results: Any) -> None:
    outcomes = read_batch(answer(200, {"results": results}), 2)
    assert [outcome.kind for outcome in outcomes] == [O.UNKNOWN] * 2


def test_each_result_of_a_batch_stands_for_itself() -> None:
    results = [{"id": "a", "status": "accepted"}, error("opted_out"), None, error("unavailable"), error(7)]
    outcomes = read_batch(answer(200, {"results": results}), 5)
    assert [outcome.kind for outcome in outcomes] == [O.ACCEPTED, O.REJECTED, O.UNKNOWN, O.TRANSIENT, O.UNKNOWN]


def test_a_batch_that_failed_as_a_whole_failed_for_each() -> None:
    lost = read_batch(Failure(fate=Fate.PERHAPS_SENT, cause="reset"), 3)
    assert lost == [Outcome(kind=O.UNKNOWN, code="reset")] * 3
    throttled = read_batch(answer(429, b"", **{"retry-after": "9"}), 2)
    assert [outcome.retry_after_s for outcome in throttled] == [9.0, 9.0]


def test_only_the_providers_own_word_says_that_it_knows_nothing() -> None:
    assert read_lookup(answer(404, error("unknown_reference"))) is None
    for doubtful in (answer(404, b"<html>"), answer(404, error("unknown_account")), answer(200, {}), answer(500, b"")):
        found = read_lookup(doubtful)
        assert found is not None
        assert found.kind is O.TRANSIENT


@given(status=st.integers(100, 599), content=JSON | st.binary(max_size=40), count=st.integers(1, 3))
def test_no_answer_raises_and_each_message_has_an_outcome(status: int, content: Any, count: int) -> None:
    given_answer = answer(status, content)
    assert isinstance(read_single(given_answer), Outcome)
    assert len(read_batch(given_answer, count)) == count
    read_lookup(given_answer)
    read_events(given_answer.body)


def test_a_message_says_only_what_it_has() -> None:
    plain = message_json(message())
    assert plain.keys() == {"reference", "to", "text", "subject", "html"}
    bare = replace(message(), body=Rendered(text="t", headers={"List-Unsubscribe": "<https://x>"}))
    assert message_json(bare).keys() == {"reference", "to", "text", "headers"}


def test_events_become_receipts() -> None:
    events = [
        {"event_id": "1", "type": "undelivered", "message_id": "m", "reference": "r", "code": "invalid_address"},
        {"event_id": "2", "type": "replied", "from": "+12025550123", "text": "STOP", "at": "2026-03-01T10:00:00+01:00"},
        {"event_id": "3", "type": "delivered", "code": "invalid_address", "at": "2026-03-01T10:00:00"},
    ]
    dead, reply, delivered = read_events(json.dumps({"events": events}).encode())
    assert (dead.kind, dead.address_invalid, dead.reference) == (ReceiptKind.UNDELIVERED, True, "r")
    assert (reply.address, reply.text, reply.at) == ("+12025550123", "STOP", datetime(2026, 3, 1, 9, tzinfo=UTC))
    assert (delivered.address_invalid, delivered.at) == (False, None)
    assert "STOP" not in repr(reply)


def test_events_that_make_no_sense_are_left_out() -> None:
    events = [None, 7, {}, {"event_id": "", "type": "read"}, {"event_id": "1", "type": ["read"]}, {"event_id": 1}]
    kept = {"event_id": "9", "type": "read", "reference": 12, "at": 5, "text": ""}
    (receipt,) = read_events(json.dumps({"events": [*events, kept]}).encode())
    assert (receipt.event_key, receipt.reference, receipt.at, receipt.text) == ("9", None, None, None)
