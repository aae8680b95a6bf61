"""The providers of a channel as they are used now, for a person to read."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Share
from duecourse.routing.choice import weigh
from duecourse.routing.route import Lane, Route
from duecourse.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Line:
    """One provider of a channel, as it is used now."""

    channel: str
    provider: str
    weight: float
    share: float
    """The part of its weight that it is given."""
    part: float
    """Of the channel's new messages, for a borrower whom every provider serves."""
    cost: str | None
    countries: list[str]
    why: str
    changed_at: datetime | None = None


def plain_lines(settings: Settings) -> list[Line]:
    """What the files say, everybody being healthy."""
    return [line for kind in ChannelKind for line in lines_of(settings, kind, {})]


def lines_of(settings: Settings, kind: ChannelKind, shares: Mapping[str, Share]) -> list[Line]:
    """`shares`: what is recorded of the providers of a shared route."""
    used, written = settings.route_of(kind), _written(settings, kind)
    weights = weigh(used.lanes, {name: share.standing.share for name, share in shares.items()})
    total = sum(weights.values()) or 1.0
    lanes = {lane.provider: lane for lane in (*used.lanes, *written)}
    for provider in settings.providers_of(kind):
        lanes.setdefault(provider.name, Lane(provider=provider.name))
    return [
        Line(
            channel=kind.value,
            provider=name,
            weight=lane.weight,
            share=shares[name].standing.share if name in shares else 1.0,
            part=round(weights.get(name, 0.0) / total, 4),
            cost=money(lane.cost_minor, lane.currency),
            countries=sorted(lane.countries),
            why=_why(settings, used, lane, shares.get(name)),
            changed_at=shares[name].changed_at if name in shares else None,
        )
        for name, lane in lanes.items()
    ]


def _written(settings: Settings, kind: ChannelKind) -> Iterable[Lane]:
    return [lane for route in settings.routes if route.channel is kind for lane in route.lanes]


def _why(settings: Settings, used: Route, lane: Lane, share: Share | None) -> str:
    provider = settings.provider(lane.provider)
    if provider is None or not provider.enabled:
        return "switched off"
    if lane.provider not in used.providers:
        return "not on the route: only asked about what it was given before"
    if not used.shared:
        return "the only provider of the route"
    health = "healthy" if share is None or not share.reason else f"{share.reason}, change {share.version}"
    return f"standby, {health}" if lane.weight <= 0 else health


def money(minor: Decimal | None, currency: str | None) -> str | None:
    return None if minor is None else f"{minor:f} minor {currency}"
