"""The JSON that the sandbox provider and the generic webhook speak: messages out, answers and events in.

Documented for those who implement the other side in docs/adding-a-provider.md.
"""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from typing import Any

from channels.base import Code, classify_failure, json_object, outcome_of_code, retry_after, text_of, unanswered
from channels.http import Answer, Cause, Failure
from duecourse.domain.message import Outbound, Outcome, Receipt
from duecourse.domain.vocabulary import OutcomeClass, ReceiptKind

CODES: dict[str, Code] = {
    "invalid_address": Code(kind=OutcomeClass.REJECTED, address_invalid=True),
    "opted_out": Code(kind=OutcomeClass.REJECTED, opted_out=True),
    "content_refused": Code(kind=OutcomeClass.REJECTED),
    "unauthorised": Code(kind=OutcomeClass.MISCONFIGURED),
    "unknown_account": Code(kind=OutcomeClass.MISCONFIGURED),
    "invalid_request": Code(kind=OutcomeClass.MISCONFIGURED),
    "batch_too_large": Code(kind=OutcomeClass.MISCONFIGURED),
    "rate_limited": Code(kind=OutcomeClass.THROTTLED),
    "unavailable": Code(kind=OutcomeClass.TRANSIENT),
}
#: Of a receipt: the address can never work.
_DEAD_ADDRESS = frozenset({"invalid_address", "unknown_subscriber", "unregistered"})
_STATUSES = {"accepted": OutcomeClass.ACCEPTED, "duplicate": OutcomeClass.DUPLICATE}
_GARBAGE = Outcome(kind=OutcomeClass.UNKNOWN, code=Cause.GARBAGE.value)


def message_json(message: Outbound) -> dict[str, Any]:
    """One message as its JSON object: `reference`, `to`, `text`, and what the channel adds."""
    body = message.body
    content: dict[str, Any] = {"reference": message.reference, "to": message.to, "text": body.text}
    if body.subject is not None:
        content["subject"] = body.subject
    if body.html is not None:
        content["html"] = body.html
    if body.headers:
        content["headers"] = dict(body.headers)
    return content


def read_single(result: Answer | Failure) -> Outcome:
    """The answer to one message."""
    refused = read_refusal(result)
    if refused is not None:
        return refused
    return read_item(json_object(result.body) if isinstance(result, Answer) else None)


def read_batch(result: Answer | Failure, count: int) -> list[Outcome]:
    """The answer to `count` messages. Results that cannot be told apart prove nothing of any of them."""
    refused = read_refusal(result)
    if refused is not None:
        return [refused] * count
    content = json_object(result.body) if isinstance(result, Answer) else None
    results = content.get("results") if content else None
    if not isinstance(results, list) or len(results) != count:
        return [_GARBAGE] * count
    return [read_item(item) for item in results]


def read_refusal(result: Answer | Failure) -> Outcome | None:
    """What befell the call as a whole; None where it succeeded and its content decides."""
    if isinstance(result, Failure):
        return classify_failure(result)
    if HTTPStatus.OK <= result.status < HTTPStatus.MULTIPLE_CHOICES:
        return None
    code = _error_code(json_object(result.body))
    if result.status == HTTPStatus.TOO_MANY_REQUESTS:
        return outcome_of_code(CODES, "rate_limited", retry_after_s=retry_after(result.headers))
    # Of the 5xx only `unavailable` promises that nothing was processed.
    if code is None or (result.status >= HTTPStatus.INTERNAL_SERVER_ERROR and code != "unavailable"):
        return Outcome(kind=OutcomeClass.UNKNOWN, code=f"http_{result.status}")
    return outcome_of_code(CODES, code)


def read_item(item: Any) -> Outcome:
    """`{"id", "status"}` or `{"error": {"code"}}`; anything else is garbage, and garbage proves nothing."""
    code = _error_code(item)
    if code is not None:
        return outcome_of_code(CODES, code)
    message_id = text_of(item.get("id")) if isinstance(item, dict) else None
    status = _STATUSES.get(str(item.get("status"))) if isinstance(item, dict) else None
    if message_id is None or status is None:
        return _GARBAGE
    return Outcome(kind=status, provider_message_id=message_id)


def read_lookup(result: Answer | Failure) -> Outcome | None:
    """The answer to a look-up by reference; None where the provider says that it knows nothing of it."""
    if isinstance(result, Failure):
        return unanswered(result)
    content = json_object(result.body)
    message_id = text_of(content.get("id")) if content else None
    if result.status == HTTPStatus.OK and message_id is not None:
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=message_id)
    # A 404 of a proxy or of a wrong account is no answer about the message: only this code is.
    if result.status == HTTPStatus.NOT_FOUND and _error_code(content) == "unknown_reference":
        return None
    return Outcome(kind=OutcomeClass.TRANSIENT, code=_error_code(content) or f"http_{result.status}")


def _error_code(content: Any) -> str | None:
    error = content.get("error") if isinstance(content, dict) else None
    return text_of(error.get("code")) if isinstance(error, dict) else None


def read_events(body: bytes) -> list[Receipt]:
    """The receipts and replies of a verified webhook; events that make no sense are left out."""
    content = json_object(body)
    events = content.get("events") if content else None
    if not isinstance(events, list):
        return []
    found = (_receipt(event) for event in events if isinstance(event, dict))
    return [receipt for receipt in found if receipt is not None]


def _receipt(event: Mapping[str, Any]) -> Receipt | None:
    key, kind = text_of(event.get("event_id")), text_of(event.get("type"))
    if key is None or kind not in set(ReceiptKind):
        return None
    code = text_of(event.get("code"))
    return Receipt(
        event_key=key,
        kind=ReceiptKind(kind),
        at=_moment(event.get("at")),
        reference=text_of(event.get("reference")),
        provider_message_id=text_of(event.get("message_id")),
        code=code,
        address=text_of(event.get("from")),
        text=text_of(event.get("text")),
        address_invalid=kind == ReceiptKind.UNDELIVERED and code in _DEAD_ADDRESS,
    )


def _moment(value: Any) -> datetime | None:
    """An aware time; one without a zone could be any of a day's, so it is none."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else None
