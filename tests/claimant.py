"""A process that claims contacts as a worker does, or asks the gate as a collector's screen does, as fast as it can."""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from threading import BrokenBarrierError
from typing import Any

from channels.fake import FakeChannel
from channels.limits import FakeLimiter
from duecourse.domain.clock import FixedClock
from duecourse.domain.message import Capability
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import PostgresLedger, open_ledger
from duecourse.policy.gate import decide
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.vocabulary import Medium
from duecourse.policy.terms import Terms
from duecourse.ports.evidence import Question
from duecourse.usecases.ask_gate import AskGate
from tests.conftest import INDEX_KEY, MASTER_KEYS
from tests.gate_rules import pack, window
from tests.pipeline import MORNING, ListQueue, World

#: How many touches of a day the rule of `capped` allows, over everything.
MOST = 2
_WAIT_S = 60.0


def capped(most: int = MOST) -> PackSet:
    """So many attempts of a day, between eight and nine in the evening."""
    day = p.CapWindow(kind=WindowKind.CALENDAR_DAY)
    cap = p.FrequencyCap(unit=CapUnit.ATTEMPT, max=most, window=day, scope=CapScope.DEBTOR)
    return PackSet((pack(cap, window(8, 21)),))


def channel_of(kind: ChannelKind) -> FakeChannel:
    return FakeChannel(capability=Capability(channel=kind, max_batch=100))


def asking(ledger: PostgresLedger, packs: PackSet) -> AskGate:
    gate = partial(decide, packs=packs)
    return AskGate(ledger=ledger, clock=FixedClock(MORNING), gate=gate, terms=Terms(), actor="test")


@dataclass(frozen=True, kw_only=True)
class Work:
    database_url: str
    channel: ChannelKind | None
    """None: ask for calls by people instead."""
    contact_ids: Sequence[int] = ()
    borrowers: Sequence[str] = ()
    seed: int


def work(job: Work, together: Any) -> None:
    """The process' own: everything once, in an order of its own, beginning when all of them are ready."""
    asyncio.run(_work(job, together))


async def _work(job: Work, together: Any) -> None:
    chance = random.Random(job.seed)
    async with open_ledger(job.database_url, Vault(MASTER_KEYS, INDEX_KEY), max_size=2, timeout_s=_WAIT_S) as ledger:
        try:
            together.wait(_WAIT_S)
        except BrokenBarrierError as exc:
            raise SystemExit(1) from exc
        if job.channel is None:
            await _ask(ledger, chance.sample(job.borrowers, len(job.borrowers)), job.seed)
        else:
            await _claim(ledger, job.channel, chance.sample(job.contact_ids, len(job.contact_ids)))


async def _claim(ledger: PostgresLedger, channel: ChannelKind, contact_ids: Sequence[int]) -> None:
    world = World(
        ledger=ledger,
        clock=FixedClock(MORNING),
        queue=ListQueue(),
        limiter=FakeLimiter(),
        channel=channel_of(channel),
        packs=capped(),
    )
    deliver = world.worker()
    for start in range(0, len(contact_ids), 7):
        await deliver(contact_ids[start : start + 7])


async def _ask(ledger: PostgresLedger, borrowers: Sequence[str], seed: int) -> None:
    ask = asking(ledger, capped())
    for borrower in borrowers:
        await ask(Question(reference=f"{seed}-{borrower}", borrower=borrower, medium=Medium.CALL))
