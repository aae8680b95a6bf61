"""What is on record with its evidence is written once: the same evidence again is the same thing."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from duecourse.domain.errors import InputError
from duecourse.ports.evidence import Recorded

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection


async def put_once(conn: "Connection", values: Mapping[str, object], *, add: str, known: str) -> Recorded:
    """Write a row, or find the one that has its evidence. The caller has locked the borrower.

    `add` gives the new row's id, and no row where the evidence is known; `known` gives the id of the row with that
    evidence, and whether all else of it is the same. `values` serve both.

    Raises:
        InputError: the evidence was recorded with another content.
    """
    added = await (await conn.execute(add, values)).fetchone()
    if added is not None:
        return Recorded(number=added[0])
    row = await (await conn.execute(known, values)).fetchone()
    if row is None or not row[1]:
        raise InputError("evidence: recorded before with another content")
    return Recorded(number=row[0], repeated=True)
