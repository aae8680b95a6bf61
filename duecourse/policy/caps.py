"""How often is too often: touches counted by unit, scope and whole local days, whoever made them."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import COUNTS_AS, Touch
from duecourse.policy.packs.clauses import CapScope, CapUnit, Excluded, WindowKind
from duecourse.policy.packs.params import CapWindow, FrequencyCap
from duecourse.policy.packs.regime import Bound
from duecourse.policy.packs.vocabulary import Direction, Medium, Purpose, TouchOutcome
from duecourse.policy.windows import local_midnights

#: Longer than any cap's window, so that a cap that waits is found free again.
_DAYS_AHEAD = 100


def counted_since(window: CapWindow, moment: datetime, zones: Iterable[ZoneInfo]) -> datetime:
    """The beginning of the window that `moment` lies in: the earliest, of several zones. Whole local days."""
    return min(min(local_midnights(_first_day(window, moment.astimezone(zone).date()), zone)) for zone in zones)


class Count(NamedTuple):
    """A cap as it is counted for contacts of one medium."""

    bound: Bound[FrequencyCap]
    max: int
    outcomes: frozenset[TouchOutcome]
    """Which count as the cap's unit."""
    media: frozenset[Medium]
    purposes: frozenset[Purpose | None]
    directions: frozenset[Direction]
    by_debt: bool
    by_number: bool
    of_today: bool
    """It counts what `touches_today` counts: attempts on the contact's own channel this local day."""


def count_of(bound: Bound[FrequencyCap], medium: Medium) -> Count:
    cap, rule = bound.params, bound.rule
    own = frozenset({medium})
    return Count(
        bound=bound,
        max=cap.max,
        outcomes=frozenset(outcome for outcome, units in COUNTS_AS.items() if cap.unit in units),
        media=own if cap.per_channel else rule.channels or frozenset(Medium),
        # What nobody knows the purpose of may have had any.
        purposes=frozenset({None, *(rule.purposes or Purpose)}),
        directions=frozenset({Direction.OUTBOUND} if cap.initiated_by_lender else Direction),
        by_debt=cap.scope not in {CapScope.DEBTOR, CapScope.NUMBER},
        by_number=cap.scope is CapScope.NUMBER,
        of_today=(cap.per_channel, cap.unit, cap.window.kind) == (True, CapUnit.ATTEMPT, WindowKind.CALENDAR_DAY),
    )


def used(count: Count, facts: ContactFacts, since: datetime) -> int:
    """How much of the cap is used up: of the debt that has most, where each debt counts for itself."""
    touches = _counted(count, facts, since)
    if count.by_debt and facts.debts:
        found = max(sum(not touch.debts or debt in touch.debts for touch in touches) for debt in facts.debts)
    else:
        found = len(touches)
    return max(found, facts.touches_today) if count.of_today else found


def free_again(count: Count, facts: ContactFacts, moment: datetime, zones: tuple[ZoneInfo, ...]) -> datetime | None:
    """The first beginning of a local day at which the cap leaves room, if nothing more happens until then.

    A day begins elsewhere at another instant: what was counted yesterday in one zone may be today's in the next.
    """
    beginnings = sorted({
        start
        for zone in zones
        for ahead in range(1, _DAYS_AHEAD)
        for start in local_midnights(moment.astimezone(zone).date() + timedelta(days=ahead), zone)
    })
    window = count.bound.params.window
    return next((at for at in beginnings if used(count, facts, counted_since(window, at, zones)) < count.max), None)


def _counted(count: Count, facts: ContactFacts, since: datetime) -> list[Touch]:
    touches = [
        touch
        for touch in facts.history
        if touch.when >= since
        and touch.outcome in count.outcomes
        and touch.medium in count.media
        and touch.direction in count.directions
        and touch.purpose in count.purposes
    ]
    if exclude := count.bound.params.exclude:
        touches = [touch for touch in touches if not _excluded(touch, exclude)]
    if count.by_number:
        touches = [touch for touch in touches if _same(touch.number, facts.number)]
    return touches


def _same(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other


def _excluded(touch: Touch, exclude: frozenset[Excluded]) -> bool:
    return (
        (touch.requested and Excluded.CONSUMER_REQUESTED in exclude)
        or (touch.consented and Excluded.CONSENTED in exclude)
        or (touch.outcome is TouchOutcome.NOT_CONNECTED and Excluded.NOT_CONNECTED in exclude)
    )


def _first_day(window: CapWindow, today: date) -> date:
    match window.kind:
        case WindowKind.WEEK:
            return today - timedelta(days=today.weekday(), weeks=window.n - 1)
        case WindowKind.MONTH:
            months = today.year * 12 + today.month - window.n
            return date(months // 12, months % 12 + 1, 1)
        case _:
            return today - timedelta(days=window.n - 1)
