"""FCM's sends, codes and tokens: google-auth checks our assertions and makes the ones ours are compared with."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import google.auth.jwt
import pytest
from google.auth.transport.requests import Request
from google.oauth2 import service_account

from channels.http import HttpClient
from channels.push.fcm import CODES, SCOPE, FcmPush, build
from channels.push.google_token import TokenSource
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Outbound, Outcome, Rendered, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, Resolution
from duecourse.settings import Provider
from tests.contract import rig
from tests.contract.fake_google import AUDIENCE, EMAIL, PEM, PROJECT, PUBLIC_PEM, FakeGoogle, error

O = OutcomeClass  # noqa: E741 - the tables below read better
DEVICE = "canary-device"
NAME = f"projects/{PROJECT}/messages/0:1"


def provider(**options: Any) -> Provider:
    terms = rig.Terms(channel=ChannelKind.PUSH, resolution=Resolution.NONE, options=options)
    return rig.provider("fcm", "fcm", 5.0, terms)


def outbound(**changed: Any) -> Outbound:
    return rig.outbound(**{"to": DEVICE, "body": Rendered(text="Canary text 今天", subject="Harbour"), **changed})


@pytest.fixture
async def google_() -> AsyncIterator[FakeGoogle]:
    fake = FakeGoogle()
    runner = await fake.start()
    yield fake
    await runner.cleanup()


def _built(fake: FakeGoogle, **options: Any) -> FcmPush:
    channel = build(provider(service_account=json.dumps(fake.key_file()), base_url=fake.url, **options))
    assert isinstance(channel, FcmPush)
    return channel


@pytest.fixture
async def push(google_: FakeGoogle) -> AsyncIterator[FcmPush]:
    channel = _built(google_, collapse_key="due", ttl_s=3600)
    await channel.open()
    yield channel
    await channel.aclose()


async def test_a_push_is_accepted_with_fcms_name_for_it(push: FcmPush, google_: FakeGoogle) -> None:
    [outcome] = await push.send([outbound()])

    [(path, headers, body)] = google_.sends
    assert outcome == Outcome(kind=O.ACCEPTED, provider_message_id=NAME)
    assert path == f"/v1/projects/{PROJECT}/messages:send"
    assert headers["authorization"] == "Bearer canary-access-1"
    assert body == {
        "message": {
            "token": DEVICE,
            "notification": {"title": "Harbour", "body": "Canary text 今天"},
            "data": {"ref": "c7-1"},
            "android": {"ttl": "3600s", "collapseKey": "due"},
        }
    }


async def test_the_target_may_be_an_installation_and_the_send_a_rehearsal(google_: FakeGoogle) -> None:
    channel = _built(google_, target="fid", validate_only=True, project_id="another")
    await channel.open()
    await channel.send([outbound(body=Rendered(text="Text"))])
    await channel.aclose()

    [(path, _, body)] = google_.sends
    assert path == "/v1/projects/another/messages:send"
    assert body == {
        "message": {
            "fid": DEVICE,
            "notification": {"body": "Text"},
            "data": {"ref": "c7-1"},
            "android": {"ttl": "21600s"},
        },
        "validateOnly": True,
    }


def opened(assertion: str) -> tuple[Any, Any]:
    """Header and claims, as google-auth reads them once it has verified the signature."""
    jwt: Any = google.auth.jwt
    return jwt.decode_header(assertion), jwt.decode(assertion, certs=PUBLIC_PEM, audience=AUDIENCE)


async def test_our_assertion_is_the_one_that_google_auth_makes(push: FcmPush, google_: FakeGoogle) -> None:
    credentials = service_account.Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        google_.key_file(), scopes=[SCOPE]
    )

    await push.send([outbound()])
    await asyncio.to_thread(credentials.refresh, Request())

    (our_form, our_headers), (their_form, their_headers) = google_.token_forms
    (our_head, ours), (their_head, theirs) = (opened(text) for text in google_.assertions)
    assert our_head == their_head
    assert {**ours, "iat": 0, "exp": ours["exp"] - ours["iat"]} == {
        **theirs,
        "iat": 0,
        "exp": theirs["exp"] - theirs["iat"],
    }
    assert abs(ours["iat"] - theirs["iat"]) < 60
    assert ours["iss"] == EMAIL
    assert set(our_form) == set(their_form)
    assert our_form["grant_type"] == their_form["grant_type"]
    assert our_headers["content-type"] == their_headers["content-type"]


# Literal on purpose: a wrong row of the adapter's table must not pass by being compared with itself.
@pytest.mark.parametrize(
    ("status", "word", "code", "kind", "address_invalid"),
    [
        (404, "NOT_FOUND", "UNREGISTERED", O.REJECTED, True),
        (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", O.REJECTED, True),
        (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", O.THROTTLED, False),
        (429, "RESOURCE_EXHAUSTED", None, O.THROTTLED, False),
        (503, "UNAVAILABLE", "UNAVAILABLE", O.TRANSIENT, False),
        (503, "UNAVAILABLE", None, O.TRANSIENT, False),
        (500, "INTERNAL", "INTERNAL", O.UNKNOWN, False),
        (500, "INTERNAL", "UNSPECIFIED_ERROR", O.UNKNOWN, False),
        (504, "DEADLINE_EXCEEDED", None, O.UNKNOWN, False),
        (401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR", O.MISCONFIGURED, False),
        (403, "PERMISSION_DENIED", None, O.MISCONFIGURED, False),
        (404, "NOT_FOUND", None, O.MISCONFIGURED, False),
        (403, "UNAUTHENTICATED", None, O.MISCONFIGURED, False),
        (400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", O.REJECTED, True),
        (400, "FAILED_PRECONDITION", None, O.MISCONFIGURED, False),
        (400, "INVALID_ARGUMENT", "A_CODE_OF_TOMORROW", O.MISCONFIGURED, False),
        (501, "UNIMPLEMENTED", None, O.UNKNOWN, False),
    ],
)
async def test_each_documented_code_has_its_meaning(
    push: FcmPush,
    google_: FakeGoogle,
    status: int,
    word: str,
    code: str | None,
    kind: OutcomeClass,
    *,
    address_invalid: bool,
) -> None:
    google_.answers = [(status, error(status, word, code), {})]

    [outcome] = await push.send([outbound()])

    assert (outcome.kind, outcome.code, outcome.address_invalid) == (kind, code or word, address_invalid)
    assert len(google_.sends) == 1


def test_every_row_of_the_code_table_is_tested_above() -> None:
    [mark] = test_each_documented_code_has_its_meaning.pytestmark  # type: ignore[attr-defined]
    assert {row[2] or row[1] for row in mark.args[1]} >= set(CODES)


@pytest.mark.parametrize(
    ("code", "blamed", "address_invalid"),
    [
        ("INVALID_ARGUMENT", "message.token", True),
        ("INVALID_ARGUMENT", "message.fid", True),
        ("INVALID_ARGUMENT", "message.notification.title", False),
        (None, "message.android.ttl", False),
        (None, "message.token", True),
        (None, None, False),
    ],
)
async def test_an_invalid_argument_flags_the_address_only_where_the_address_is_blamed(
    push: FcmPush, google_: FakeGoogle, code: str | None, blamed: str | None, *, address_invalid: bool
) -> None:
    google_.answers = [(400, error(400, "INVALID_ARGUMENT", code, blamed), {})]

    [outcome] = await push.send([outbound()])

    assert outcome == Outcome(kind=O.REJECTED, code="INVALID_ARGUMENT", address_invalid=address_invalid)


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (200, "<html>", O.UNKNOWN, "garbage"),
        (200, {"name": ""}, O.UNKNOWN, "garbage"),
        (200, [], O.UNKNOWN, "garbage"),
        (302, "", O.UNKNOWN, "http_302"),
        (400, "<html>", O.MISCONFIGURED, "http_400"),
        (408, "", O.UNKNOWN, "http_408"),
        (429, "<html>", O.THROTTLED, "http_429"),
        (500, "<html>", O.UNKNOWN, "http_500"),
        (503, "<html>", O.UNKNOWN, "http_503"),
        (400, {"error": {"status": "a sentence with canary-device"}}, O.MISCONFIGURED, "http_400"),
        (400, {"error": "text", "details": 1}, O.MISCONFIGURED, "http_400"),
        (400, {"error": {"details": [1, {"@type": 1, "errorCode": 2}]}}, O.MISCONFIGURED, "http_400"),
    ],
)
async def test_an_answer_without_a_code_goes_by_its_status(
    push: FcmPush, google_: FakeGoogle, status: int, body: Any, kind: OutcomeClass, code: str
) -> None:
    google_.answers = [(status, body, {})]

    [outcome] = await push.send([outbound()])

    assert (outcome.kind, outcome.code) == (kind, code)


@pytest.mark.parametrize(
    ("status", "word", "headers", "waits"),
    [
        (429, "RESOURCE_EXHAUSTED", {"Retry-After": "90"}, 90.0),
        (429, "RESOURCE_EXHAUSTED", {}, 60.0),
        (503, "UNAVAILABLE", {"Retry-After": "7"}, 7.0),
        (503, "UNAVAILABLE", {}, None),
    ],
)
async def test_the_pause_is_googles_or_at_least_a_minute(
    push: FcmPush, google_: FakeGoogle, status: int, word: str, headers: dict[str, str], waits: float | None
) -> None:
    google_.answers = [(status, error(status, word), headers)]

    [outcome] = await push.send([outbound()])

    assert outcome.retry_after_s == waits


async def test_a_connection_closed_after_the_request_is_unknown(push: FcmPush, google_: FakeGoogle) -> None:
    google_.answers = [None]

    [outcome] = await push.send([outbound()])

    assert outcome.kind is O.UNKNOWN


async def test_a_hundred_pushes_share_one_token(push: FcmPush, google_: FakeGoogle) -> None:
    outcomes = await push.send([outbound(contact_id=n) for n in range(100)])

    assert {outcome.kind for outcome in outcomes} == {O.ACCEPTED}
    assert len(google_.assertions) == 1


async def test_a_refused_token_is_renewed_once_for_all(push: FcmPush, google_: FakeGoogle) -> None:
    await push.send([outbound()])
    google_.valid = set()

    outcomes = await push.send([outbound(contact_id=n) for n in range(20)])

    assert {outcome.kind for outcome in outcomes} == {O.ACCEPTED}
    assert len(google_.assertions) == 2


async def test_a_token_refused_twice_is_a_fault_of_the_account(push: FcmPush, google_: FakeGoogle) -> None:
    refused = {"access_token": "canary-access-other", "expires_in": 3600}
    google_.tokens = [(200, refused, {}), (200, refused, {})]

    [outcome] = await push.send([outbound()])

    assert outcome == Outcome(kind=O.MISCONFIGURED, code="UNAUTHENTICATED")
    assert len(google_.sends) == 2


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        ((400, {"error": "invalid_grant", "error_description": EMAIL}, {}), O.MISCONFIGURED, "token_invalid_grant"),
        ((401, {"error": "invalid_client"}, {}), O.MISCONFIGURED, "token_invalid_client"),
        ((400, {"error": {"code": 400}}, {}), O.MISCONFIGURED, "token_http_400"),
        ((403, "<html>", {}), O.MISCONFIGURED, "token_http_403"),
        ((429, "", {}), O.TRANSIENT, "token_http_429"),
        ((500, {"error": "internal_failure"}, {}), O.TRANSIENT, "token_internal_failure"),
        ((503, "", {}), O.TRANSIENT, "token_http_503"),
        ((200, {"token_type": "Bearer"}, {}), O.TRANSIENT, "token_http_200"),
        (None, O.TRANSIENT, "token_disconnected"),
    ],
)
async def test_without_a_token_nothing_was_sent(
    push: FcmPush, google_: FakeGoogle, answer: Any, kind: OutcomeClass, code: str
) -> None:
    google_.tokens = [answer]

    [outcome] = await push.send([outbound()])

    assert (outcome.kind, outcome.code) == (kind, code)
    assert google_.sends == []


async def test_a_failed_token_call_is_shared_by_all_who_waited_for_it(push: FcmPush, google_: FakeGoogle) -> None:
    google_.tokens = [(503, "", {})]

    outcomes = await push.send([outbound(contact_id=n) for n in range(50)])

    assert {outcome.code for outcome in outcomes} == {"token_http_503"}
    assert len(google_.assertions) == 1


async def test_a_token_is_renewed_at_80_percent_of_its_life_and_used_until_its_end(google_: FakeGoogle) -> None:
    now = 1000.0
    account = _built(google_)._options.account
    async with HttpClient(timeout_s=5) as http:
        source = TokenSource(account, SCOPE, http, monotonic=lambda: now)
        first = await source.token()
        now += 3599 * 0.8 - 1
        kept = await source.token()
        now += 2
        renewed = await source.token()
        google_.tokens = [(503, "", {})] * 2
        now += 3599 * 0.9
        past_renewal = await source.token()
        now += 3599 * 0.2
        over = await source.token()
        await source.aclose()

    assert first == kept == "canary-access-1"
    assert renewed == past_renewal == "canary-access-2"
    assert over == Outcome(kind=O.TRANSIENT, code="token_http_503")


async def test_a_refusal_that_comes_late_does_not_throw_away_the_newer_token(google_: FakeGoogle) -> None:
    async with HttpClient(timeout_s=5) as http:
        source = TokenSource(_built(google_)._options.account, SCOPE, http)
        assert await source.token() == "canary-access-1"
        source.refuse("canary-access-0")
        assert await source.token() == "canary-access-1"
        source.refuse("canary-access-1")
        assert await source.token() == "canary-access-2"
        await source.aclose()


async def test_nothing_leaves_after_the_deadline(push: FcmPush, google_: FakeGoogle) -> None:
    [outcome] = await push.send([outbound(deadline=time.monotonic() - 1)])

    assert outcome == Outcome(kind=O.TRANSIENT, code="deadline")
    assert google_.sends == []


async def test_fcm_knows_nothing_afterwards(push: FcmPush) -> None:
    asked = WebhookRequest(url="https://due.example.com/webhooks/fcm", headers={}, body=b"{}")

    assert await push.look_up(outbound()) == Outcome(kind=O.UNKNOWN, code="no_lookup")
    assert not push.verify(asked)
    assert push.parse(asked) == []
    assert not push.capability.receipts


@pytest.mark.parametrize(
    ("options", "key", "problem"),
    [
        ({}, "options.service_account_file", "set either"),
        ({"service_account": "x", "service_account_file": "y"}, "options.service_account_file", "set either"),
        ({"service_account_file": "no-such-file.json"}, "options.service_account_file", "cannot be read"),
        ({"service_account": "no JSON"}, "options.service_account", "no JSON"),
        ({"service_account": {"client_email": None}}, "options.service_account", "lacks client_email"),
        ({"service_account": {"private_key": "-----"}}, "options.service_account", "no PEM key"),
        ({"service_account": {"private_key": None}}, "options.service_account", "no PEM key"),
        ({"service_account": {"token_uri": "http://example.com/t"}}, "options.service_account", "must be https"),
        ({"service_account": {}, "target": "topic"}, "options.target", "must be one of token, fid"),
        ({"service_account": {}, "ttl_s": 2_419_201}, "options.ttl_s", "must be from"),
        ({"service_account": {}, "base_url": "http://fcm.example.com"}, "options.base_url", "must be https"),
        ({"service_account": {}, "ttl": 5}, "options.ttl", "unknown key"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], key: str, problem: str) -> None:
    changes = options.get("service_account")
    if isinstance(changes, dict):
        options = options | {"service_account": json.dumps(FakeGoogle(url="https://t").key_file(**changes))}

    with pytest.raises(ConfigError, match=problem) as caught:
        build(provider(**options))

    assert (caught.value.file, caught.value.key) == ("config/providers/fcm.toml", key)
    assert "BEGIN" not in str(caught.value)


@pytest.mark.parametrize(
    "change", [{"max_batch": 2}, {"resolution": Resolution.LOOKUP}, {"resolution": Resolution.KEY}]
)
def test_what_fcm_cannot_do_is_refused_at_start(change: dict[str, Any]) -> None:
    options = {"service_account": json.dumps(FakeGoogle(url="https://t").key_file())}
    with pytest.raises(ConfigError):
        build(replace(provider(**options), **change))


def test_the_key_may_come_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(json.dumps(FakeGoogle(url="https://t").key_file()))

    assert build(provider(service_account_file=str(path))).name == "fcm"


async def test_no_secret_and_nothing_personal_is_shown(
    push: FcmPush, google_: FakeGoogle, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    google_.answers = [(400, error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT"), {}), None]
    outcomes = await push.send([outbound()]) + await push.send([outbound()])
    shown = capsys.readouterr()

    logged = [record.getMessage() for record in caplog.records]
    everything = " ".join([*logged, *map(repr, outcomes), repr(push._options), repr(push._tokens._current)])
    for canary in (DEVICE, "Canary text", "canary-access", PEM[100:140]):
        assert canary not in everything + shown.out + shown.err
