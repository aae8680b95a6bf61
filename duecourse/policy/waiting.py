"""How long to wait: until the first instant at which everything that objects now would be content."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from duecourse.policy.objections import Objection
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.sifting import open_hours
from duecourse.policy.situation import Situation, windows_of
from duecourse.policy.windows import Window, first_open

#: Nobody waits longer; a rung is stale long before.
_LONGEST = timedelta(days=40)


def is_window(objection: Objection) -> bool:
    return isinstance(objection.bound.params, ContactWindow)


def next_instant(
    at: Situation, objecting: Iterable[Objection], shut: tuple[Bound[ContactWindow], ...]
) -> datetime | None:
    """The first instant at which all that object and all windows that were ever found shut would be content.

    None where there is none within weeks, or an objection is for good. Others may object then: ask again.
    """
    moment = at.now
    for objection in objecting:
        if is_window(objection):
            continue
        end = objection.ends() if objection.ends else None
        if end is None:
            return None
        moment = max(moment, end)
    found = common_opening(at, shut, moment)
    return found if found is not None and found > at.now else None


def common_opening(at: Situation, shut: tuple[Bound[ContactWindow], ...], moment: datetime) -> datetime | None:
    """The first instant from `moment` on at which all these windows are open wherever the borrower may be."""
    if at.facts.evidence or at.facts.preferred_hours:
        return first_open(_windows(at, shut), moment, moment + _LONGEST)
    return _common_opening(at.moment.regime, tuple(bound.id for bound in shut), at.moment.zones, moment)


def are_at_odds(at: Situation, shut: tuple[Bound[ContactWindow], ...]) -> bool:
    """Does each of several windows open by itself, but never all together? A person must find another way."""
    every = _windows(at, shut)
    if len(every) <= 1 or common_opening(at, shut, at.now) is not None:
        return False
    return all(window.next_open(at.now) is not None for window in every)


def _windows(at: Situation, shut: Iterable[Bound[ContactWindow]]) -> list[Window]:
    """Each of them in each zone, with the hours agreed to."""
    return [one for bound in shut for one in windows_of(bound, at.moment.zones, open_hours(at, bound))]


@lru_cache(maxsize=4096)
def _common_opening(
    regime: Regime, shut: tuple[str, ...], zones: tuple[ZoneInfo, ...], moment: datetime
) -> datetime | None:
    every: list[Window] = [
        window
        for bound in regime.windows
        if bound.id in shut
        for window in windows_of(bound, zones, bound.params.allow)
    ]
    return first_open(every, moment, moment + _LONGEST)
