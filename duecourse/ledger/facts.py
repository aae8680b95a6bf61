"""What the gate may know of a batch's borrowers: read in the claim's transaction, all statements in one round trip."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from duecourse.domain.book import DueItem
from duecourse.domain.clock import Times
from duecourse.domain.demand import CONFIRMING
from duecourse.domain.money import Money
from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.domain.zones import find_zone
from duecourse.ledger.history import MET, History, ask_history, told_history
from duecourse.ledger.preferences import READ_PREFERENCES, preferences_of
from duecourse.ledger.statements import Ids
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import Touch
from duecourse.policy.packs.vocabulary import ActorRole, Medium, NoticeBefore, Purpose
from duecourse.policy.preferences import NOTHING_ASKED, Preferences
from duecourse.policy.terms import Terms
from duecourse.policy.whereabouts import days_past_due, only, other_zones, place, purpose_of

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_ITEMS = """
SELECT i.borrower_id, i.due_on, i.instalment_id, l.loan_id, l.external_id, i.number, i.outstanding_minor, i.currency,
       l.autopay, l.product, l.actor_role,
       CASE WHEN l.notices <> '{}' THEN ARRAY(
           SELECT n.key FROM jsonb_each_text(l.notices) n WHERE n.value::timestamptz <= %(now)s) END
FROM instalments i JOIN loans l USING (loan_id)
WHERE i.borrower_id = ANY (%(borrowers)s) AND i.due_on >= %(first)s AND i.due_on < %(last)s
  AND i.outstanding_minor > 0 AND l.status = 'active'
ORDER BY l.external_id, i.number
"""

_HOLDS = """
SELECT borrower_id, hold_id, loan_id, channel FROM holds
WHERE borrower_id = ANY (%(borrowers)s) AND released_at IS NULL
  AND starts_at <= %(now)s AND (ends_at IS NULL OR ends_at > %(now)s)
"""

_ANY: frozenset[Medium] = frozenset()
_NONE: frozenset[NoticeBefore] = frozenset()
#: Whose rules are strictest: what is collected for somebody else is named first.
_ROLES = (ActorRole.THIRD_PARTY_AGENCY, ActorRole.ASSIGNEE, ActorRole.FIRST_PARTY)


#: What a worker serves, by its own word; what a person does, by the law's.
_WAYS: dict[str, ChannelKind | Medium] = {medium.value: medium for medium in Medium} | {
    kind.value: kind for kind in ChannelKind
}


#: A look-up takes a fifth of the time that an enumeration needs to find its member.
_CONSENTS: dict[str | None, Consent | None] = {None: None} | {one.value: one for one in Consent}


class _About(NamedTuple):
    """What a contact is about."""

    role: ActorRole
    product: str | None
    """None where its loans differ."""
    debts: tuple[int, ...]
    minor: int | None
    """What is due in all; None where it is in several currencies."""
    notices: frozenset[NoticeBefore]
    """Given of each of its loans."""
    autopay: bool
    """Every one of its loans collects itself."""


class _Hold(NamedTuple):
    hold_id: int
    loan_id: int | None
    channel: str | None


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Of each borrower of a batch: what is due, what silences them, what reached them."""

    terms: Terms
    history: History
    items: dict[tuple[int, date], list[DueItem]] = field(default_factory=lambda: defaultdict(list))
    holds: dict[int, list[_Hold]] = field(default_factory=lambda: defaultdict(list))
    preferences: dict[int, Preferences] = field(default_factory=dict)

    def items_of(self, row: Mapping[str, Any]) -> tuple[DueItem, ...]:
        """What the borrower has to pay on the contact's due date."""
        return tuple(self.items.get((row["borrower_id"], row["due_on"]), ()))

    def locale_of(self, row: Mapping[str, Any]) -> str:
        """The language that the borrower asked for, else the one in the lender's book."""
        return self.preferences.get(row["borrower_id"], NOTHING_ASKED).locale or str(row["locale"])

    def facts(self, row: Mapping[str, Any], items: tuple[DueItem, ...], local_day: date) -> ContactFacts:
        """Of one contact, as the claim's statement read it. `local_day` is today where the borrower is."""
        borrower, channel = row["borrower_id"], row["channel"]
        past = self.history.of(borrower, but=row["contact_id"], channel=channel, day=local_day)
        asked = self.preferences.get(borrower, NOTHING_ASKED)
        about = _about(items, self.terms.lender_role)
        index, confirms = row["address_index"], row["cadence"] == CONFIRMING
        dpd = days_past_due(row["oldest_unmet"], local_day)
        return ContactFacts(
            contact_id=row["contact_id"],
            borrower_id=borrower,
            channel=_WAYS[channel],
            not_after=row["not_after"],
            time_zone=row["time_zone"],
            consent=_CONSENTS[row["consent"]],
            address_valid=bool(row["address_valid"]),
            open_items=len(items),
            autopay=about.autopay,
            holds=_covering(self.holds.get(borrower, ()), items, channel),
            opted_out=past.opted_out,
            touches_today=past.touches_today,
            reached_today=past.reached_today,
            stop=_stop_rules(*row["stop"]),
            purpose=Purpose.CONFIRM_STOP if confirms else purpose_of(row["due_on"], local_day, dpd),
            actor_role=about.role,
            lender_type=self.terms.lender_type,
            lender_country=self.terms.lender_country,
            product=about.product,
            debts=about.debts,
            dpd=dpd,
            amount_minor=about.minor,
            residence=place(row["country"], row["region"]),
            present=place(row["place_country"], row["place_region"]),
            carrier_country=row["carrier_country"],
            candidate_zones=candidates(row["time_zone"], row["zone_evidence"]),
            # Rules count by number where people and machines speak.
            number=index.hex() if channel == ChannelKind.VOICE and index else None,
            at_workplace=bool(row["employer"]) and channel != ChannelKind.EMAIL,
            employer_address=bool(row["employer"]),
            employer_address_used=bool(row["employer_used"]),
            employer_forbids=row["employer_forbids"],
            underage=row["underage"],
            notices=about.notices,
            address_verified_at=row["verified_at"],
            history=past.touches,
            stops=past.stops,
            evidence=past.evidence,
            allowances=past.allowances,
            first_contact=_first(past.touches, about),
            preferred_hours=asked.hours,
            preferred_channels=asked.media if asked.channels else _ANY,
        )


