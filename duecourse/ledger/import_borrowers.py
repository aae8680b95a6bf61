"""Borrowers and their contact points: sealed before they are staged, each with the borrower's own data key."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from duecourse.domain.address import index_form
from duecourse.domain.book_record import BorrowerRecord, Reject
from duecourse.ledger.crypto import DataKey, Vault, address_place, name_place
from duecourse.ledger.staging import Columns, Loading, stage
from duecourse.ledger.statements import statement
from duecourse.usecases.import_book import Loaded

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_BORROWERS: Columns = {
    "external_id": "text", "data_key_id": "int8", "wrapped": "bytea", "master_version": "int4", "name_sealed": "bytea",
    "locale": "text", "country": "text", "region": "text", "time_zone": "text",
    "place_country": "text", "place_region": "text", "zone_evidence": "jsonb",
    "employer_forbids": "bool", "underage": "bool",
}  # fmt: skip
_POINTS: Columns = {
    "external_id": "text", "channel": "text", "address_sealed": "bytea", "address_index": "bytea", "consent": "text",
    "consent_at": "timestamptz", "consent_source": "text", "country": "text", "employer": "bool",
    "verified_at": "timestamptz",
}  # fmt: skip

# Locks those that are known, in id order, as the claim does.
_KNOWN = """
SELECT b.external_id, b.data_key_id, k.wrapped, k.master_version
FROM borrowers b LEFT JOIN data_keys k USING (data_key_id)
WHERE b.external_id = ANY (%s) ORDER BY b.borrower_id FOR NO KEY UPDATE OF b
"""
_NEW_IDS = """
SELECT nextval(pg_get_serial_sequence('data_keys', 'data_key_id')) FROM generate_series(1, %s)
"""
_STEPS = (
    "import_data_keys",
    "import_borrowers",
    "drop_replaced_points",
    "update_consents",
    "update_points",
    "add_points",
    "keep_silent",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Owner:
    """A borrower's data key: new ones come with what is to be stored."""

    data_key_id: int
    key: DataKey
    wrapped: bytes | None = None
    master_version: int | None = None


async def load_borrowers(loading: Loading, records: Sequence[BorrowerRecord]) -> Loaded:
    """Insert or update borrowers; an address replaces what the borrower had on that channel."""
    owners, erased = await _owners(loading.conn, loading.vault, records)
    living = [record for record in records if record.external_id in owners]
    await stage(loading.conn, "staged_borrowers", _BORROWERS, _borrower_rows(loading.vault, living, owners))
    await stage(loading.conn, "staged_points", _POINTS, _point_rows(loading.vault, living, owners))
    now = {"now": loading.times.business, "lease": loading.times.lease, "actor": loading.actor}
    for step in _STEPS:
        await loading.conn.execute(statement(step), now)
    return Loaded(rejects=[Reject(r.row, "external_id", "this borrower was erased") for r in erased])


async def _owners(
    conn: "Connection", vault: Vault, records: Sequence[BorrowerRecord]
) -> tuple[dict[str, _Owner], list[BorrowerRecord]]:
    """A key for each borrower, made where there is none; and those whose key was destroyed."""
    cursor = await conn.execute(_KNOWN, ([record.external_id for record in records],))
    known = {row[0]: row[1:] for row in await cursor.fetchall()}
    owners = {
        name: _Owner(data_key_id=key_id, key=vault.open_key(wrapped, version))
        for name, (key_id, wrapped, version) in known.items()
        if wrapped is not None
    }
    new = [record.external_id for record in records if record.external_id not in known]
    cursor = await conn.execute(_NEW_IDS, (len(new),))
    for name, (key_id,) in zip(new, await cursor.fetchall(), strict=True):
        key, wrapped, version = vault.new_key()
        owners[name] = _Owner(data_key_id=key_id, key=key, wrapped=wrapped, master_version=version)
    return owners, [record for record in records if record.external_id not in owners]


def _borrower_rows(
    vault: Vault, records: Iterable[BorrowerRecord], owners: dict[str, _Owner]
) -> Iterator[tuple[Any, ...]]:
    for record in records:
        owner = owners[record.external_id]
        sealed = vault.seal(owner.key, name_place(owner.data_key_id), record.name)
        yield (
            record.external_id, owner.data_key_id, owner.wrapped, owner.master_version, sealed,
            record.locale, record.country, record.region, record.time_zone, record.place_country, record.place_region,
            Jsonb(record.zone_evidence or {}), record.employer_forbids, record.underage,
        )  # fmt: skip


def _point_rows(
    vault: Vault, records: Iterable[BorrowerRecord], owners: dict[str, _Owner]
) -> Iterator[tuple[Any, ...]]:
    for record in records:
        owner = owners[record.external_id]
        for channel, address, *said in record.points:
            index = vault.index(channel, index_form(address))
            sealed = vault.seal(owner.key, address_place(owner.data_key_id, channel, index), address)
            yield (record.external_id, channel, sealed, index, *said)
