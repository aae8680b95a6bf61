"""The outermost of the nested deadlines: a channel is given up before the contact itself is too late."""

from collections.abc import Sequence
from datetime import time

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.errors import ConfigError
from duecourse.routing.route import Route


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
    return _second(rung.not_after) - _second(rung.at)


def _second(at: time) -> float:
    return (at.hour * 60 + at.minute) * 60.0 + at.second
