"""The figures behind the metrics: what waits now, and what happened since the last look. Set-based, no borrower."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from duecourse.domain.clock import Times
from duecourse.ledger.releasing import instants
from duecourse.ledger.statements import statement
from duecourse.ledger.waiting import Waiting, count_waiting

if TYPE_CHECKING:
    from duecourse.ledger.database import Connection

#: Upper bounds in seconds: from a request's time to a day that a phone was off.
LATENCY_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0, 86_400.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Depth:
    """How many contacts of a channel wait in a state, and for how long the oldest has."""

    channel: str
    state: str
    """`ready` is planned and due."""
    count: int
    oldest_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """How often something happened to contacts of a channel."""

    kind: str
    """The event's: `contact.accepted`."""
    channel: str
    provider: str
    detail: str
    """The outcome's class, or the first rule that decided; empty where there is neither."""
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Latency:
    """How many contacts took how long from one stage to the next."""

    channel: str
    stage: str
    bucket: int
    """The place in `LATENCY_BOUNDS` of the smallest bound not below; its length for what is above all of them."""
    count: int
    sum_s: float


class FigureRows:
    def __init__(self, conn: "Connection") -> None:
        self._conn = conn

    async def depths(self, *, times: Times) -> list[Depth]:
        """What waits now. Reads partial indexes only: it costs what waits."""
        cursor = await self._conn.execute(statement("depths"), instants(times))
        return [
            Depth(channel=row[0], state=row[1], count=row[2], oldest_s=max(0.0, row[3]))
            for row in await cursor.fetchall()
        ]

    async def inbox(self) -> tuple[int, int]:
        """How many stored calls wait, and how many were set aside for a person."""
        cursor = await self._conn.execute(statement("inbox_depth"))
        row: Sequence[int] | None = await cursor.fetchone()
        return (row[0], row[1]) if row else (0, 0)

    async def waiting(self, *, times: Times) -> Waiting:
        """What waits for people."""
        return await count_waiting(self._conn, times.business)

    async def shares(self) -> list[tuple[str, str, float]]:
        """Channel, provider and the part of its weight that it is given, of those that ever were given less."""
        cursor = await self._conn.execute("SELECT channel, provider, share FROM provider_shares")
        return [(row[0], row[1], row[2]) for row in await cursor.fetchall()]

    async def steps(self, since: datetime, until: datetime) -> list[Step]:
        """What happened in a span of lease time, its end included."""
        cursor = await self._conn.execute(statement("steps"), {"since": since, "until": until})
        return [
            Step(kind=row[0], channel=row[1], provider=row[2], detail=row[3], count=row[4])
            for row in await cursor.fetchall()
        ]

    async def latencies(self, since: datetime, until: datetime) -> list[Latency]:
        """How long what ended in that span took."""
        cursor = await self._conn.execute(
            statement("latencies"), {"since": since, "until": until, "bounds": list(LATENCY_BOUNDS)}
        )
        return [
            Latency(channel=row[0], stage=row[1], bucket=row[2], count=row[3], sum_s=row[4])
            for row in await cursor.fetchall()
        ]
