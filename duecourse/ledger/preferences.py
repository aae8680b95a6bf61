"""Preferences: language, channels and hours that borrowers asked for. The claim reads them with everything else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from duecourse.domain.clock import Times
from duecourse.domain.event import Event
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.debtors import lock_debtor
from duecourse.ledger.events import EventRows
from duecourse.ledger.hours import read_hours, shown_hours, stored_hours
from duecourse.ledger.statements import Ids
from duecourse.policy.preferences import NOTHING_ASKED, Preferences
from duecourse.ports.preferences import PreferenceRecord

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

READ_PREFERENCES = (
    "SELECT borrower_id, locale, channels, hours FROM preferences WHERE borrower_id = ANY (%(borrowers)s)"
)
_SHOW = """
SELECT b.external_id AS borrower, p.locale, coalesce(p.channels, '{}') AS channels, coalesce(p.hours, '[]') AS hours,
       p.source, p.set_at, p.set_by
FROM borrowers b LEFT JOIN preferences p USING (borrower_id) WHERE b.borrower_id = %s
"""
_WRITE = """
INSERT INTO preferences (borrower_id, locale, channels, hours, source, set_at, set_by)
VALUES (%(borrower)s, %(locale)s, %(channels)s, %(hours)s, %(source)s, %(now)s, %(actor)s)
ON CONFLICT (borrower_id) DO UPDATE
SET locale = excluded.locale, channels = excluded.channels, hours = excluded.hours, source = excluded.source,
    set_at = excluded.set_at, set_by = excluded.set_by
"""


async def read_preferences(conn: "Connection", borrowers: Sequence[int]) -> dict[int, Preferences]:
    """What each of them asked for; who asked for nothing is left out. One statement, by key."""
    cursor = await conn.execute(READ_PREFERENCES, {"borrowers": Ids(borrowers)})
    return preferences_of(await cursor.fetchall())


def preferences_of(rows: Sequence[Sequence[Any]]) -> dict[int, Preferences]:
    """The rows of `READ_PREFERENCES`, by borrower: for who sends it in a pipeline of their own."""
    return {
        borrower_id: Preferences(locale=locale, channels=tuple(map(ChannelKind, channels)), hours=read_hours(hours))
        for borrower_id, locale, channels, hours in rows
    }


class PreferenceRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn
        self._events = EventRows(conn)

    async def current(self, borrower: str) -> tuple[int, Preferences]:
        """Lock the borrower with that number; their id, and what they asked for so far.

        Raises:
            InputError: no such borrower.
        """
        debtor = await lock_debtor(self._conn, borrower)
        found = await read_preferences(self._conn, [debtor.borrower_id])
        return debtor.borrower_id, found.get(debtor.borrower_id, NOTHING_ASKED)

    async def write(self, borrower_id: int, preferences: Preferences, *, source: str, times: Times, actor: str) -> bool:
        """Replace what was asked for, with its event."""
        values = {
            "borrower": borrower_id,
            "locale": preferences.locale,
            "channels": list(preferences.channels),
            "hours": [stored_hours(hours) for hours in preferences.hours],
            "source": source,
        }
        timed = {"now": times.business, "actor": actor, "hours": Jsonb(values["hours"])}
        await self._conn.execute(_WRITE, values | timed)
        told = {key: values[key] for key in ("locale", "channels", "hours", "source")}
        await self._events.append(times, actor, [Event(kind="preferences.set", borrower_id=borrower_id, data=told)])
        return True

    async def shown(self, borrower: str) -> PreferenceRecord:
        """What is in force for the borrower with that number.

        Raises:
            InputError: no such borrower.
        """
        borrower_id = (await lock_debtor(self._conn, borrower)).borrower_id
        async with self._conn.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(_SHOW, (borrower_id,))
            (row,) = await cursor.fetchall()
        words = {"channels": list(map(ChannelKind, row["channels"])), "hours": list(map(shown_hours, row["hours"]))}
        return PreferenceRecord(**row | words)
