"""Composes the real application over a ledger of its own, with the edges of a simulation in place of the world's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

from channels.health import FakeHealth
from channels.limits import FakeLimiter
from duecourse.bell import RedisBell
from duecourse.bootstrap import App, redis_client
from duecourse.domain.clock import FixedClock
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import open_ledger
from duecourse.ledger.forward import ForwardRows
from duecourse.routing.route import Lane
from duecourse.settings import Provider, Settings
from duecourse.simulator.forward.crowd import Crowd
from duecourse.simulator.forward.dialling import dials
from duecourse.simulator.forward.doors import Doors
from duecourse.simulator.forward.edges import Hints, OneOwner, Overheard, phones
from duecourse.simulator.forward.month import Month, Worker
from duecourse.simulator.forward.policy import Policy, find_cadence, under
from duecourse.simulator.forward.span import Span
from duecourse.simulator.sandbox.chance import Chance

#: Whoever is reminded before the end may be due so long after it.
_AHEAD = timedelta(days=10)
#: Nobody listens there: whatever asks Redis in a simulation fails loudly.
_NO_REDIS = "unix:///nowhere/redis.sock"


def carriers(settings: Settings) -> dict[ChannelKind, tuple[Provider, Lane]]:
    """Whom each channel's messages leave through: the heaviest on its route, switched on or not, or else the first."""
    found = {}
    for kind in ChannelKind:
        named = [lane for route in settings.routes if route.channel is kind for lane in route.lanes]
        lane = max(named, key=lambda each: each.weight, default=None)
        provider = next(
            (p for p in settings.providers if p.channel is kind and (lane is None or p.name == lane.provider)), None
        )
        if provider:
            found[kind] = (provider, lane or Lane(provider=provider.name))
    return found


@asynccontextmanager
async def open_app(settings: Settings, clock: FixedClock, *, by_key: bool = False) -> AsyncIterator[App]:
    """One connection: everything happens in turn, and so always in the same order."""
    vault = Vault(settings.master_keys, settings.index_key)
    async with open_ledger(settings.database_url, vault, max_size=1, by_key=by_key) as ledger:
        redis = redis_client(_NO_REDIS)
        yield App(
            settings=settings,
            ledger=ledger,
            clock=clock,
            redis=redis,
            limiter=FakeLimiter(),
            health=FakeHealth(),
            bell=RedisBell(redis),
        )


@asynccontextmanager
async def staged(settings: Settings, policy: Policy, span: Span, seed: int) -> AsyncIterator[Month]:
    """A month about to begin, on the ledger that the settings name.

    Raises:
        InputError, ConfigError: the policy cannot be.
    """
    cadence = find_cadence(policy.cadence, settings)
    clock, hints = FixedClock(span.start), Hints()
    carried = carriers(settings)
    alone = replace(
        under(policy, settings), routes=(), providers=tuple(replace(p, enabled=True) for p, _ in carried.values())
    )
    async with open_app(alone, clock) as planner, open_app(alone, clock, by_key=True) as app:
        async with app.ledger.transaction() as tx:
            owed = await ForwardRows(tx.conn).owed(span.start.date(), (span.end + _AHEAD).date())
        chance = Chance(seed)
        crowd = Crowd(chance, owed, span.start)
        yield Month(
            app=app,
            clock=clock,
            cadence=cadence,
            plan=replace(planner.planning(), cadences=[cadence], lanes=1),
            release=app.releasing(hints),
            sweep=planner.sweeping(hints),
            hints=hints,
            workers={kind: _worker(app, provider, crowd) for kind, (provider, _) in carried.items()},
            crowd=crowd,
            dials=list(dials(crowd.standing.values(), chance)) if policy.calls else (),
            doors=Doors(
                app=app,
                crowd=crowd,
                providers={kind: p.name for kind, (p, _) in carried.items()},
                lexicon=app.reading({}).lexicon,
            ),
        )


def _worker(app: App, provider: Provider, crowd: Crowd) -> Worker:
    def refuses(contact_id: int) -> bool:
        items = overheard.notes[contact_id][0].items
        borrower = crowd.borrower_of(item.loan_reference for item in items)
        return borrower is not None and crowd.refused(borrower, provider.channel)

    channel = phones(provider, refuses)
    deliver = app.delivering(provider.channel, {provider.name: channel}, OneOwner())
    overheard = Overheard(texts=deliver.arm.texts, clock=app.clock)
    return Worker(
        deliver=replace(deliver, arm=replace(deliver.arm, texts=overheard), monotonic=lambda: 0.0),
        channel=channel,
        texts=overheard,
    )
