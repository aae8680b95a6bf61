"""What the gate may know of a batch's borrowers: read in the claim's transaction, all statements in one round trip."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from duecourse.domain.book import DueItem
from duecourse.domain.clock import Times
from duecourse.domain.demand import CONFIRMING
from duecourse.domain.money import Money
from duecourse.domain.vocabulary import ChannelKind, Consent, StopRule
from duecourse.ledger.preferences import READ_PREFERENCES, preferences_of
from duecourse.ledger.releasing import REACH
from duecourse.ledger.statements import Ids
from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.vocabulary import Purpose
from duecourse.policy.preferences import NOTHING_ASKED, Preferences

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_ITEMS = """
SELECT i.borrower_id, i.due_on, i.instalment_id, l.loan_id, l.external_id, i.number, i.outstanding_minor, i.currency,
       l.autopay
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

_OPT_OUTS = "SELECT borrower_id, channel FROM opt_outs WHERE borrower_id = ANY (%(borrowers)s) AND revoked_at IS NULL"

#: Borrower by borrower, and each contact by its key: joined as a whole, the months are read from end to end,
#: and without OFFSET 0 Postgres joins them as a whole.
_TOUCHES = """
SELECT a.borrower_id, a.contact_id, a.channel, a.local_day, c.state
FROM unnest(%(borrowers)s::bigint[]) AS b (borrower_id)
CROSS JOIN LATERAL (
    SELECT * FROM attempts
    WHERE borrower_id = b.borrower_id AND counted AND kind = 'send' AND local_day >= %(since)s
      AND due_on BETWEEN %(oldest)s AND %(newest)s
    OFFSET 0
) a
CROSS JOIN LATERAL (SELECT state FROM contacts WHERE contact_id = a.contact_id AND due_on = a.due_on LIMIT 1) c
"""

#: A touch that reached somebody, as far as anybody knows.
_REACHED = frozenset({"sending", "unknown", "accepted", "delivered", "assumed_sent"})


class _Hold(NamedTuple):
    hold_id: int
    loan_id: int | None
    channel: str | None


class _Touch(NamedTuple):
    contact_id: int
    channel: str
    day: date
    state: str


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Of each borrower of a batch: what is due, what silences them, what reached them since yesterday."""

    items: dict[tuple[int, date], list[DueItem]] = field(default_factory=lambda: defaultdict(list))
    holds: dict[int, list[_Hold]] = field(default_factory=lambda: defaultdict(list))
    opt_outs: dict[int, list[str | None]] = field(default_factory=lambda: defaultdict(list))
    """Channels; None is every channel."""
    touches: dict[int, list[_Touch]] = field(default_factory=lambda: defaultdict(list))
    preferences: dict[int, Preferences] = field(default_factory=dict)

    def items_of(self, row: Mapping[str, Any]) -> tuple[DueItem, ...]:
        """What the borrower has to pay on the contact's due date."""
        return tuple(self.items.get((row["borrower_id"], row["due_on"]), ()))

    def locale_of(self, row: Mapping[str, Any]) -> str:
        """The language that the borrower asked for, else the one in the lender's book."""
        return self.preferences.get(row["borrower_id"], NOTHING_ASKED).locale or str(row["locale"])

    def facts(self, row: Mapping[str, Any], items: tuple[DueItem, ...], local_day: date | None) -> ContactFacts:
        """Of one contact, as the claim's statement read it. `local_day` is today where the borrower is."""
        borrower, channel = row["borrower_id"], row["channel"]
        opt_outs = self.opt_outs.get(borrower, ())
        asked = self.preferences.get(borrower, NOTHING_ASKED)
        others = [
            touch
            for touch in self.touches.get(borrower, ())
            if touch.day == local_day and touch.contact_id != row["contact_id"]
        ]
        return ContactFacts(
            contact_id=row["contact_id"],
            borrower_id=borrower,
            channel=ChannelKind(channel),
            not_after=row["not_after"],
            time_zone=row["time_zone"],
            consent=Consent(row["consent"]) if row["consent"] else None,
            address_valid=bool(row["address_valid"]),
            open_items=len(items),
            autopay=bool(items) and all(item.autopay for item in items),
            holds=_covering(self.holds.get(borrower, ()), channel, items),
            opted_out=None in opt_outs or channel in opt_outs,
            touches_today=sum(touch.channel == channel for touch in others),
            reached_today=any(touch.state in _REACHED for touch in others),
            stop=frozenset(map(StopRule, row["stop"])),
            purpose=_purpose(row["cadence"]),
            preferred_hours=asked.hours,
            preferred_channels=asked.media,
        )


async def read_surroundings(conn: "Connection", borrowers: Ids, due: tuple[date, date], times: Times) -> Surroundings:
    """Read them, inside a pipeline. `due` is the half-open range of due dates of the batch.

    Which of a borrower's touches was today is the borrower's arithmetic: they are read since yesterday.
    """
    span = {
        "borrowers": borrowers,
        "first": due[0],
        "last": due[1],
        "now": times.business,
        "since": (times.business - timedelta(days=1)).date(),
        "oldest": (times.business - REACH).date(),
        "newest": (times.business + REACH).date(),
    }
    items = await conn.execute(_ITEMS, span)
    holds = await conn.execute(_HOLDS, span)
    opt_outs = await conn.execute(_OPT_OUTS, span)
    touches = await conn.execute(_TOUCHES, span)
    preferences = await conn.execute(READ_PREFERENCES, span)
    found = Surroundings()
    for borrower_id, due_on, *item in await items.fetchall():
        found.items[borrower_id, due_on].append(_item(due_on, item))
    for borrower_id, *hold in await holds.fetchall():
        found.holds[borrower_id].append(_Hold(*hold))
    for borrower_id, channel in await opt_outs.fetchall():
        found.opt_outs[borrower_id].append(channel)
    for borrower_id, *touch in await touches.fetchall():
        found.touches[borrower_id].append(_Touch(*touch))
    found.preferences.update(preferences_of(await preferences.fetchall()))
    return found


def _item(due_on: date, row: Sequence[Any]) -> DueItem:
    instalment_id, loan_id, loan, number, minor, currency, autopay = row
    return DueItem(
        instalment_id=instalment_id,
        loan_id=loan_id,
        loan_reference=loan,
        due_on=due_on,
        number=number,
        outstanding=Money(minor=minor, currency=currency),
        autopay=autopay,
    )


def _purpose(cadence: str) -> Purpose:
    return Purpose.CONFIRM_STOP if cadence == CONFIRMING else Purpose.COLLECTION_INFORMATIONAL


def _covering(every: Sequence[_Hold], channel: str, items: Iterable[DueItem]) -> tuple[int, ...]:
    """The holds that silence the contact: on the borrower, or together on every loan that is due."""
    holds = [hold for hold in every if hold.channel in {None, channel}]
    whole = [hold.hold_id for hold in holds if hold.loan_id is None]
    held_loans = {hold.loan_id for hold in holds}
    due_loans = {item.loan_id for item in items}
    if not whole and due_loans and due_loans <= held_loans:
        whole = [hold.hold_id for hold in holds]
    return tuple(whole)
