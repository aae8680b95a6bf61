"""Processes die, freeze and wake up again."""

import asyncio
import signal
from collections.abc import Sequence
from functools import partial

from duecourse.ledger.chaos import cut_backends
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.victims import hands, hit
from duecourse.simulator.chaos.world import World

_SENDERS = ("sms-1", "sms-2", "push-1", "email-1")
_SCHEDULERS = ("scheduler-1", "scheduler-2")
_ALL = 100


async def _strike(world: World, draw: Draw, *, names: Sequence[str], number: signal.Signals) -> bool:
    return hit(world.supervisor.pids().get(draw.pick(names, "victim")), number)


async def _strike_hands(world: World, draw: Draw, *, names: Sequence[str]) -> bool:
    master = world.supervisor.pids().get(draw.pick(names, "victim"))
    return hit(hands(master) if master else None, signal.SIGKILL)


async def _freeze(world: World, draw: Draw, *, names: Sequence[str], cut: bool = False) -> bool:
    """Longer than the lease. With `cut` its session and so its owner's lock are gone meanwhile: it wakes a zombie."""
    master = world.supervisor.pids().get(draw.pick(names, "victim"))
    victim = (hands(master) or master) if master else None
    if not hit(victim, signal.SIGSTOP):
        return False
    try:
        if cut:
            await cut_backends(world.app.settings.owner_database_url, salt=draw.place, limit=_ALL, busy=False)
        await asyncio.sleep(world.wishes.pace.lease_s + draw.between(1, 6, "longer"))
    finally:
        hit(victim, signal.SIGCONT)
    return True


PROCESS_FAULTS = (
    Fault(name="worker-child-kill", weight=8, deed=partial(_strike_hands, names=_SENDERS)),
    Fault(name="worker-master-kill", weight=4, deed=partial(_strike, names=_SENDERS, number=signal.SIGKILL)),
    Fault(name="worker-terminate", weight=3, deed=partial(_strike, names=_SENDERS, number=signal.SIGTERM)),
    Fault(name="worker-freeze", weight=2, deed=partial(_freeze, names=_SENDERS)),
    Fault(name="worker-zombie", weight=4, deed=partial(_freeze, names=_SENDERS, cut=True)),
    Fault(name="scheduler-kill", weight=5, deed=partial(_strike, names=_SCHEDULERS, number=signal.SIGKILL)),
    Fault(name="scheduler-freeze", weight=2, deed=partial(_freeze, names=_SCHEDULERS, cut=True)),
    Fault(name="inbox-kill", weight=3, deed=partial(_strike_hands, names=("inbox-1",))),
    Fault(name="web-kill", weight=3, deed=partial(_strike, names=("web",), number=signal.SIGKILL)),
)
