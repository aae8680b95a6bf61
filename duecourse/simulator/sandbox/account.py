"""An account with the sandbox provider, as data: what it can do, how fast, and how badly it behaves."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind


@dataclass(frozen=True, kw_only=True, slots=True)
class Faults:
    """How likely each misbehaviour is per call, 0 to 1. At most one of them happens to a call."""

    e429: float = 0.0
    """429 `rate_limited` for no reason that the caller can see, with `Retry-After: 1`."""
    e503: float = 0.0
    """503 `unavailable`: documented as not processed."""
    e500_before: float = 0.0
    """500 `internal` and nothing accepted: the caller cannot know."""
    e500_after: float = 0.0
    """500 `internal` although everything was accepted."""
    timeout_before_accept: float = 0.0
    timeout_after_accept: float = 0.0
    disconnect_before: float = 0.0
    """The connection is cut after the request was read, nothing accepted."""
    disconnect_after: float = 0.0
    """The same, but everything was accepted."""
    refused: float = 0.0
    """422 `content_refused`, per message: the provider does not like the text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptHabits:
    """How receipts misbehave: each a probability per message, 0 to 1."""

    enabled: bool = True
    undelivered: float = 0.0
    lost: float = 0.0
    duplicate: float = 0.0
    late: float = 0.0
    late_s: float = 3_600.0
    """How late at most, in seconds of the sandbox's clock: virtual where one is set."""
    out_of_order: float = 0.0
    """The receipt overtakes the response, and `read` comes before `delivered`."""
    read: float = 0.0
    """A `read` follows `delivered`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """One customer's account on one channel."""

    name: str
    channel: ChannelKind
    api_key: str = field(default="sandbox-key", repr=False)
    dedupe: bool = False
    """A call with an idempotency key seen before answers 200 `duplicate`."""
    dedupe_window_s: float = 86_400.0
    lookup: bool = False
    """`GET /v1/{account}/messages?reference=` is offered."""
    rate_per_s: float = 1_000.0
    burst: int = 1_000
    max_batch: int = 100
    latency_s: float = 0.0
    hang_s: float = 30.0
    """How long a call hangs that is to time out."""
    faults: Faults = field(default_factory=Faults)
    receipts: ReceiptHabits = field(default_factory=ReceiptHabits)
    webhook_url: str | None = None
    """Where receipts and replies go; None: nowhere."""
    webhook_secret: str = field(default="sandbox-secret", repr=False)

    def as_json(self) -> dict[str, Any]:
        """Everything but the two secrets."""
        shown = asdict(self)
        del shown["api_key"], shown["webhook_secret"]
        return shown


def default_accounts(api_key: str, webhook_secret: str, webhook_base: str | None) -> tuple[Account, ...]:
    """One well-behaved account per channel, named like the channel.

    Receipts go to `<webhook_base>/webhooks/sandbox-<channel>`, the path of the provider of that name.
    """
    return tuple(
        Account(
            name=kind.value,
            channel=kind,
            api_key=api_key,
            dedupe=True,
            lookup=True,
            webhook_url=f"{webhook_base}/webhooks/sandbox-{kind.value}" if webhook_base else None,
            webhook_secret=webhook_secret,
        )
        for kind in ChannelKind
    )


def account_from(name: str, given: Mapping[str, Any], base: Account | None = None) -> Account:
    """An account from JSON or TOML values, over `base` where there is one.

    Raises:
        InputError: a key is unknown, a value of the wrong type, or the channel is missing or none.
    """
    values = {**given, "name": name}
    try:
        if "channel" in values:
            values["channel"] = ChannelKind(values["channel"])
        values["faults"] = merged(base.faults if base else Faults(), values.get("faults", {}), f"{name}.faults")
        values["receipts"] = merged(
            base.receipts if base else ReceiptHabits(), values.get("receipts", {}), f"{name}.receipts"
        )
        if base:
            return merged(base, values, name)
        known = {f.name for f in fields(Account)}
        if unknown := sorted(values.keys() - known):
            raise InputError(f"account {name}: unknown key {unknown[0]}")
        return Account(**values)
    except (TypeError, ValueError) as exc:
        raise InputError(f"account {name}: {exc}") from exc


_Values = TypeVar("_Values", Faults, ReceiptHabits, Account)


def merged(base: _Values, given: Mapping[str, Any], where: str) -> _Values:
    """`base` with the given values.

    Raises:
        InputError: a key that `base` does not have, or a probability that is no number from 0 to 1.
    """
    known = {f.name for f in fields(base)}
    for key, value in given.items():
        if key not in known:
            raise InputError(f"{where}: unknown key {key}")
        if isinstance(getattr(base, key), float) and not isinstance(value, int | float):
            raise InputError(f"{where}.{key}: must be a number")
    return replace(base, **given)
