"""Twilio's callbacks: whether one is Twilio's, and what it says.

Signed is the public URL with its query, then every form field in order: base64 of HMAC-SHA1 with the account's token,
or of HMAC-SHA256 with a shared key that the request names. The scheme has no time stamp, so a replay is harmless only
because a receipt's `event_key` is the message and its status.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import ParseResult, parse_qs, parse_qsl, urlparse

from channels.base import CodeTable
from duecourse.domain.message import Receipt, WebhookRequest
from duecourse.domain.vocabulary import ReceiptKind

SIGNATURE = "x-twilio-signature"
SETTINGS = "x-twilio-webhooks-signature-settings"
_FORM = "application/x-www-form-urlencoded"
_HASHES = {"HMAC_SHA1": hashlib.sha1, "HMAC_SHA256": hashlib.sha256}
_PORTS = {"https": 443, "http": 80}
_FIELDS_MAX = 200
#: The states that say something final. The rest (queued, sending, sent, ...) only repeat that it was accepted.
_KINDS = {
    "delivered": ReceiptKind.DELIVERED,
    "undelivered": ReceiptKind.UNDELIVERED,
    "failed": ReceiptKind.UNDELIVERED,
    "canceled": ReceiptKind.UNDELIVERED,
    "read": ReceiptKind.READ,
}
_Fields = list[tuple[str, str]]


def sign(url: str, fields: Iterable[tuple[str, str]], secret: str, algorithm: str = "HMAC_SHA1") -> str:
    """The signature over `url` and the form. Equal fields count once, as Twilio's own validator has it."""
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    digest = hmac.new(secret.encode(), signed.encode("utf-8", "surrogatepass"), _HASHES[algorithm]).digest()
    return base64.b64encode(digest).decode()


def verify(request: WebhookRequest, tokens: Sequence[str], shared_keys: Mapping[str, Sequence[str]]) -> bool:
    """True where one of the secrets that the request may be signed with made its signature."""
    key, algorithm = _scheme(request.headers.get(SETTINGS, ""))
    secrets = tokens if key is None else shared_keys.get(key, ())
    fields = _signed_fields(request)
    given = request.headers.get(SIGNATURE, "").encode("utf-8", "surrogatepass")
    if algorithm not in _HASHES or fields is None or not given:
        return False
    valid = False
    for secret in secrets:
        for url in _spellings(request.url):
            # No early way out: the time must not tell which spelling or secret came near.
            valid |= hmac.compare_digest(sign(url, fields, secret, algorithm).encode(), given)
    return valid


def _scheme(settings: str) -> tuple[str | None, str]:
    """The shared key's id, None for the account's token, and the algorithm: `key=...,algorithm=HMAC_SHA256`."""
    parts = [part.partition("=") for part in settings.split(",")]
    named = {name.strip(): value.strip() for name, _, value in reversed(parts) if value.strip()}
    return named.get("key"), named.get("algorithm", "HMAC_SHA1").upper()


def _signed_fields(request: WebhookRequest) -> _Fields | None:
    """The form, or nothing where the URL carries the hash of a body that is no form. None: not signed at all."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM:
        return _form(request.body)
    announced = parse_qs(urlparse(request.url).query).get("bodySHA256", [])
    actual = hashlib.sha256(request.body).hexdigest().encode()
    if request.body and not (announced and hmac.compare_digest(actual, announced[0].encode("utf-8", "surrogatepass"))):
        return None
    return []


def _form(body: bytes) -> _Fields | None:
    try:
        return parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS_MAX)
    except ValueError:
        return None


def _spellings(url: str) -> tuple[str, str]:
    """Without and with the port: Twilio signs either, and says so in its own validator."""
    parts = urlparse(url)
    try:
        port = parts.port
    except ValueError:
        return url, url
    if port:
        return _with_host(parts, parts.netloc.split(":")[0]), parts.geturl()
    return parts.geturl(), _with_host(parts, f"{parts.netloc}:{_PORTS.get(parts.scheme, 80)}")


def _with_host(parts: ParseResult, netloc: str) -> str:
    return parts._replace(netloc=netloc).geturl()


def parse(request: WebhookRequest, codes: CodeTable) -> list[Receipt]:
    """A status callback or an inbound message, as receipts."""
    form = dict(_form(request.body) or [])
    sid = form.get("MessageSid") or form.get("SmsSid")
    if not sid:
        return []
    if "MessageStatus" in form:
        return _status(form, sid, (_reference(request.url), codes))
    return _inbound(form, sid)


def _status(form: Mapping[str, str], sid: str, context: tuple[str | None, CodeTable]) -> list[Receipt]:
    reference, codes = context
    status, code = form["MessageStatus"].lower(), form.get("ErrorCode") or None
    kind = _KINDS.get(status)
    if kind is None:
        return []
    meaning = codes.get(code or "")
    receipt = Receipt(
        event_key=f"{sid}:{status}",
        kind=kind,
        reference=reference,
        provider_message_id=sid,
        code=code,
        address_invalid=bool(meaning and meaning.address_invalid),
    )
    if not meaning or not meaning.opted_out:
        return [receipt]
    opted_out = Receipt(
        event_key=f"{sid}:opted_out",
        kind=ReceiptKind.OPTED_OUT,
        reference=reference,
        provider_message_id=sid,
        address=form.get("To"),
    )
    return [receipt, opted_out]


def _inbound(form: Mapping[str, str], sid: str) -> list[Receipt]:
    """Twilio's own word on STOP counts; any other text is a reply, whose words the use case reads."""
    address = form.get("From")
    if not address or "Body" not in form:
        return []
    stopped = form.get("OptOutType", "").upper() == "STOP"
    kind = ReceiptKind.OPTED_OUT if stopped else ReceiptKind.REPLIED
    return [Receipt(event_key=f"{sid}:inbound", kind=kind, address=address, text=form["Body"])]


def _reference(url: str) -> str | None:
    return next(iter(parse_qs(urlparse(url).query).get("ref", [])), None)
