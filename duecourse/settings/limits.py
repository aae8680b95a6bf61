"""Reads what a provider's file says beyond its rate: shares by priority, endpoints, recipients."""

from typing import Any

from duecourse.domain.table import Table
from duecourse.settings.values import Classes, Endpoint, RecipientLimit

_DAY_S = 86_400.0
_MOST = 1_000_000
_WHOLE = 1 + 1e-9
"""Shares as people write them: 0.7 + 0.2 + 0.1 is a little more than one."""


def provider_limits(table: Table) -> dict[str, Any]:
    """Fields of `Provider`.

    Raises:
        ConfigError: names the file and key.
    """
    return {
        "classes": _classes(table.table("classes")),
        "endpoints": _endpoints(table),
        "recipient": _recipient(table.table("recipient")) if table.mapping("recipient") else None,
    }


def _classes(table: Table) -> Classes:
    base = Classes()
    shares = {name: table.number(name, getattr(base, name), low=0.01, high=1) for name in ("urgent", "normal", "bulk")}
    classes = Classes(
        **shares,
        reserve=table.number("reserve", base.reserve, low=0, high=0.9),
    )
    table.finish()
    if sum(shares.values()) > _WHOLE:
        raise table.error("urgent", f"with normal and bulk makes {sum(shares.values()):g}: more than the whole rate")
    return classes


def _endpoints(table: Table) -> dict[str, Endpoint]:
    below = table.table("endpoints")
    return {name: _endpoint(below.table(name)) for name in table.mapping("endpoints")}


def _endpoint(table: Table) -> Endpoint:
    rate = table.number("rate_per_s", low=0.001, high=_MOST)
    endpoint = Endpoint(rate_per_s=rate, burst=table.whole("burst", max(1, int(rate)), low=1, high=_MOST))
    table.finish()
    return endpoint


def _recipient(table: Table) -> RecipientLimit:
    limit = RecipientLimit(
        every_s=table.number("every_s", low=0.001, high=_DAY_S), burst=table.whole("burst", 1, low=1, high=1_000)
    )
    table.finish()
    return limit
