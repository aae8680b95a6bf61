"""Twilio Programmable Messaging: one SMS per call.

Twilio has no idempotency key and keeps no reference of ours: an unclear call is looked up by number, time and text.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode, urlsplit

from channels.base import (
    Code,
    CodeTable,
    capability_of,
    classify_failure,
    json_object,
    options_of,
    outcome_of_code,
    read_secrets,
    read_url,
    retry_after,
    send_each,
    text_of,
    unanswered,
)
from channels.http import Answer, Failure, HttpClient, Prepared
from channels.sms import twilio_lookup, twilio_webhook
from duecourse.domain.message import Outbound, Outcome, Receipt, WebhookRequest
from duecourse.domain.table import Table
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.ports import Channel
from duecourse.settings import Provider

_MISCONFIGURED = Code(kind=OutcomeClass.MISCONFIGURED)
_BAD_ADDRESS = Code(kind=OutcomeClass.REJECTED, address_invalid=True)
_REFUSED = Code(kind=OutcomeClass.REJECTED)
_THROTTLED = Code(kind=OutcomeClass.THROTTLED)

#: Twilio's codes, from its error dictionary: 2xxxx refuse the request, 3xxxx come later in a status callback.
CODES: CodeTable = {
    "20003": _MISCONFIGURED,  # authentication failed
    "20404": _MISCONFIGURED,  # no such account
    "20429": _THROTTLED,  # too many requests: never processed, always safe to repeat
    "21211": _BAD_ADDRESS,  # invalid To
    "21212": _MISCONFIGURED,  # invalid From
    "21408": _MISCONFIGURED,  # no permission for the region
    "21606": _MISCONFIGURED,  # From cannot send SMS
    "21608": _MISCONFIGURED,  # trial account, or no approved compliance profile
    "21610": Code(kind=OutcomeClass.REJECTED, opted_out=True),  # the recipient replied STOP to this sender
    "21611": _THROTTLED,  # the sender's queue is full
    "21612": _REFUSED,  # no route from this sender to this number
    "21614": _BAD_ADDRESS,  # no mobile number
    "21617": _REFUSED,  # the body is too long
    "21635": _BAD_ADDRESS,  # a landline
    "30001": _REFUSED,  # the queue overflowed
    "30003": _REFUSED,  # handset unreachable
    "30004": _REFUSED,  # blocked by the recipient or the carrier
    "30005": _BAD_ADDRESS,  # unknown or no longer existing handset
    "30006": _BAD_ADDRESS,  # landline or unreachable carrier
    "30007": _REFUSED,  # filtered by the carrier
    "30008": _REFUSED,  # unknown error
    "30034": _MISCONFIGURED,  # unregistered US sender
}
#: Where an answer has no code of Twilio's own. 429 is documented as never processed.
_STATUSES: CodeTable = {"429": _THROTTLED}
#: A timeout on the way: the only 4xx that does not say that the request was refused.
_REQUEST_TIMEOUT = 408
#: What to wait where Twilio names no time.
_PAUSE_S = 5.0
_ACCOUNT_SID = re.compile(r"AC[0-9a-f]{32}")
_SERVICE_SID = re.compile(r"MG[0-9a-f]{32}")
_VALIDITY_S = (1, 36_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`config/providers/twilio.toml`, table `options`."""

    account_sid: str
    user: str
    password: str = field(repr=False)
    auth_tokens: tuple[str, ...] = field(repr=False)
    """Sign the webhooks: the current one and, while it is being replaced, the other."""
    shared_keys: dict[str, tuple[str, ...]] = field(repr=False)
    sender: tuple[str, str]
    """`From` or `MessagingServiceSid`, and its value."""
    status_callback: str | None
    validity_s: int | None
    base_url: str


def build(provider: Provider) -> Channel:
    """Raises ConfigError."""
    table = options_of(provider)
    options = _options(table)
    table.finish()
    if provider.max_batch != 1:
        raise table.error("max_batch", "must be 1: Twilio takes one message per call")
    if provider.resolution is Resolution.KEY:
        raise table.error("resolution", "Twilio has no idempotency key: must be lookup or none")
    return TwilioSms(provider, options)


def _options(table: Table) -> Options:
    account = _sid(table, "account_sid", _ACCOUNT_SID)
    tokens = read_secrets(table, "auth_token")
    if not tokens:
        raise table.error("auth_token", "must not be empty")
    key_sid = table.text("api_key_sid", "", blank=True)
    key_secret = table.text("api_key_secret", "", blank=True)
    if bool(key_sid) != bool(key_secret):
        raise table.error("api_key_secret", "goes with api_key_sid: set both or none")
    validity = table.whole("validity_s", 0, low=0, high=_VALIDITY_S[1])
    return Options(
        account_sid=account,
        user=key_sid or account,
        password=key_secret or tokens[0],
        auth_tokens=tokens,
        shared_keys=_shared_keys(table.table("shared_keys"), table.mapping("shared_keys")),
        sender=_sender(table),
        status_callback=_callback(table),
        validity_s=validity or None,
        base_url=_base_url(table),
    )


