"""Finds out whether Twilio took a message whose call had no answer: by number, sender, time and text.

The server-side filter `DateSent>=` is not used: a message that still queues has no such date and would be missed,
and a missed one is sent twice.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from channels.base import json_object, text_of, wall_clock
from channels.http import Answer
from duecourse.domain.message import Outbound, Outcome
from duecourse.domain.vocabulary import OutcomeClass

#: About 1 kB each: a page stays below what `HttpClient` reads.
_PAGE_SIZE = 500
#: Twilio's clock against the database's, and a claim's deadline with the longest call.
_BEFORE, _AFTER = timedelta(minutes=2), timedelta(minutes=15)
#: Where nobody said when the call was armed.
_LAST_DAY_S = 86_400.0


def query(message: Outbound, sender: tuple[str, str]) -> str:
    """Twilio cannot filter by service. The number in the query is Twilio's interface: never log this."""
    asked = {"To": message.to, "PageSize": str(_PAGE_SIZE)}
    return urlencode(asked | ({"From": sender[1]} if sender[0] == "From" else {}))


def find(answer: Answer, message: Outbound, sender: tuple[str, str]) -> Outcome | None:
    """Accepted where exactly one message is ours; None where surely none can be; else UNKNOWN.

    A message of that time with another text keeps the answer open: a service may redact or rewrite texts.
    """
    listed = _messages(answer)
    if listed is None:
        return Outcome(kind=OutcomeClass.UNKNOWN, code=f"lookup_http_{answer.status}")
    messages, complete = listed
    candidates = [item for item in messages if _may_be(item, message, sender)]
    ours = [item for item in candidates if (text_of(item.get("body")) or "").strip() == message.body.text.strip()]
    sid = text_of(ours[0].get("sid")) if len(ours) == 1 else None
    if sid is not None:
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=sid, code=text_of(ours[0].get("status")))
    if candidates or not complete:
        return Outcome(kind=OutcomeClass.UNKNOWN, code="lookup_ambiguous")
    return None


def _messages(answer: Answer) -> tuple[list[dict[str, Any]], bool] | None:
    body = json_object(answer.body)
    if answer.status != 200 or body is None or not isinstance(body.get("messages"), list):  # noqa: PLR2004 - HTTP's OK
        return None
    items = [item for item in body["messages"] if isinstance(item, dict)]
    return items, len(items) == len(body["messages"]) and body.get("next_page_uri") is None


def _may_be(item: Mapping[str, Any], message: Outbound, sender: tuple[str, str]) -> bool:
    ours = item.get("messaging_service_sid") if sender[0] == "MessagingServiceSid" else item.get("from")
    inbound = item.get("direction") == "inbound"
    return not inbound and ours == sender[1] and _in_time(item.get("date_created"), message.armed_at)


def _in_time(created: object, armed_at: datetime | None) -> bool:
    """True also where the date cannot be read: then it may be ours."""
    try:
        at = parsedate_to_datetime(created) if isinstance(created, str) else None
    except ValueError:
        at = None
    if at is None:
        return True
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    if armed_at is None:
        return at.timestamp() >= wall_clock() - _LAST_DAY_S
    return armed_at - _BEFORE <= at <= armed_at + _AFTER
