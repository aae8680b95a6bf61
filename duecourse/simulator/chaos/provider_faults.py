"""The provider answers wrongly, late, twice or not at all."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Any

from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.chaos.fault import Draw, Fault
from duecourse.simulator.chaos.wishes import SHARES
from duecourse.simulator.chaos.world import World

#: Longer than our `http_total_s`: the caller gives up first. Less than a lease: what is frozen is resolved later.
_HANG_S = 4.0
#: After our time-out, and before anybody may ask what became of it.
_LATE_S = 3.5

CALM: Mapping[str, Any] = {
    "latency_s": 0.005,
    "hang_s": _HANG_S,
    "faults": dict.fromkeys(
        ("e429", "e503", "e500_before", "e500_after", "timeout_before_accept", "timeout_after_accept",
         "disconnect_before", "disconnect_after", "refused"), 0.0,
    ),
    "receipts": {"undelivered": 0.01, "lost": 0.02, "duplicate": 0.05, "late": 0.0, "out_of_order": 0.05, "read": 0.1},
}  # fmt: skip
"""An account on a good day. Receipts are never quite in order."""


async def calm(world: World) -> None:
    """Every account well again."""
    for kind in SHARES:
        await _soothe(world, kind)


async def _soothe(world: World, kind: ChannelKind) -> None:
    # Ours is a little slower, so 429 comes from faults and from limits that were lost with Redis.
    rate = world.wishes.rate_per_s(kind) * 1.2
    await world.sandbox.change_account(kind.value, {**CALM, "rate_per_s": rate, "burst": max(100, int(rate / 2))})


async def _spell(world: World, draw: Draw, *, change: Mapping[str, Any]) -> bool:
    """For a few seconds one account is like that."""
    kind = draw.pick([*SHARES, ChannelKind.SMS], "account")
    with suppress(StoreUnavailable):
        await world.sandbox.change_account(kind.value, change)
        await asyncio.sleep(draw.between(1.5, 5, "spell"))
        await _soothe(world, kind)
        return True
    return False


def _fault(name: str, weight: int, **change: Any) -> Fault:
    return Fault(name=f"provider-{name}", weight=weight, deed=partial(_spell, change=change))


PROVIDER_FAULTS = (
    _fault("accepts-then-hangs-up", 5, faults={"disconnect_after": 0.3}),
    _fault("hangs-up", 3, faults={"disconnect_before": 0.3}),
    _fault("accepts-then-500", 5, faults={"e500_after": 0.3}),
    _fault("500", 3, faults={"e500_before": 0.3}),
    _fault("503-storm", 3, faults={"e503": 0.6}),
    _fault("429-storm", 3, faults={"e429": 0.5}),
    _fault("low-rate", 2, rate_per_s=5.0, burst=5),
    _fault("accepts-then-silent", 4, faults={"timeout_after_accept": 0.1}),
    _fault("silent", 2, faults={"timeout_before_accept": 0.1}),
    _fault("slow", 3, latency_s=1.5),
    _fault("accepts-after-time-out", 3, latency_s=_LATE_S),
    _fault("refuses", 2, faults={"refused": 0.1}),
    _fault("receipts-lost", 2, receipts={"lost": 0.9}),
    _fault("receipts-doubled", 3, receipts={"duplicate": 1.0}),
    _fault("receipts-out-of-order", 3, receipts={"out_of_order": 1.0, "read": 1.0}),
)
