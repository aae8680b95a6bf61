"""How the demonstration's providers behave: like real ones on a mixed day."""

from typing import Any

from duecourse.domain.vocabulary import Resolution
from duecourse.settings import Provider, Settings

#: Ours is a little slower than what the provider would take, so 429 is the exception that it should be.
_HEADROOM = 1.2
#: A call that hangs is given up before its caller does: what the provider knows then is final.
_HANG_S = 2.0

#: Surely not processed.
# A 429 is rare: each slows the account down for the best part of a minute, and a virtual day has only seconds.
_REFUSALS = {"e429": 0.00005, "e503": 0.008, "refused": 0.001}
#: Perhaps processed: half of them were.
_RIDDLES = {
    "e500_before": 0.0004,
    "e500_after": 0.0004,
    "timeout_before_accept": 0.0001,
    "timeout_after_accept": 0.0001,
    "disconnect_before": 0.0004,
    "disconnect_after": 0.0004,
}
#: Where nothing can be asked there is nothing to wait for: more riddles cost no time, and batches make few calls.
_UNANSWERABLE = 20
_RECEIPTS = {
    "undelivered": 0.01,
    "lost": 0.01,
    "duplicate": 0.02,
    "late": 0.05,
    "late_s": 21_600.0,
    "out_of_order": 0.02,
    "read": 0.25,
}


def accounts_toml(settings: Settings) -> str:
    """The sandbox's accounts, one per enabled provider that is served by it."""
    served = [p for p in settings.providers if p.enabled and p.adapter == "sandbox"]
    return "\n".join(_table(p, settings.public_url) for p in served)


def _table(provider: Provider, public_url: str) -> str:
    name = provider.options["account"]
    account = {
        "channel": provider.channel.value,
        "api_key": provider.options["api_key"],
        "dedupe": provider.resolution is Resolution.KEY,
        "lookup": provider.resolution is Resolution.LOOKUP,
        "rate_per_s": provider.rate_per_s * _HEADROOM,
        "burst": int(provider.burst * _HEADROOM),
        "max_batch": provider.max_batch,
        "hang_s": _HANG_S,
        "webhook_url": f"{public_url}/webhooks/{provider.name}",
        "webhook_secret": provider.options["webhook_secret"],
    }
    more = _UNANSWERABLE if provider.resolution is Resolution.NONE else 1
    faults = _REFUSALS | {fault: probability * more for fault, probability in _RIDDLES.items()}
    tables = {f"accounts.{name}": account, f"accounts.{name}.faults": faults, f"accounts.{name}.receipts": _RECEIPTS}
    return "\n".join(f"[{title}]\n{_lines(values)}" for title, values in tables.items())


def _lines(values: dict[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in values.items())


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return repr(value)
