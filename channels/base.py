"""What every adapter shares: strict options, outcomes of failed calls, code tables, `Retry-After`, the fan-out."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
import structlog

from channels.http import Cause, Failure, Fate, Limits
from duecourse.domain.clock import host_now
from duecourse.domain.message import Capability, Outbound, Outcome
from duecourse.domain.table import Table
from duecourse.domain.vocabulary import OutcomeClass
from duecourse.settings import Provider

log = structlog.get_logger()

#: A provider that asks for less would be asked again at once; one that asks for more is misconfigured or hostile.
_RETRY_AFTER_S = (1.0, 3_600.0)
#: As many as there are connections: one more would have a task and a timer of its own in order to wait for one.
_AT_ONCE = Limits().connections
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def wall_clock() -> float:
    """Unix seconds: for the time stamps of signatures only. The one place where an adapter reads a clock."""
    return host_now().timestamp()


def provider_file(provider: Provider) -> str:
    return f"config/providers/{provider.name}.toml"


def options_of(provider: Provider) -> Table:
    """The adapter's own options, to be read strictly: each key once, then `finish()`.

    Every complaint is a ConfigError that names the file and `options.<key>`.
    """
    return Table(provider.options, file=provider_file(provider), path="options.", from_env=True)


def read_url(table: Table, key: str, *, plain: bool = False) -> str:
    """An absolute address without query, user or trailing slash; https unless it is this machine or `plain`.

    Raises:
        ConfigError: it is none.
    """
    url = table.text(key).rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment or parts.username:
        raise table.error(key, "must be an http or https address without user and query")
    if parts.scheme == "http" and not plain and parts.hostname not in _LOOPBACK:
        raise table.error(key, "must be https")
    return url


def read_secrets(table: Table, key: str, default: str | None = None) -> tuple[str, ...]:
    """One secret, or several separated by blanks while one replaces another: the first signs, all verify."""
    text = table.text(key) if default is None else table.text(key, default, blank=True)
    return tuple(text.split())


def capability_of(provider: Provider, *, receipts: bool = False, replies: bool = False) -> Capability:
    """What the configuration declares, with what the adapter itself can do."""
    return Capability(
        channel=provider.channel,
        max_batch=provider.max_batch,
        resolution=provider.resolution,
        window_s=provider.window_s,
        settle_s=provider.settle_s,
        horizon_s=provider.horizon_s,
        receipts=receipts,
        replies=replies,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """What one of a provider's own codes means."""

    kind: OutcomeClass
    address_invalid: bool = False
    opted_out: bool = False


CodeTable = Mapping[str, Code]
"""The provider's word to its meaning: stands at the top of the adapter."""


def outcome_of_code(
    table: CodeTable, code: str, *, retry_after_s: float | None = None, provider_message_id: str | None = None
) -> Outcome:
    """By the table; a code that is not in it proves nothing, so it is UNKNOWN."""
    meaning = table.get(code) or Code(kind=OutcomeClass.UNKNOWN)
    return Outcome(
        kind=meaning.kind,
        code=code,
        provider_message_id=provider_message_id,
        retry_after_s=retry_after_s if meaning.kind is OutcomeClass.THROTTLED else None,
        address_invalid=meaning.address_invalid,
        opted_out=meaning.opted_out,
    )


def classify_failure(failure: Failure) -> Outcome:
    """A call without a usable response, as an outcome."""
    if failure.fate is Fate.PERHAPS_SENT:
        return Outcome(kind=OutcomeClass.UNKNOWN, code=failure.cause)
    # A request that cannot be written down will not be better later.
    hopeless = failure.cause == Cause.BAD_REQUEST
    return Outcome(kind=OutcomeClass.MISCONFIGURED if hopeless else OutcomeClass.TRANSIENT, code=failure.cause)


def unanswered(failure: Failure) -> Outcome:
    """A look-up without a usable response: we know no more than before, and may ask again."""
    return Outcome(kind=OutcomeClass.TRANSIENT, code=failure.cause)


def retry_after(headers: Mapping[str, str], now: Callable[[], float] = wall_clock) -> float | None:
    """Seconds to wait by `Retry-After` (RFC 9110, 10.2.3), from 1 s to 1 h; None where it says nothing of use.

    A date counts from the response's own `Date`, where it has one: the two come from the same clock.
    """
    text = headers.get("retry-after", "").strip()
    seconds = float(text) if text.isascii() and text.isdigit() else _seconds_until(text, headers, now)
    if seconds is None or seconds < 0:
        return None
    low, high = _RETRY_AFTER_S
    return min(max(seconds, low), high)


def _seconds_until(text: str, headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    then = _http_date(text)
    if then is None:
        return None
    base = _http_date(headers.get("date", ""))
    return then.timestamp() - (base.timestamp() if base else now())


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    # RFC 9110: an HTTP date is in GMT, also in the old forms that do not say so.
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object; None for anything else."""
    try:
        value = orjson.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def text_of(value: Any) -> str | None:
    """A non-empty text out of somebody else's JSON, else None."""
    return value if isinstance(value, str) and value else None


async def send_each(batch: Sequence[Outbound], one: Callable[[Outbound], Awaitable[Outcome]]) -> list[Outcome]:
    """Fan out to a provider that takes one message per call: many at once, outcomes in the order of `batch`."""
    waiting, outcomes = iter(enumerate(batch)), dict[int, Outcome]()

    async def lane() -> None:
        for place, message in waiting:
            outcomes[place] = await _guarded(message, one)

    tasks = [asyncio.create_task(lane()) for _ in batch[:_AT_ONCE]]
    try:
        # One after the other and not gathered: most are done by their turn, and need not wake us each.
        for task in tasks:
            await task
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        raise
    return [outcomes[place] for place in range(len(batch))]


async def _guarded(message: Outbound, one: Callable[[Outbound], Awaitable[Outcome]]) -> Outcome:
    try:
        return await one(message)
    except Exception as exc:  # noqa: BLE001 - a fault of the adapter must not take the rest of the batch with it
        # The class only: the text of an exception may hold what was sent.
        log.error("adapter.failed", contact_id=message.contact_id, error=type(exc).__name__)  # noqa: TRY400
        return Outcome(kind=OutcomeClass.UNKNOWN, code="adapter_error")
