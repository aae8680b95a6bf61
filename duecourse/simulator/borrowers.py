"""Borrowers that behave: who pays when, who asks us to stop, who cannot be reached. Pure, and decided by a seed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from duecourse.domain.vocabulary import ChannelKind
from duecourse.domain.zones import find_zone, instant
from duecourse.ledger.demo import Debt, Point
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.sandbox.exchange import Behaviour

_AWAKE = (8, 22)  # the local hours in which people act


class Deed(StrEnum):
    """What a borrower may do."""

    PAY = "pay"
    REVERSE = "reverse"
    """A payment bounces."""
    STOP = "stop"
    """Answers an SMS with a demand to stop."""
    THANK = "thank"
    """Answers an SMS with something that demands nothing."""
    UNSUBSCRIBE = "unsubscribe"
    """Follows the one-click link of an e-mail."""
    HARDSHIP = "hardship"
    """Calls, and is left in peace: a hold."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Act:
    """One deed at one business time. Ordered by time, then by what makes it unique."""

    at: datetime
    deed: Deed
    borrower: str
    loan: str = ""
    due_on: date = date.min
    amount_minor: int = 0
    currency: str = ""
    address: str = field(default="", repr=False)
    link: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Habits:
    """What part of the borrowers behaves how. Shares of 1; where several describe one choice, they add up."""

    pays_early: float = 0.34
    pays_on_the_day: float = 0.18
    pays_when_reminded: float = 0.26
    pays_late: float = 0.08
    """The rest does not pay in the time shown."""
    autopay_fails: float = 0.04
    pays_in_part: float = 0.04
    bounces: float = 0.02
    stops: float = 0.012
    """Per SMS."""
    thanks: float = 0.02
    unsubscribes: float = 0.03
    """Per e-mail."""
    hardship: float = 0.004
    unreachable: float = 0.02
    """Per address, like the next two."""
    dead_address: float = 0.008
    refused_address: float = 0.008


