"""Borrowers that answer what reaches them: who is moved, who rings, who has had enough. Pure, decided by a seed.

One draw per instalment and family of messages decides whether messages of that family move its borrower: a second
reminder does not add to the first (Karlan et al. 2016), only a better one does. And since the draw does not depend on
the policy, two policies meet the same people (common random numbers).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from duecourse.domain.vocabulary import Audience, ChannelKind
from duecourse.domain.zones import instant
from duecourse.ledger.forward import Owed
from duecourse.simulator.forward.acts import OF_THEMSELVES, Act, Deed, Touch
from duecourse.simulator.forward.effects import EFFECTS, HELP_TEMPLATES, KIND_TEMPLATES, Effects, Factor
from duecourse.simulator.forward.latent import Intent, audience_of, intent_of, zone_of
from duecourse.simulator.sandbox.chance import Chance

#: A reminder this many days before the due date is no early warning yet.
_CLOSE_DAYS = 3
#: Contacts within this span that nobody minds.
_PATIENCE = 2
_WEEK = timedelta(days=7)
#: Hours from a message to the payment that it moves.
_SOON_H = (0.2, 34.0)
_LAST_HOUR = time(22)
DESK_HOURS = (9, 18)
"""When the lender's people answer, by the borrower's clock."""
CALLED = "call"

_CHANNELS = {
    ChannelKind.PUSH: Factor.CHANNEL_PUSH,
    ChannelKind.EMAIL: Factor.CHANNEL_EMAIL,
    ChannelKind.IM: Factor.CHANNEL_IM,
    ChannelKind.VOICE: Factor.CHANNEL_VOICE,
}

Key = tuple[str, date]
"""A loan and a due date."""


@dataclass(slots=True)
class Standing:
    """One instalment as its borrower sees it."""

    owed: Owed
    intent: Intent
    audience: Audience
    pays_at: datetime
    paid_by: str = ""
    """What made them pay; empty until they did."""


class Crowd:
    """All borrowers of a book. Every answer depends on the seed and on the lender's own numbers only."""

    def __init__(self, chance: Chance, owed: Sequence[Owed], start: datetime, effects: Effects = EFFECTS) -> None:
        self._chance = chance
        self._effects = effects
        self.standing = {(one.loan, one.due_on): self._standing(one, start) for one in owed}
        self._borrowers = {one.loan: one.borrower for one in owed}
        self._touches: dict[str, list[datetime]] = defaultdict(list)
        self.touched: Counter[str] = Counter()

    def own_acts(self) -> list[Act]:
        """What they do if nobody writes."""
        return [self._payment(one, one.pays_at, OF_THEMSELVES) for one in self.standing.values()]

    def on_touch(self, touch: Touch) -> list[Act]:
        """What a message makes them do."""
        met = [self.standing[key] for loan in touch.loans if (key := (loan, touch.due_on)) in self.standing]
        if not met:
            return []
        borrower = met[0].owed.borrower
        annoyed = self._annoyance(borrower, touch.at)
        return [
            *(act for one in met for act in self._moved(one, touch)),
            *self._refusals(borrower, touch, annoyed),
            *self._words(met[0], touch),
        ]

    def on_call(self, act: Act) -> list[Act]:
        """What a talk with one of the lender's people makes of it."""
        one = self.standing.get((act.loan, act.due_on))
        if one is None or one.paid_by or not one.intent.late:
            return []
        about = (act.loan, act.due_on.isoformat())
        if act.at.astimezone(zone_of(one.owed)).date() > act.due_on and self._happens(
            Factor.CALLS_HARDSHIP, "call hardship", *about
        ):
            return [Act(at=act.at, deed=Deed.HARDSHIP, borrower=act.borrower, loan=act.loan, due_on=act.due_on)]
        if not self._happens(Factor.TALK, "talk", *about):
            return []
        return self._earlier(one, act.at + self._soon(one), CALLED)

    def borrower_of(self, loans: Iterable[str]) -> str | None:
        """The lender's number of who has one of these loans; None where we follow none of them."""
        return next((self._borrowers[loan] for loan in loans if loan in self._borrowers), None)

    def owes(self, act: Act) -> bool:
        """Whether this is still to be paid."""
        return not self.standing[act.loan, act.due_on].paid_by

    def answers(self, act: Act) -> bool:
        """Whom a person dials, and speaks with."""
        return self._happens(Factor.REACHED, "reached", act.loan, act.due_on.isoformat(), act.cause)

    def settle(self, act: Act) -> bool:
        """Whether this payment is still to be made; it is noted then."""
        one = self.standing[act.loan, act.due_on]
        if one.paid_by:
            return False
        one.paid_by = act.cause
        return True

    def unreachable(self, borrower: str, channel: ChannelKind) -> bool:
        """The provider takes a message to this address and never delivers it."""
        return self._happens(Factor.UNDELIVERED, "undelivered", borrower, channel.value)

    def refused(self, borrower: str, channel: ChannelKind) -> bool:
        """The provider refuses this address."""
        return self._happens(Factor.REFUSED, "refused", borrower, channel.value)

    def _standing(self, owed: Owed, start: datetime) -> Standing:
        intent = intent_of(owed, self._chance, self._effects, start)
        return Standing(owed=owed, intent=intent, audience=audience_of(owed), pays_at=intent.pays_at)

    def _moved(self, one: Standing, touch: Touch) -> list[Act]:
        """Only who would be late can be moved: to whom pays in time a message changes nothing."""
        if not one.intent.late or one.paid_by:
            return []
        family, strength = self._strength(one, touch)
        if self._chance.draw(family, one.owed.loan, one.owed.due_on.isoformat()) >= strength:
            return []
        at = touch.at + self._soon(one)
        if family == "reminder":
            due = instant(one.owed.due_on, _LAST_HOUR, zone_of(one.owed))
            at = min(at, due) if touch.at < due else at
        return self._earlier(one, at, touch.template)

    def _strength(self, one: Standing, touch: Touch) -> tuple[str, float]:
        """The family of the message, and the part of the otherwise late that it moves."""
        days = (touch.at.astimezone(zone_of(one.owed)).date() - one.owed.due_on).days
        whole = self._amount(_CHANNELS[touch.channel]) if touch.channel in _CHANNELS else 1.0
        whole *= 1.0 if touch.named else self._amount(Factor.NO_NAME)
        if days <= 0:
            return "reminder", whole * self._reminder(one.audience, days)
        if touch.template in HELP_TEMPLATES:
            return "help", whole * self._amount(Factor.HELP)
        kind = Factor.OVERDUE_KIND if touch.template in KIND_TEMPLATES else Factor.OVERDUE_PLAIN
        return "overdue", whole * self._amount(kind)

    def _reminder(self, audience: Audience, days: int) -> float:
        if audience is Audience.LOW:
            return self._amount(Factor.REMINDER_PROVEN)
        if days == 0:
            return self._amount(Factor.DUE_DAY)
        if days < -_CLOSE_DAYS:
            return self._amount(Factor.REMINDER_EARLY)
        late = self._amount(Factor.LATE_HIGH if audience is Audience.HIGH else Factor.LATE_STANDARD)
        # A gain among all becomes a share of those who would be late.
        return min(1.0, self._amount(Factor.REMINDER_GAIN) * (1 - late) / late)

    def _earlier(self, one: Standing, at: datetime, cause: str) -> list[Act]:
        if at >= one.pays_at:
            return []
        one.pays_at = at
        return [self._payment(one, at, cause)]

    def _refusals(self, borrower: str, touch: Touch, annoyed: float) -> Iterable[Act]:
        """The n-th message, whatever it is, meets the same temper under every policy."""
        turn = self.touched[borrower]
        later = touch.at + timedelta(minutes=self._chance.between(5, 150, "answers after", borrower, turn))
        stops = Factor.STOPS_SMS if touch.channel is ChannelKind.SMS else Factor.STOPS_OTHER
        for factor, deed in ((stops, Deed.STOP), (Factor.COMPLAINS, Deed.COMPLAIN)):
            if self._chance.draw(deed, borrower, turn) < self._amount(factor) * annoyed:
                yield Act(
                    at=later, deed=deed, borrower=borrower, channel=touch.channel.value, contact_id=touch.contact_id
                )

    def _words(self, one: Standing, touch: Touch) -> Iterable[Act]:
        borrower, turn, zone = one.owed.borrower, self.touched[one.owed.borrower], zone_of(one.owed)
        overdue = touch.at.astimezone(zone).date() > touch.due_on
        at = touch.at + timedelta(minutes=self._chance.between(5, 150, "speaks after", borrower, turn))
        if overdue and self._happens(Factor.HARDSHIP, "hardship", borrower, turn):
            said = _about(one, at, Deed.HARDSHIP, touch.template)
            yield replace(said, channel=touch.channel.value, contact_id=touch.contact_id)
        if self._chance.draw("call", borrower, turn) < self._amount(Factor.CALLS) * (2 if overdue else 1):
            yield _about(one, _desk_time(at, one.owed), Deed.CALL, touch.template)

    def _annoyance(self, borrower: str, at: datetime) -> float:
        self.touched[borrower] += 1
        lately = [earlier for earlier in self._touches[borrower] if earlier > at - _WEEK] + [at]
        self._touches[borrower] = lately
        return 1.0 + self._amount(Factor.CROWDED) * max(len(lately) - _PATIENCE, 0)

    def _payment(self, one: Standing, at: datetime, cause: str) -> Act:
        about = (one.owed.loan, one.owed.due_on.isoformat())
        part = self._happens(Factor.PARTIAL, "partial", *about)
        share = self._chance.between(0.3, 0.7, "share", *about) if part else 1.0
        return replace(_about(one, at, Deed.PAY, cause), share=share)

    def _soon(self, one: Standing) -> timedelta:
        return timedelta(hours=self._chance.between(*_SOON_H, "moved", one.owed.loan, one.owed.due_on.isoformat()))

    def _happens(self, factor: Factor, *about: str | int) -> bool:
        return self._chance.happens(self._amount(factor), *about)

    def _amount(self, factor: Factor) -> float:
        return self._effects[factor].amount


def _about(one: Standing, at: datetime, deed: Deed, cause: str) -> Act:
    owed = one.owed
    return Act(at=at, deed=deed, borrower=owed.borrower, loan=owed.loan, due_on=owed.due_on, cause=cause)


def _desk_time(at: datetime, owed: Owed) -> datetime:
    """That time, or where the desk is closed then, the same minute of its first hour after."""
    zone = zone_of(owed)
    local = at.astimezone(zone)
    opens, closes = DESK_HOURS
    if opens <= local.hour < closes:
        return at
    day = local.date() + timedelta(days=local.hour >= closes)
    return instant(day, time(opens, local.minute), zone)
