"""Brings together what is known of a run: the provider's own book, the contacts, the attempts, the events."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from duecourse.domain.vocabulary import Resolution
from duecourse.ledger.chaos import ChaosRows, Debtor
from duecourse.settings import Provider
from duecourse.simulator.chaos.invariants import Evidence
from duecourse.simulator.chaos.leaks import leaks_in_logs
from duecourse.simulator.chaos.world import World
from duecourse.simulator.remote import Book


async def gather(
    world: World, debtors: Iterable[Debtor], *, paid: Mapping[str, datetime], in_redis: Iterable[str]
) -> Evidence:
    """Everything about these borrowers, who are all that there are."""
    book = Book(world.log)
    book.read_on()
    async with world.app.ledger.transaction() as tx:
        rows = ChaosRows(tx.conn, tx.vault)
        return Evidence(
            borrowers=[debtor.borrower for debtor in debtors],
            contacts=await rows.contacts(),
            attempts=await rows.attempts(),
            log=book.entries,
            told=await rows.told(),
            paid=paid,
            horizons={provider.name: _horizon(provider) for provider in world.app.settings.providers},
            in_redis=sorted(in_redis),
            in_logs=leaks_in_logs(world.process_logs),
        )


def _horizon(provider: Provider) -> timedelta:
    seconds = {Resolution.KEY: provider.window_s, Resolution.NONE: provider.horizon_s}
    # With a look-up it can be asked for ever: nothing may ever be assumed.
    return timedelta(seconds=seconds.get(provider.resolution, float(10**9)))