class Crowd:
    """All borrowers of a book. Every answer depends on the seed and on the lender's own numbers only."""

    def __init__(self, chance: Chance, debts: Sequence[Debt], habits: Habits | None = None) -> None:
        self._chance = chance
        self._debts = debts
        self._habits = habits or Habits()
        self._open: dict[str, list[Debt]] = {}
        for debt in debts:
            self._open.setdefault(debt.borrower, []).append(debt)
        self._moved: set[tuple[str, date]] = set()

    def own_acts(self, start: datetime, end: datetime) -> list[Act]:
        """What they do of their own accord between two business times, in order."""
        acts = [self._hardship(name, start, end) for name in self._open]
        acts += [self._own(debt, start) for debt in self._debts]
        return sorted(act for mine in acts for act in mine if mine[0].at >= start and act.at < end)

    def on_message(self, point: Point, at: datetime, link: str | None) -> list[Act]:
        """What a message that arrived at `at` makes them do. `link`: an e-mail's one-click unsubscribe address."""
        acts = self._answers(point, at, link)
        return acts + [act for debt in self._open.get(point.borrower, ()) for act in self._moved_by(debt, at)]

    def _answers(self, point: Point, at: datetime, link: str | None) -> list[Act]:
        about, habits = (point.borrower, at.isoformat()), self._habits
        later = at + timedelta(minutes=self._chance.between(5, 150, "answer", *about))
        if point.channel is ChannelKind.SMS:
            draw = self._chance.draw("reply", *about)
            deed = Deed.STOP if draw < habits.stops else Deed.THANK if draw < habits.stops + habits.thanks else None
            return [Act(at=later, deed=deed, borrower=point.borrower, address=point.address)] if deed else []
        if point.channel is ChannelKind.EMAIL and link and self._happens(habits.unsubscribes, "unsubscribe", *about):
            return [Act(at=later, deed=Deed.UNSUBSCRIBE, borrower=point.borrower, link=link)]
        return []

    def _own(self, debt: Debt, start: datetime) -> list[Act]:
        habits, about = self._habits, (debt.loan, debt.due_on.isoformat())
        if debt.autopay:
            fails = self._happens(habits.autopay_fails, "autopay", *about)
            return [] if fails else self._payment(debt, _local(debt, debt.due_on, time(6, 20)))
        draw = self._chance.draw("when", *about)
        if draw < habits.pays_early:
            early = self._some_time(debt, -int(self._chance.between(1, 5, "early", *about)))
            # Whoever would have paid before the story begins pays on the day.
            return self._payment(debt, early if early >= start else self._some_time(debt, 0))
        if draw < habits.pays_early + habits.pays_on_the_day:
            return self._payment(debt, self._some_time(debt, 0))
        if draw > 1 - habits.pays_late:
            return self._payment(debt, self._some_time(debt, int(self._chance.between(1, 7, "late", *about))))
        return []

    def _moved_by(self, debt: Debt, at: datetime) -> list[Act]:
        """A message about to be due or overdue money makes some pay, once, within a day and a half."""
        known, habits = (debt.borrower, debt.due_on), self._habits
        if debt.autopay or known in self._moved or not -4 <= (at.date() - debt.due_on).days <= 30:  # noqa: PLR2004
            return []
        own = habits.pays_early + habits.pays_on_the_day
        if not own <= self._chance.draw("when", debt.loan, debt.due_on.isoformat()) < own + habits.pays_when_reminded:
            return []
        self._moved.add(known)
        wait = timedelta(hours=self._chance.between(0.2, 34, "moved", debt.loan, debt.due_on.isoformat()))
        return self._payment(debt, at + wait)

    def _payment(self, debt: Debt, at: datetime) -> list[Act]:
        habits, about = self._habits, (debt.loan, debt.due_on.isoformat())
        share = 1.0
        if self._happens(habits.pays_in_part, "part", *about):
            share = self._chance.between(0.3, 0.7, "share", *about)
        pay = Act(
            at=at,
            deed=Deed.PAY,
            borrower=debt.borrower,
            loan=debt.loan,
            due_on=debt.due_on,
            amount_minor=max(1, int(debt.outstanding_minor * share)),
            currency=debt.currency,
        )
        if not self._happens(habits.bounces, "bounce", *about):
            return [pay]
        back = at + timedelta(hours=self._chance.between(20, 50, "back", *about))
        return [pay, Act(at=back, deed=Deed.REVERSE, borrower=debt.borrower, loan=debt.loan, due_on=debt.due_on)]

    def _hardship(self, borrower: str, start: datetime, end: datetime) -> list[Act]:
        if not self._happens(self._habits.hardship, "hardship", borrower):
            return []
        at = start + (end - start) * self._chance.draw("hardship at", borrower)
        return [Act(at=at, deed=Deed.HARDSHIP, borrower=borrower)]

    def _some_time(self, debt: Debt, days: int) -> datetime:
        hour = self._chance.between(*_AWAKE, "hour", debt.loan, debt.due_on.isoformat())
        at = time(int(hour), int(hour % 1 * 60))
        return _local(debt, debt.due_on + timedelta(days=days), at)

    def _happens(self, probability: float, *about: str) -> bool:
        return self._chance.happens(probability, *about)


def behaviours(chance: Chance, points: Iterable[Point], habits: Habits | None = None) -> Mapping[str, Behaviour]:
    """The addresses that are odd: the sandbox refuses them, or accepts and never delivers."""
    shares, odd = habits or Habits(), {}
    for point in points:
        draw = chance.draw("address", point.borrower, point.channel.value)
        if draw < shares.unreachable:
            odd[point.address] = Behaviour(undelivered="unreachable")
        elif draw < shares.unreachable + shares.dead_address:
            odd[point.address] = Behaviour(undelivered="unknown_subscriber")
        elif draw > 1 - shares.refused_address:
            code = "opted_out" if chance.draw("refusal", point.borrower) < 1 / 3 else "invalid_address"
            odd[point.address] = Behaviour(refuse=code)
    return odd


def _local(debt: Debt, day: date, at: time) -> datetime:
    zone = find_zone(debt.time_zone) or find_zone("UTC")
    if zone is None:
        raise RuntimeError("there is no UTC in the zone database")
    return instant(day, at, zone)
