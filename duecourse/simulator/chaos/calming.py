"""After the storm: every fault lifted, and the day run on until nothing more is to be expected."""

import asyncio
import time
from contextlib import suppress
from datetime import datetime, timedelta

from duecourse.domain.errors import DuecourseError, StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.demo import DemoRows, Pulse
from duecourse.simulator.chaos.provider_faults import calm
from duecourse.simulator.chaos.wishes import SHARES, WINDOW_S
from duecourse.simulator.chaos.world import Note, World
from duecourse.simulator.stepping import next_step

#: So long without progress at one business time, and it is stuck. What unknown contacts wait for is shorter.
REST_S = 180.0
_POLL_S = 0.25
_ASKABLE = (ChannelKind.SMS, ChannelKind.EMAIL)


class UnrestError(DuecourseError):
    """The pipeline did not come to rest: something is stuck."""


async def settle(world: World, note: Note) -> None:
    """Lift what is still on, then step the clock from one due moment to the next until nothing is left.

    Raises:
        UnrestError: with what is still being worked on.
    """
    await calm(world)
    pulse, now = await _rest(world)
    end = now + timedelta(hours=1)
    while pulse.next_at and now < end:
        now = next_step(now, [pulse.next_at], end)
        note(f"settling at {now:%H:%M}")
        await _step(world, now)
        pulse, now = await _rest(world)
    # What nobody can tell is given up here, and by then nothing else waits.
    await _step(world, now + timedelta(seconds=WINDOW_S + 60))
    await _rest(world)


async def _step(world: World, business: datetime) -> None:
    async with world.app.ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, business)


async def _rest(world: World) -> tuple[Pulse, datetime]:
    """Wait until nothing is worked on at this business time. Returns what is still to come, and the time."""
    deadline, least = time.monotonic() + REST_S, float("inf")
    last = "Postgres does not answer"
    while time.monotonic() < deadline:
        with suppress(StoreUnavailable):
            pulse, now = await _pulse(world)
            pending = (await world.sandbox.state())["pending_receipts"]
            if pulse.rests and not pending:
                return pulse, now
            left = pulse.working + pulse.ready + pulse.resolving + pulse.inbox + pending
            if left < least:
                deadline, least = time.monotonic() + REST_S, left
            last = f"{pulse}, {pending} receipts to come"
        await asyncio.sleep(_POLL_S)
    raise UnrestError(f"no progress within {REST_S:g} s: {last}")


async def _pulse(world: World) -> tuple[Pulse, datetime]:
    times = await world.app.clock.read()
    async with world.app.ledger.transaction() as tx:
        return await DemoRows(tx.conn, tx.vault).pulse(SHARES, _ASKABLE), times.business
