"""A chaos run from the first process to the report."""

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from duecourse.simulator.chaos.books import gather
from duecourse.simulator.chaos.calming import UnrestError, settle
from duecourse.simulator.chaos.ending import end
from duecourse.simulator.chaos.invariants import Evidence, breaches
from duecourse.simulator.chaos.leaks import leaks_in_redis, watch_redis
from duecourse.simulator.chaos.payers import Payers
from duecourse.simulator.chaos.provider_faults import calm
from duecourse.simulator.chaos.storm import FAULTS, Storm
from duecourse.simulator.chaos.wishes import ChaosWishes
from duecourse.simulator.chaos.world import Note, World, build_world
from duecourse.simulator.deployment import while_alive

#: How many of those that break an invariant are shown.
_SHOWN = 20
_NO_DISK = "postgres-disk-full: this user may not mount a disk for it"


@dataclass(kw_only=True)
class _Seen:
    """What was noticed on the way."""

    payers: Payers = field(default_factory=Payers)
    in_redis: set[str] = field(default_factory=set)
    unrest: str | None = None


async def run_chaos(wishes: ChaosWishes, note: Note) -> dict[str, Any]:
    """Run it; returns the report.

    Raises:
        DuecourseError: the world does not come up.
    """
    seen = _Seen()
    async with build_world(wishes, note) as world:
        await calm(world)
        storm = Storm(world=world, note=note, faults=(*FAULTS, seen.payers.fault))
        began = time.monotonic()
        watching = asyncio.create_task(watch_redis(world, seen.in_redis))
        try:
            await while_alive(world.supervisor, storm.rage())
            stormed_s = time.monotonic() - began
            await _settle(world, seen, note)
        finally:
            await end(watching)
        note("comparing the provider's book, the contacts and the events")
        evidence = await gather(world, world.debtors, paid=seen.payers.paid, in_redis=seen.in_redis)
        return _report(world, seen, evidence) | {
            "faults": dict(sorted(storm.done.items())),
            "fault_count": storm.done.total(),
            "left_out": [] if world.stores.disk else [_NO_DISK],
            "storm_s": round(stormed_s, 1),
            "settle_s": round(time.monotonic() - began - stormed_s, 1),
        }


async def _settle(world: World, seen: _Seen, note: Note) -> None:
    """A pipeline that does not come to rest is a finding: the books say what is stuck."""
    try:
        await while_alive(world.supervisor, settle(world, note))
    except UnrestError as exc:
        seen.unrest = str(exc)
    seen.in_redis |= await leaks_in_redis(world.app.redis)


def _report(world: World, seen: _Seen, evidence: Evidence) -> dict[str, Any]:
    found = breaches(evidence)
    wishes = world.wishes
    return {
        "seed": wishes.seed,
        "minutes": round(wishes.seconds / 60, 2),
        "contacts": len(evidence.contacts),
        "accepted": len(evidence.accepted),
        "attempts": len(evidence.attempts),
        "paid": len(evidence.paid),
        "states": dict(sorted(Counter(c.state for c in evidence.contacts).items())),
        "invariants": {name: len(broken) for name, broken in found.items()},
        "broken_by": {name: broken[:_SHOWN] for name, broken in found.items() if broken},
        "unrest": seen.unrest,
        "breached": bool(seen.unrest) or any(found.values()),
    }
