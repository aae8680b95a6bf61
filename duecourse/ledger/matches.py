"""Whom a receipt speaks of: the attempt behind a reference or message id, the people behind an address."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from duecourse.domain.address import index_form, parse_address
from duecourse.domain.contact import due_range
from duecourse.domain.errors import InputError
from duecourse.domain.letter import Letter
from duecourse.domain.receipt import Flagged, Incoming, Match, contact_of
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault, body_place

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: The provider must be the one that was called: nobody else's word counts. A look-up is no message.
_MATCH_REFERENCE = """
SELECT w.place, a.contact_id, a.due_on, a.borrower_id, a.number, a.channel, a.idempotency_key, a.armed_at
FROM unnest(%(places)s::integer[], %(providers)s::text[], %(ids)s::bigint[], %(references)s::text[])
    AS w (place, provider, contact_id, reference)
CROSS JOIN LATERAL (
    SELECT * FROM attempts a
    WHERE a.due_on >= %(first)s AND a.due_on < %(last)s AND a.contact_id = w.contact_id
      AND a.reference = w.reference AND a.provider = w.provider AND a.kind <> 'lookup'
    ORDER BY a.number LIMIT 1
) a
"""
_MATCH_MESSAGE = """
SELECT w.place, a.contact_id, a.due_on, a.borrower_id, a.number, a.channel, a.idempotency_key, a.armed_at
FROM unnest(%(places)s::integer[], %(providers)s::text[], %(messages)s::text[]) AS w (place, provider, message_id)
CROSS JOIN LATERAL (
    SELECT a.* FROM messages m JOIN attempts a USING (due_on, contact_id, number)
    WHERE m.message_id = w.message_id AND a.provider = w.provider AND a.kind <> 'lookup'
    ORDER BY a.number LIMIT 1
) a
"""
_PEOPLE = """
SELECT w.place, p.borrower_id
FROM unnest(%(places)s::integer[], %(channels)s::text[], %(indexes)s::bytea[]) AS w (place, channel, address_index)
JOIN contact_points p ON p.address_index = w.address_index AND p.channel = w.channel
"""
_LETTERS = """
SELECT a.contact_id, a.borrower_id, a.channel, a.reference, a.body_sealed, b.data_key_id, k.wrapped, k.master_version
FROM unnest(%(ids)s::bigint[], %(due)s::date[], %(numbers)s::smallint[]) AS u (contact_id, due_on, number)
JOIN attempts a USING (due_on, contact_id, number)
JOIN borrowers b USING (borrower_id)
JOIN data_keys k USING (data_key_id)
"""
_POINTS = """
SELECT p.contact_point_id, p.borrower_id, u.contact_id
FROM unnest(%(contacts)s::bigint[], %(borrowers)s::bigint[], %(channels)s::text[], %(indexes)s::bytea[])
    AS u (contact_id, borrower_id, channel, address_index)
