"""Firebase Cloud Messaging, HTTP v1: one push per call.

FCM takes no idempotency key, cannot be asked for a message and sends no receipts: an unclear call stays unclear.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from channels.base import (
    Code,
    CodeTable,
    capability_of,
    classify_failure,
    json_object,
    options_of,
    outcome_of_code,
    read_url,
    retry_after,
    send_each,
    text_of,
)
from channels.http import Answer, Failure, HttpClient
from channels.push.google_key import ServiceAccount, read_account
from channels.push.google_token import TokenSource
from duecourse.domain.message import Outbound, Outcome, Receipt, WebhookRequest
from duecourse.domain.table import Table
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.ports import Channel
from duecourse.settings import Provider

_MISCONFIGURED = Code(kind=OutcomeClass.MISCONFIGURED)
_BAD_ADDRESS = Code(kind=OutcomeClass.REJECTED, address_invalid=True)
_UNKNOWN = Code(kind=OutcomeClass.UNKNOWN)

#: FcmError.errorCode, or google.rpc.Code where there is no FcmError. INVALID_ARGUMENT is told apart below.
CODES: CodeTable = {
    "UNREGISTERED": _BAD_ADDRESS,  # the app is gone from the device
    "SENDER_ID_MISMATCH": _BAD_ADDRESS,  # the token belongs to another project
    "QUOTA_EXCEEDED": Code(kind=OutcomeClass.THROTTLED),  # of the project, the device or the topic
    "RESOURCE_EXHAUSTED": Code(kind=OutcomeClass.THROTTLED),
    "UNAVAILABLE": Code(kind=OutcomeClass.TRANSIENT),  # overloaded: documented as "try again"
    "INTERNAL": _UNKNOWN,
    "UNSPECIFIED_ERROR": _UNKNOWN,
    "DEADLINE_EXCEEDED": _UNKNOWN,
    "THIRD_PARTY_AUTH_ERROR": _MISCONFIGURED,  # the APNs certificate or web push key
    "UNAUTHENTICATED": _MISCONFIGURED,  # also with a fresh token
    "PERMISSION_DENIED": _MISCONFIGURED,
    "NOT_FOUND": _MISCONFIGURED,  # no such project; an unknown device says UNREGISTERED
}
SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
#: Google asks for at least a minute where a 429 names no time.
_PAUSE_S = 60.0
_FOUR_WEEKS_S = 2_419_200
_FCM_ERROR = "google.firebase.fcm.v1.FcmError"
_BAD_REQUEST = "google.rpc.BadRequest"
_UNAUTHENTICATED = 401
#: A code of Google's, and nothing else that an error body may hold.
_CODE = re.compile(r"[A-Z][A-Z_]{0,63}")


class Target(StrEnum):
    """The field of the message that holds the address. `token` is deprecated in favour of `fid`."""

    TOKEN = "token"  # noqa: S105 - a field's name
    FID = "fid"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`config/providers/fcm.toml`, table `options`."""

    account: ServiceAccount
    project_id: str
    base_url: str
    target: Target
    ttl_s: int
    collapse_key: str
    validate_only: bool


def build(provider: Provider) -> Channel:
    """Raises ConfigError."""
    table = options_of(provider)
    options = _options(table)
    table.finish()
    if provider.max_batch != 1:
        raise table.error("max_batch", "must be 1: FCM takes one target per call")
    if provider.resolution is not Resolution.NONE:
        raise table.error("resolution", "FCM has neither key nor look-up: must be none")
    return FcmPush(provider, options)


def _options(table: Table) -> Options:
    account = read_account(table)
    base_url = read_url(table, "base_url") if table.text("base_url", "", blank=True) else "https://fcm.googleapis.com"
    return Options(
        account=account,
        project_id=table.text("project_id", "", blank=True) or account.project_id,
        base_url=base_url,
        target=table.choice("target", Target, Target.TOKEN),
        ttl_s=table.whole("ttl_s", 21_600, low=0, high=_FOUR_WEEKS_S),
        collapse_key=table.text("collapse_key", "", blank=True),
        validate_only=table.flag("validate_only", default=False),
    )


