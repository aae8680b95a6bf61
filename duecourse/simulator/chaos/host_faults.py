"""What a process' own machine does to it: a wrong clock, no more files, a full disk for its log."""

import asyncio
import resource
from contextlib import suppress

from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.victims import hands, open_files
from duecourse.simulator.chaos.world import World

_WORKERS = ("sms-1", "sms-2", "push-1", "email-1", "inbox-1", "scheduler-1")
_WRONG_S = (300.0, -300.0)


async def _wrong_clock(world: World, draw: Draw) -> bool:
    """Five minutes fast or slow for a while, and then suddenly right again."""
    victim = draw.pick(_WORKERS, "victim")
    world.orders.set_clock(victim, draw.pick(_WRONG_S, "wrong"))
    await asyncio.sleep(draw.between(3, 8, "wrong for"))
    world.orders.set_clock(victim, 0)
    return victim in world.supervisor.pids()


async def _no_files(world: World, draw: Draw) -> bool:
    """It can open nothing more: no connection, no file."""
    pid = _working(world, draw)
    return pid is not None and await _limited(pid, resource.RLIMIT_NOFILE, open_files(pid), draw)


async def _no_log(world: World, draw: Draw) -> bool:
    """The disk of its log is full: what writes there fails."""
    pid = world.supervisor.pids().get(draw.pick(_WORKERS, "victim"))
    return pid is not None and await _limited(pid, resource.RLIMIT_FSIZE, 1, draw)


async def _limited(pid: int, kind: int, least: int, draw: Draw) -> bool:
    """For a while the process may not have more of that."""
    with suppress(OSError):
        soft, hard = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (least, hard))
        await asyncio.sleep(draw.between(1, 4, "limited"))
        resource.prlimit(pid, kind, (soft, hard))
        return True
    return False


def _working(world: World, draw: Draw) -> int | None:
    master = world.supervisor.pids().get(draw.pick(_WORKERS, "victim"))
    return (hands(master) or master) if master else None


HOST_FAULTS = (
    Fault(name="worker-clock-wrong", weight=5, deed=_wrong_clock),
    Fault(name="worker-out-of-files", weight=3, deed=_no_files),
    Fault(name="worker-log-full", weight=2, deed=_no_log),
)
