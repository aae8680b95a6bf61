"""The stored data keys: re-wrapped page by page when the master key rotates, deleted when a person is erased."""

from typing import TYPE_CHECKING

from duecourse.ledger.crypto import Vault

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

_PAGE = """
SELECT data_key_id, wrapped, master_version FROM data_keys
WHERE data_key_id > %s AND master_version <> %s ORDER BY data_key_id LIMIT %s FOR NO KEY UPDATE
"""
_REWRAP = """
UPDATE data_keys k SET wrapped = r.wrapped, master_version = r.version
FROM unnest(%s::bigint[], %s::bytea[], %s::integer[]) AS r (data_key_id, wrapped, version)
WHERE k.data_key_id = r.data_key_id
"""


class KeyRows:
    def __init__(self, conn: "Connection", vault: Vault) -> None:
        self._conn = conn
        self._vault = vault

    async def rewrap_after(self, data_key_id: int, *, page: int) -> tuple[int, int]:
        """Re-wrap the next `page` keys above an id to the newest master version. What they sealed stays as it is.

        Returns:
            The last id seen and how many were re-wrapped: 0 at the end.

        Raises:
            SealBroken: the master key that wrapped one of them is not configured.
        """
        cursor = await self._conn.execute(_PAGE, (data_key_id, self._vault.newest, page))
        rows = await cursor.fetchall()
        if not rows:
            return data_key_id, 0
        rewrapped = [self._vault.rewrap(wrapped, version) for _, wrapped, version in rows]
        ids = [row[0] for row in rows]
        await self._conn.execute(_REWRAP, (ids, [w for w, _ in rewrapped], [v for _, v in rewrapped]))
        return ids[-1], len(rows)
