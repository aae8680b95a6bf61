"""Let all workers know which messages had their receipt in time: what is missing among them speaks of the provider."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Health
from duecourse.routing.route import Route


class Delivered(NamedTuple):
    """A message that arrived. Lease times."""

    provider: str
    channel: ChannelKind
    armed_at: datetime
    received_at: datetime
    """When its receipt reached us, however late we came to read it."""


@dataclass(frozen=True, kw_only=True)
class ReportReceipts:
    """Called after the receipts are committed: a report that is lost makes nobody look worse for long."""

    health: Health
    routes: Mapping[ChannelKind, Route]
    """Those with more than one provider."""

    async def __call__(self, delivered: Sequence[Delivered], now: datetime) -> None:
        """`now` is lease time."""
        timely: dict[tuple[ChannelKind, str], list[float]] = defaultdict(list)
        for one in delivered:
            route = self.routes.get(one.channel)
            took_s = (one.received_at - one.armed_at).total_seconds()
            if route and one.provider in route.providers and took_s <= route.health.late_after_s:
                timely[one.channel, one.provider].append((now - one.armed_at).total_seconds())
        for (channel, provider), ages_s in timely.items():
            await self.health.see_timely(channel, provider, ages_s)
