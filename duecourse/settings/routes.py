"""Reads `config/routes/<channel>.toml`: which providers carry a channel. Without a file the first enabled one does."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.domain.territories import is_country
from duecourse.domain.vocabulary import ChannelKind
from duecourse.routing.health import HealthTerms
from duecourse.routing.route import SPILL_S, Deadlines, Lane, Need, Route
from duecourse.settings.environment import fill
from duecourse.settings.values import Delivery, Provider

_DAY_S = 86_400.0
_MOST_WEIGHT = 1_000_000.0
_CURRENCY_LETTERS = 3


def routes(
    folder: Path, environ: Mapping[str, str], *, providers: Sequence[Provider], delivery: Delivery
) -> tuple[Route, ...]:
    """One route per file.

    Raises:
        ConfigError: names the file and key.
    """
    known = {provider.name: provider for provider in providers}
    return tuple(_route(path, environ, known, delivery) for path in sorted(folder.glob("*.toml")))


def _route(path: Path, environ: Mapping[str, str], known: Mapping[str, Provider], delivery: Delivery) -> Route:
    table = Table(fill(read_toml(path), environ, file=str(path)), file=str(path), from_env=True)
    route = Route(
        channel=_channel(path),
        lanes=_lanes(table, known, _channel(path)),
        needs=table.choices("needs", Need, ()),
        deadlines=_deadlines(table.table("deadlines"), delivery),
        spill_s=table.number("spill_s", SPILL_S, low=0, high=_DAY_S),
        health=_health(table.table("health")),
    )
    table.finish()
    return route


def _channel(path: Path) -> ChannelKind:
    try:
        return ChannelKind(path.stem)
    except ValueError:
        words = ", ".join(ChannelKind)
        raise ConfigError(file=str(path), key="(name)", problem=f"must be a channel: one of {words}") from None


def _lanes(table: Table, known: Mapping[str, Provider], channel: ChannelKind) -> tuple[Lane, ...]:
    below = table.table("providers")
    lanes = tuple(_lane(below, name, known.get(name), channel) for name in table.mapping("providers"))
    if not any(lane.weight > 0 for lane in lanes):
        raise table.error("providers", "names nobody with a weight above 0: standbys need somebody to stand by")
    return lanes


def _lane(providers: Table, name: str, provider: Provider | None, channel: ChannelKind) -> Lane:
    if provider is None:
        raise providers.error(name, f"no such provider: there is no config/providers/{name}.toml")
    if provider.channel is not channel:
        raise providers.error(name, f"is a provider of {provider.channel.value}, not of {channel.value}")
    table = providers.table(name)
    cost, currency = _cost(table)
    lane = Lane(
        provider=name,
        weight=table.number("weight", 1.0, low=0, high=_MOST_WEIGHT),
        cost_minor=cost,
        currency=currency,
        countries=_countries(table),
    )
    table.finish()
    return lane


def _cost(table: Table) -> tuple[Decimal | None, str | None]:
    text, currency = table.text("cost_minor", "", blank=True), table.text("currency", "", blank=True)
    if not text and not currency:
        return None, None
    try:
        cost = Decimal(text)
    except InvalidOperation:
        raise table.error("cost_minor", 'must be a decimal number as text, like "0.79"') from None
    if not cost.is_finite() or cost < 0:
        raise table.error("cost_minor", "must be a decimal number, 0 or more")
    if len(currency) != _CURRENCY_LETTERS or not currency.isascii() or not currency.isupper():
        raise table.error("currency", "must be an ISO 4217 code of three capitals, like USD")
    return cost, currency


def _countries(table: Table) -> frozenset[str]:
    codes = table.texts("countries", ())
    for code in codes:
        if not is_country(code):
            raise table.error("countries", f"{code!r} is no country: ISO 3166-1 alpha-2 in capitals, like US")
    return frozenset(codes)


def _deadlines(table: Table, delivery: Delivery) -> Deadlines:
    base = Deadlines()
    found = Deadlines(
        provider_s=table.number("provider_s", base.provider_s, low=0.05, high=_DAY_S),
        channel_s=table.number("channel_s", base.channel_s, low=0.05, high=_DAY_S),
    )
    table.finish()
    attempt = delivery.deadline_s + delivery.http_total_s
    if found.provider_s <= attempt:
        raise table.error("provider_s", f"must be more than one attempt: deadline_s + http_total_s ({attempt:g})")
    if found.channel_s <= found.provider_s:
        raise table.error("channel_s", f"must be more than provider_s ({found.provider_s:g})")
    return found


#: Bounds of what may be set, where a part of one or a plain span of seconds is not right.
_BOUNDS = {
    "min_samples": (1, 1_000_000), "min_failures": (1, 1_000_000), "probes": (1, 1_000_000),
    "late_samples": (1, 1_000_000), "fall_at": (0.01, 1), "rise_at": (0, 0.99), "fall_step": (0.01, 0.5),
    "rise_step": (0.01, 0.5), "trickle": (0.005, 0.5), "late_at": (0.01, 1),
}  # fmt: skip


def _health(table: Table) -> HealthTerms:
    values: dict[str, Any] = {}
    for name, default in asdict(HealthTerms()).items():
        low, high = _BOUNDS.get(name, (0.05, _DAY_S))
        if isinstance(default, int):
            values[name] = table.whole(name, default, low=int(low), high=int(high))
        else:
            values[name] = table.number(name, default, low=low, high=high)
    terms = HealthTerms(**values)
    table.finish()
    _check(terms, table)
    return terms


def _check(terms: HealthTerms, table: Table) -> None:
    """What keeps shares from flapping."""
    if terms.rise_at >= terms.fall_at:
        raise table.error("rise_at", f"must be less than fall_at ({terms.fall_at:g})")
    if terms.rise_s < terms.step_s:
        raise table.error("rise_s", f"must be at least step_s ({terms.step_s:g}): recovery is the slower one")
    if terms.idle_s < max(terms.rise_s, terms.window_s):
        raise table.error("idle_s", "must be at least rise_s and window_s")