JOIN contact_points p USING (borrower_id, channel, address_index)
WHERE p.invalid_since IS NULL
"""
_CONTACT = """
SELECT borrower_id, channel FROM contacts
WHERE due_on >= %(first)s AND due_on < %(last)s AND contact_id = %(contact)s
"""


class MatchRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def attempts(self, incoming: Sequence[Incoming]) -> dict[int, Match]:
        """By place in `incoming`: the attempt each speaks of. Those of no attempt of ours are left out."""
        by_reference = {
            place: (item, contact_id)
            for place, item in enumerate(incoming)
            if item.receipt.reference and (contact_id := contact_of(item.receipt.reference)) is not None
        }
        matches = await self._by_reference(by_reference)
        rest = [(place, item) for place, item in enumerate(incoming) if place not in matches]
        return matches | await self._by_message([row for row in rest if row[1].receipt.provider_message_id])

    async def people(self, incoming: Sequence[Incoming]) -> dict[int, set[int]]:
        """By place: the borrowers behind the address that replied or opted out."""
        known = [(place, item) for place, item in enumerate(incoming) if item.receipt.address]
        found: dict[int, set[int]] = {}
        if known:
            cursor = await self._conn.execute(
                _PEOPLE,
                {
                    "places": [place for place, _ in known],
                    "channels": [item.channel.value for _, item in known],
                    "indexes": [
                        address_index(self._vault, item.channel, item.receipt.address or "") for _, item in known
                    ],
                },
            )
            for place, borrower_id in await cursor.fetchall():
                found.setdefault(place, set()).add(borrower_id)
        return found

    async def contact(self, contact_id: int) -> tuple[int, ChannelKind] | None:
        """The borrower and the channel of a contact; None where there is none of that id. Locks nothing."""
        first, last = due_range([contact_id])
        cursor = await self._conn.execute(_CONTACT, {"first": first, "last": last, "contact": contact_id})
        row = await cursor.fetchone()
        return (row[0], ChannelKind(row[1])) if row else None

    async def contact_points(self, matches: Sequence[Match]) -> list[Flagged]:
        """The valid contact points that these attempts were sent to, read from their sealed letters."""
        if not matches:
            return []
        sent = await self._sent_to(matches)
        cursor = await self._conn.execute(
            _POINTS,
            {
                "contacts": [row[0] for row in sent],
                "borrowers": [row[1] for row in sent],
                "channels": [row[2] for row in sent],
                "indexes": [row[3] for row in sent],
            },
        )
        return [
            Flagged(contact_point_id=row[0], borrower_id=row[1], contact_id=row[2]) for row in await cursor.fetchall()
        ]

    async def _sent_to(self, matches: Sequence[Match]) -> list[tuple[int, int, str, bytes]]:
        cursor = await self._conn.execute(
            _LETTERS,
            {
                "ids": [m.contact_id for m in matches],
                "due": [m.due_on for m in matches],
                "numbers": [m.number for m in matches],
            },
        )
        return [(row[0], row[1], row[2], self._address_index(row)) for row in await cursor.fetchall()]

    async def _by_reference(self, wanted: Mapping[int, tuple[Incoming, int]]) -> dict[int, Match]:
        if not wanted:
            return {}
        first, last = due_range(contact_id for _, contact_id in wanted.values())
        cursor = await self._conn.execute(
            _MATCH_REFERENCE,
            {
                "places": list(wanted),
                "providers": [item.provider for item, _ in wanted.values()],
                "ids": [contact_id for _, contact_id in wanted.values()],
                "references": [item.receipt.reference for item, _ in wanted.values()],
                "first": first,
                "last": last,
            },
        )
        return {row[0]: _match(row) for row in await cursor.fetchall()}

    async def _by_message(self, wanted: Sequence[tuple[int, Incoming]]) -> dict[int, Match]:
        if not wanted:
            return {}
        cursor = await self._conn.execute(
            _MATCH_MESSAGE,
            {
                "places": [place for place, _ in wanted],
                "providers": [item.provider for _, item in wanted],
                "messages": [item.receipt.provider_message_id for _, item in wanted],
            },
        )
        return {row[0]: _match(row) for row in await cursor.fetchall()}

    def _address_index(self, row: Sequence[Any]) -> bytes:
        _, _, channel, reference, sealed, key_id, wrapped, version = row
        key = self._vault.open_key(wrapped, version)
        letter = Letter.thaw(self._vault.open_bytes(key, body_place(key_id, reference), sealed))
        return address_index(self._vault, ChannelKind(channel), letter.to)


def address_index(vault: Vault, channel: ChannelKind, address: str) -> bytes:
    """The blind index of an address as a provider writes it."""
    with suppress(InputError):
        address = parse_address(channel, address, None)
    return vault.index(channel.value, index_form(address))


def _match(row: Sequence[Any]) -> Match:
    _, contact_id, due_on, borrower_id, number, channel, key, armed_at = row
    return Match(
        contact_id=contact_id,
        due_on=due_on,
        borrower_id=borrower_id,
        number=number,
        channel=ChannelKind(channel),
        idempotency_key=key,
        armed_at=armed_at,
    )