class FcmPush:
    def __init__(self, provider: Provider, options: Options) -> None:
        self.name = provider.name
        self.capability = capability_of(provider)
        self._options = options
        self._http = HttpClient(timeout_s=provider.timeout_s)
        self._tokens = TokenSource(options.account, SCOPE, self._http)
        self._url = f"{options.base_url}/v1/projects/{options.project_id}/messages:send"

    async def open(self) -> None:
        await self._http.open()

    async def aclose(self) -> None:
        await self._tokens.aclose()
        await self._http.aclose()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        return await send_each(batch, self._send)

    async def _send(self, message: Outbound) -> Outcome:
        """A token that Google refuses is renewed once: a 401 was not processed, so a second call is no second push."""
        for last in (False, True):
            token = await self._tokens.token()
            if isinstance(token, Outcome):
                return token
            answer = await self._call(message, token)
            if isinstance(answer, Failure):
                return classify_failure(answer)
            if last or not _token_refused(answer):
                return outcome_of(answer)
            self._tokens.refuse(token)
        raise AssertionError("the second round returns")

    async def _call(self, message: Outbound, token: str) -> Answer | Failure:
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json; charset=UTF-8"}
        content = json.dumps(self.payload(message), ensure_ascii=False, separators=(",", ":")).encode()
        request = self._http.prepare("POST", self._url, headers=headers, content=content)
        return await self._http.call(request, deadline=message.deadline)

    def payload(self, message: Outbound) -> dict[str, Any]:
        """The body for `message`. `data.ref` reaches the app only: FCM itself never says it again."""
        options = self._options
        notification = {"title": message.body.subject, "body": message.body.text}
        android = {"ttl": f"{options.ttl_s}s", "collapseKey": options.collapse_key}
        body = {
            options.target.value: message.to,
            "notification": {name: text for name, text in notification.items() if text},
            "data": {"ref": message.reference},
            "android": {name: text for name, text in android.items() if text},
        }
        return {"message": body, "validateOnly": True} if options.validate_only else {"message": body}

    async def look_up(self, message: Outbound) -> Outcome | None:  # noqa: ARG002 - the port's signature
        return Outcome(kind=OutcomeClass.UNKNOWN, code="no_lookup")

    def verify(self, request: WebhookRequest) -> bool:  # noqa: ARG002 - FCM calls nobody back
        return False

    def parse(self, request: WebhookRequest) -> list[Receipt]:  # noqa: ARG002
        return []


def outcome_of(answer: Answer) -> Outcome:
    """What FCM's answer to a send says: by FcmError's code, then Google's, then the HTTP status."""
    body = json_object(answer.body) or {}
    if answer.status == 200:  # noqa: PLR2004 - the one success FCM documents
        return _accepted(body)
    code, details = _error(body)
    pause = retry_after(answer.headers)
    if code == "INVALID_ARGUMENT":
        return Outcome(kind=OutcomeClass.REJECTED, code=code, address_invalid=_blames_address(details))
    if code in CODES:
        outcome = outcome_of_code(CODES, code, retry_after_s=pause or _PAUSE_S)
        return replace(outcome, retry_after_s=pause) if outcome.kind is OutcomeClass.TRANSIENT else outcome
    return _by_status(answer.status, code, pause)


def _accepted(body: Mapping[str, Any]) -> Outcome:
    name = text_of(body.get("name"))
    kind = OutcomeClass.ACCEPTED if name else OutcomeClass.UNKNOWN
    return Outcome(kind=kind, provider_message_id=name, code=None if name else "garbage")


def _by_status(status: int, code: str, pause: float | None) -> Outcome:
    if status == 429:  # noqa: PLR2004 - HTTP's Too Many Requests
        return Outcome(kind=OutcomeClass.THROTTLED, code="http_429", retry_after_s=pause or _PAUSE_S)
    refused = 400 <= status < 500 and status != 408  # noqa: PLR2004 - 408: a timeout on the way
    kind = OutcomeClass.MISCONFIGURED if refused else OutcomeClass.UNKNOWN
    return Outcome(kind=kind, code=code or f"http_{status}")


def _token_refused(answer: Answer) -> bool:
    return answer.status == _UNAUTHENTICATED and _error(json_object(answer.body) or {})[0] != "THIRD_PARTY_AUTH_ERROR"


def _error(body: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The most specific code of an error body, and its details."""
    error = body.get("error")
    if not isinstance(error, dict):
        return "", []
    listed = error.get("details")
    details = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    words = [item.get("errorCode") for item in _of_type(details, _FCM_ERROR)] + [error.get("status")]
    codes = [word for word in words if isinstance(word, str) and _CODE.fullmatch(word)]
    return next(iter(codes), ""), details


def _of_type(details: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [item for item in details if str(item.get("@type", "")).endswith(f"/{name}")]


def _blames_address(details: Sequence[dict[str, Any]]) -> bool:
    """FcmError alone: the token. With BadRequest: what it names, as a bad text is no bad address."""
    violations = [entry for item in _of_type(details, _BAD_REQUEST) for entry in _listed(item.get("fieldViolations"))]
    if not _of_type(details, _BAD_REQUEST):
        return bool(_of_type(details, _FCM_ERROR))
    addresses = {f"message.{target}" for target in Target}
    return any(isinstance(entry, dict) and entry.get("field") in addresses for entry in violations)


def _listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