async def read_surroundings(
    conn: "Connection", borrowers: Ids, due: tuple[date, date], *, times: Times, terms: Terms
) -> Surroundings:
    """Read them, inside a pipeline. `due` is the half-open range of due dates of the batch."""
    span = {"borrowers": borrowers, "first": due[0], "last": due[1], "now": times.business}
    items = await conn.execute(_ITEMS, span)
    holds = await conn.execute(_HOLDS, span)
    preferences = await conn.execute(READ_PREFERENCES, span)
    asked = await ask_history(conn, borrowers, times, days=terms.days_back)
    found = Surroundings(terms=terms, history=await told_history(asked))
    found.preferences.update(preferences_of(await preferences.fetchall()))
    for borrower_id, due_on, *item in await items.fetchall():
        found.items[borrower_id, due_on].append(_item(due_on, item))
    for borrower_id, *hold in await holds.fetchall():
        found.holds[borrower_id].append(_Hold(*hold))
    return found


@lru_cache(maxsize=4096)
def candidates(time_zone: str | None, evidence: str | None) -> tuple[str, ...]:
    """The other zones that a borrower may be in. `evidence` is the column, as text: most of a book shares few."""
    return other_zones(time_zone, orjson.loads(evidence)) if evidence else ()


def local_day_of(row: Mapping[str, Any], times: Times) -> date:
    """Today where the borrower is; where several zones are possible in the first, where none is known in UTC."""
    return _local_day(row["time_zone"], row["zone_evidence"], times.business)


@lru_cache(maxsize=4096)
def _local_day(time_zone: str | None, evidence: str | None, now: datetime) -> date:
    """The contacts of a batch share the instant, and few zones."""
    names = [time_zone, *candidates(time_zone, evidence)]
    zone = next(filter(None, map(find_zone, names)), None)
    return now.astimezone(zone or UTC).date()


@lru_cache
def _stop_rules(*words: str) -> frozenset[StopRule]:
    return frozenset(map(StopRule, words))


def _first(touches: Sequence[Touch], about: _About) -> bool | None:
    """No, where each debt was spoken or written of. Of the time before what is read, a notice on record alone tells."""
    if NoticeBefore.FIRST_COLLECTION in about.notices:
        return False
    told = [touch for touch in touches if touch.outcome in MET and touch.purpose is not Purpose.CONFIRM_STOP]
    if not told:
        return None
    spoken_of = {debt for touch in told for debt in touch.debts}
    return False if spoken_of.issuperset(about.debts) or not all(touch.debts for touch in told) else None


def _about(items: Sequence[DueItem], usual: ActorRole) -> _About:
    if len(items) == 1:
        (item,) = items
        return _About(
            _role(item, usual), item.product, (item.loan_id,), item.outstanding.minor, _notices(items), item.autopay
        )
    roles = {_role(item, usual) for item in items} or {usual}
    return _About(
        role=next(role for role in _ROLES if role in roles),
        product=only(item.product for item in items),
        debts=tuple(dict.fromkeys(item.loan_id for item in items)),
        minor=_in_all(items),
        notices=_notices(items),
        autopay=bool(items) and all(item.autopay for item in items),
    )


def _role(item: DueItem, usual: ActorRole) -> ActorRole:
    return ActorRole(item.actor_role) if item.actor_role else usual


def _in_all(items: Sequence[DueItem]) -> int | None:
    one_currency = only(item.outstanding.currency for item in items)
    return sum(item.outstanding.minor for item in items) if one_currency else None


def _notices(items: Sequence[DueItem]) -> frozenset[NoticeBefore]:
    """Those that were given of every loan."""
    if not all(item.notices for item in items):
        return _NONE
    given = [frozenset(item.notices) for item in items]
    return frozenset(map(NoticeBefore, frozenset.intersection(*given))) if given else _NONE


def _item(due_on: date, item: Sequence[Any]) -> DueItem:
    instalment_id, loan_id, loan, number, minor, currency, autopay, product, actor_role, notices = item
    return DueItem(
        instalment_id=instalment_id,
        loan_id=loan_id,
        loan_reference=loan,
        due_on=due_on,
        number=number,
        outstanding=Money(minor=minor, currency=currency),
        autopay=autopay,
        product=product,
        actor_role=actor_role,
        notices=tuple(notices or ()),
    )


def _covering(every: Sequence[_Hold], items: Iterable[DueItem], channel: str) -> tuple[int, ...]:
    """The holds that silence the contact: on the borrower, or together on every loan that is due."""
    if not every:
        return ()
    holds = [hold for hold in every if hold.channel in {None, channel}]
    whole = [hold.hold_id for hold in holds if hold.loan_id is None]
    held_loans = {hold.loan_id for hold in holds}
    due_loans = {item.loan_id for item in items}
    if not whole and due_loans and due_loans <= held_loans:
        whole = [hold.hold_id for hold in holds]
    return tuple(whole)