def _sid(table: Table, key: str, shape: re.Pattern[str]) -> str:
    value = table.text(key)
    if not shape.fullmatch(value):
        raise table.error(key, f"must look like {shape.pattern}")
    return value


def _sender(table: Table) -> tuple[str, str]:
    number = table.text("from", "", blank=True)
    service = table.text("messaging_service_sid", "", blank=True)
    if bool(number) == bool(service):
        raise table.error("from", "set either from or messaging_service_sid")
    if service:
        return ("MessagingServiceSid", _sid(table, "messaging_service_sid", _SERVICE_SID))
    return ("From", number)


def _shared_keys(table: Table, names: object) -> dict[str, tuple[str, ...]]:
    keys = {name: read_secrets(table, name) for name in (names if isinstance(names, dict) else {})}
    table.finish()
    return keys


def _callback(table: Table) -> str | None:
    if not table.text("status_callback", "", blank=True):
        return None
    url = read_url(table, "status_callback")
    if "_" in (urlsplit(url).hostname or ""):
        raise table.error("status_callback", "Twilio calls no host with an underscore in its name")
    return url


def _base_url(table: Table) -> str:
    if not table.text("base_url", "", blank=True):
        return "https://api.twilio.com"
    return read_url(table, "base_url")


class TwilioSms:
    def __init__(self, provider: Provider, options: Options) -> None:
        self.name = provider.name
        self.capability = capability_of(provider, receipts=options.status_callback is not None, replies=True)
        self._options = options
        self._http = HttpClient(timeout_s=provider.timeout_s)
        self._url = f"{options.base_url}/2010-04-01/Accounts/{options.account_sid}/Messages.json"
        basic = base64.b64encode(f"{options.user}:{options.password}".encode()).decode()
        self._headers = {"authorization": f"Basic {basic}", "accept": "application/json"}

    async def open(self) -> None:
        await self._http.open()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        return await send_each(batch, self._send)

    async def _send(self, message: Outbound) -> Outcome:
        answer = await self._http.call(self.request(message), deadline=message.deadline)
        return classify_failure(answer) if isinstance(answer, Failure) else outcome_of(answer)

    def request(self, message: Outbound) -> Prepared:
        """What would be sent for `message`."""
        form = {"To": message.to, self._options.sender[0]: self._options.sender[1], "Body": message.body.text}
        if self._options.status_callback:
            form["StatusCallback"] = f"{self._options.status_callback}?ref={quote(message.reference, safe='')}"
        if self._options.validity_s:
            form["ValidityPeriod"] = str(self._options.validity_s)
        headers = self._headers | {"content-type": "application/x-www-form-urlencoded"}
        return self._http.prepare("POST", self._url, headers=headers, content=urlencode(form).encode())

    async def look_up(self, message: Outbound) -> Outcome | None:
        url = f"{self._url}?{twilio_lookup.query(message, self._options.sender)}"
        answer = await self._http.call(self._http.prepare("GET", url, headers=self._headers), deadline=message.deadline)
        if isinstance(answer, Failure):
            return unanswered(answer)
        return twilio_lookup.find(answer, message, self._options.sender)

    def verify(self, request: WebhookRequest) -> bool:
        return twilio_webhook.verify(request, self._options.auth_tokens, self._options.shared_keys)

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        return twilio_webhook.parse(request, CODES)


def outcome_of(answer: Answer) -> Outcome:
    """What Twilio's answer to a send says: by its own code before the HTTP status."""
    body = json_object(answer.body) or {}
    if answer.status == 201:  # noqa: PLR2004 - the one success Twilio documents
        sid = text_of(body.get("sid"))
        if sid is None:
            return Outcome(kind=OutcomeClass.UNKNOWN, code="garbage")
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=sid, code=text_of(body.get("status")))
    pause = retry_after(answer.headers) or _PAUSE_S
    code = body.get("code")
    if isinstance(code, int) and str(code) in CODES:
        return outcome_of_code(CODES, str(code), retry_after_s=pause)
    if str(answer.status) in _STATUSES:
        return outcome_of_code(_STATUSES, str(answer.status), retry_after_s=pause)
    refused = 400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT  # noqa: PLR2004 - HTTP's refusals
    kind = OutcomeClass.MISCONFIGURED if refused else OutcomeClass.UNKNOWN
    return Outcome(kind=kind, code=str(code) if isinstance(code, int) else f"http_{answer.status}")
