"""What a route's file alone cannot tell: can its providers do what it needs, and do its deadlines fit the rungs?"""

from collections.abc import Mapping, Sequence
from datetime import time

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Capability
from duecourse.routing.route import Route


def check_needs(route: Route, capabilities: Mapping[str, Capability]) -> None:
    """Every provider on the route can do what the route needs.

    Raises:
        ConfigError: one cannot.
    """
    for name in route.providers:
        for need in route.needs:
            if name in capabilities and not need.met_by(capabilities[name]):
                raise ConfigError(
                    file=f"config/routes/{route.channel}.toml",
                    key=f"providers.{name}",
                    problem=f"is not {need.value}" if need.value.endswith("able") else f"tells of no {need.value}",
                )


def check_deadlines(routes: Sequence[Route], cadences: Sequence[Cadence]) -> None:
    """Attempt < provider < channel is checked where a route is read; here channel < contact.

    Raises:
        ConfigError: a rung ends before its channel would be given up, so that its next channel had no time left.
    """
    spans = {route.channel: route.deadlines.channel_s for route in routes if route.deadlines}
    for cadence in cadences:
        for rung in cadence.rungs:
            longest = max((spans.get(channel, 0.0) for channel in rung.channels[:-1]), default=0.0)
            if longest >= _span_s(rung):
                raise ConfigError(
                    file=f"config/cadences/{cadence.name}.toml",
                    key=rung.name,
                    problem=f"ends {_span_s(rung):g} s after it begins: a route's channel_s ({longest:g}) must be less",
                )


def _span_s(rung: Rung) -> float:
    return rung.lasts_days * 86_400.0 + _second(rung.not_after) - _second(rung.at)


def _second(at: time) -> float:
    return (at.hour * 60 + at.minute) * 60.0 + at.second
