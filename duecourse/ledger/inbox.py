"""The inbox: providers' calls as they came, sealed and committed before they are answered."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.domain.receipt import InboxItem, SetAside
from duecourse.ledger.crypto import DataKey, Vault

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_KEY = "SELECT wrapped, master_version FROM data_keys WHERE purpose = 'inbox'"
_NEW_KEY = """
INSERT INTO data_keys (purpose, wrapped, master_version) VALUES ('inbox', %s, %s)
ON CONFLICT (purpose) WHERE purpose = 'inbox' DO NOTHING
"""
_STORE = """
INSERT INTO inbox (provider, event_key, raw_sealed, received_at, received_business)
VALUES (%(provider)s, %(event_key)s, %(raw)s, %(lease)s, %(business)s)
ON CONFLICT (provider, event_key) DO NOTHING
RETURNING inbox_id
"""
_OPEN = "SELECT inbox_id FROM inbox WHERE processed_at IS NULL AND inbox_id > %s ORDER BY inbox_id LIMIT %s"
_WAITING = "SELECT EXISTS (SELECT FROM inbox WHERE processed_at IS NULL)"
_CLAIM = """
SELECT inbox_id, provider, event_key, raw_sealed, received_at FROM inbox
WHERE inbox_id = ANY (%s) AND processed_at IS NULL
ORDER BY inbox_id
FOR UPDATE SKIP LOCKED
"""
_FINISH = """
UPDATE inbox SET processed_at = %(lease)s, tries = tries + 1, result = %(result)s WHERE inbox_id = ANY (%(ids)s)
"""
_FAIL = """
UPDATE inbox SET tries = tries + 1, result = 'failed',
    processed_at = CASE WHEN tries + 1 >= %(most)s THEN %(lease)s::timestamptz END
WHERE inbox_id = %(id)s AND processed_at IS NULL
RETURNING processed_at IS NOT NULL, provider
"""
_SET_ASIDE = """
SELECT inbox_id, provider, received_at, tries FROM inbox
WHERE result = 'failed' AND processed_at IS NOT NULL AND (%(provider)s::text IS NULL OR provider = %(provider)s)
ORDER BY inbox_id LIMIT %(limit)s
"""
_REOPEN = """
UPDATE inbox SET processed_at = NULL, tries = 0, result = NULL
WHERE inbox_id = ANY (%s) AND result = 'failed' AND processed_at IS NOT NULL
RETURNING inbox_id
"""


class InboxRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def store(self, provider: str, event_key: str, raw: bytes, *, times: Times) -> int | None:
        """Seal and keep a call. Returns its id, or None where the same call is here already."""
        sealed = self._vault.seal_bytes(await self._key(), inbox_place(event_key), raw)
        cursor = await self._conn.execute(
            _STORE,
            {
                "provider": provider,
                "event_key": event_key,
                "raw": sealed,
                "lease": times.lease,
                "business": times.business,
            },
        )
        row = await cursor.fetchone()
        return row[0] if row else None

    async def open_ids(self, *, after: int, limit: int) -> list[int]:
        """Ids of calls that wait, oldest first, greater than `after`."""
        cursor = await self._conn.execute(_OPEN, (after, limit))
        return [row[0] for row in await cursor.fetchall()]

    async def waiting(self) -> bool:
        """Is there anything to apply?"""
        row = await (await self._conn.execute(_WAITING)).fetchone()
        return bool(row and row[0])

    async def claim(self, inbox_ids: Sequence[int]) -> list[InboxItem]:
        """Lock and open those that still wait and that nobody else works on.

        Raises:
            SealBroken: one of them cannot be opened; claim them one by one to find it.
        """
        cursor = await self._conn.execute(_CLAIM, (list(inbox_ids),))
        rows = await cursor.fetchall()
        if not rows:
            return []
        key = await self._key()
        return [
            InboxItem(
                inbox_id=inbox_id,
                provider=provider,
                received_at=received_at,
                raw=self._vault.open_bytes(key, inbox_place(event_key), sealed),
            )
            for inbox_id, provider, event_key, sealed, received_at in rows
        ]

    async def finish(self, inbox_ids: Sequence[int], result: str, *, times: Times) -> None:
        """Mark calls as processed."""
        await self._conn.execute(_FINISH, {"ids": list(inbox_ids), "result": result, "lease": times.lease})

    async def fail(self, inbox_id: int, *, most: int, times: Times) -> str | None:
        """Count a failure. Returns the provider where it was the last allowed one, and the call is set aside."""
        cursor = await self._conn.execute(_FAIL, {"id": inbox_id, "most": most, "lease": times.lease})
        row = await cursor.fetchone()
        return row[1] if row and row[0] else None

    async def set_aside(self, *, provider: str | None, limit: int) -> list[SetAside]:
        """What could not be applied, oldest first."""
        cursor = await self._conn.execute(_SET_ASIDE, {"provider": provider, "limit": limit})
        return [
            SetAside(inbox_id=inbox_id, provider=name, received_at=received_at, tries=tries)
            for inbox_id, name, received_at, tries in await cursor.fetchall()
        ]

    async def reopen(self, inbox_ids: Sequence[int]) -> list[int]:
        """Let what was set aside be tried again. Returns the ids of those that were."""
        cursor = await self._conn.execute(_REOPEN, (list(inbox_ids),))
        return sorted(row[0] for row in await cursor.fetchall())

    async def _key(self) -> DataKey:
        row = await (await self._conn.execute(_KEY)).fetchone()
        if row is None:
            _, wrapped, version = self._vault.new_key()
            # Of two first calls one waits here for the other's commit; then both read the same key.
            await self._conn.execute(_NEW_KEY, (wrapped, version))
            row = await (await self._conn.execute(_KEY)).fetchone()
        if row is None:
            raise RuntimeError("the inbox has no data key")
        return self._vault.open_key(row[0], row[1])


def inbox_place(event_key: str) -> str:
    """Where a stored call stands: what its seal is bound to."""
    return f"inbox|raw|{event_key}"
