"""How often is too often: touches counted by unit, scope and whole local days, whoever made them."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import COUNTS_AS, Touch
from duecourse.policy.packs.params import CapWindow, FrequencyCap
from duecourse.policy.packs.regime import Bound
from duecourse.policy.packs.vocabulary import (
    CapScope,
    CapUnit,
    Direction,
    Excluded,
    Medium,
    TouchOutcome,
    WindowKind,
)
from duecourse.policy.windows import local_midnights

#: Longer than any cap's window, so that a cap that waits is found free again.
_DAYS_AHEAD = 100


def counted_since(window: CapWindow, moment: datetime, zones: Iterable[ZoneInfo]) -> datetime:
    """The beginning of the window that `moment` lies in: the earliest, of several zones. Whole local days."""
    return min(min(local_midnights(_first_day(window, moment.astimezone(zone).date()), zone)) for zone in zones)


def used(bound: Bound[FrequencyCap], facts: ContactFacts, medium: Medium, since: datetime) -> int:
    """How much of the cap is used up: of the debt that has most, where each debt counts for itself."""
    cap = bound.params
    touches = [touch for touch in facts.history if touch.when >= since and _counts(touch, bound, facts, medium)]
    if cap.scope is CapScope.DEBTOR or cap.scope is CapScope.NUMBER or not facts.debts:
        count = len(touches)
    else:
        count = max(sum(not touch.debts or debt in touch.debts for touch in touches) for debt in facts.debts)
    if _is_house_day_cap(cap):
        return max(count, facts.touches_today)
    return count


def free_again(
    bound: Bound[FrequencyCap], facts: ContactFacts, medium: Medium, *, moment: datetime, zones: tuple[ZoneInfo, ...]
) -> datetime | None:
    """The first beginning of a local day at which the cap leaves room, if nothing more happens until then."""
    today = max(moment.astimezone(zone).date() for zone in zones)
    for ahead in range(1, _DAYS_AHEAD):
        day = today + timedelta(days=ahead)
        start = max(max(local_midnights(day, zone)) for zone in zones)
        if used(bound, facts, medium, counted_since(bound.params.window, start, zones)) < bound.params.max:
            return start
    return None


def _counts(touch: Touch, bound: Bound[FrequencyCap], facts: ContactFacts, medium: Medium) -> bool:
    cap, rule = bound.params, bound.rule
    return (
        cap.unit in COUNTS_AS[touch.outcome]
        and (touch.direction is Direction.OUTBOUND or not cap.initiated_by_lender)
        and (touch.medium is medium if cap.per_channel else not rule.channels or touch.medium in rule.channels)
        and (touch.purpose is None or not rule.purposes or touch.purpose in rule.purposes)
        and not _excluded(touch, cap)
        and (cap.scope is not CapScope.NUMBER or _same(touch.number, facts.number))
    )


def _same(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _excluded(touch: Touch, cap: FrequencyCap) -> bool:
    if not cap.exclude:
        return False
    return (
        (touch.requested and Excluded.CONSUMER_REQUESTED in cap.exclude)
        or (touch.consented and Excluded.CONSENTED in cap.exclude)
        or (touch.outcome is TouchOutcome.NOT_CONNECTED and Excluded.NOT_CONNECTED in cap.exclude)
    )


def _is_house_day_cap(cap: FrequencyCap) -> bool:
    """Is it what `touches_today` counts: attempts on the contact's own channel this local day?"""
    return cap.per_channel and cap.unit is CapUnit.ATTEMPT and cap.window.kind is WindowKind.CALENDAR_DAY


def _first_day(window: CapWindow, today: date) -> date:
    match window.kind:
        case WindowKind.WEEK:
            return today - timedelta(days=today.weekday(), weeks=window.n - 1)
        case WindowKind.MONTH:
            months = today.year * 12 + today.month - window.n
            return date(months // 12, months % 12 + 1, 1)
        case _:
            return today - timedelta(days=window.n - 1)
