"""A borrower says in which language, where and when they wish to be reached. It holds from the next claim on."""

from dataclasses import dataclass

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.packs.periods import Hours
from duecourse.policy.preferences import Preferences
from duecourse.ports import Ledger
from duecourse.ports.preferences import PreferenceRecord


@dataclass(frozen=True, kw_only=True, slots=True)
class Wishes:
    """What is to change: None leaves it as it is, empty takes it back."""

    locale: str | None = None
    channels: tuple[ChannelKind, ...] | None = None
    hours: tuple[Hours, ...] | None = None


async def set_preferences(
    borrower: str, wishes: Wishes, *, source: str, ledger: Ledger, clock: Clock, actor: str
) -> bool:
    """Keep what the borrower (the lender's number) asked for; False where that changes nothing.

    Raises:
        InputError: no such borrower, nothing is asked for, or a channel is named twice.
    """
    if wishes == Wishes():
        raise InputError("preferences: say what is to change")
    if wishes.channels is not None and len(set(wishes.channels)) < len(wishes.channels):
        raise InputError("channel: named twice")
    times = await clock.read()
    async with ledger.transaction() as tx:
        borrower_id, known = await tx.preferences.current(borrower)
        wanted = Preferences(
            locale=known.locale if wishes.locale is None else wishes.locale or None,
            channels=known.channels if wishes.channels is None else wishes.channels,
            hours=known.hours if wishes.hours is None else wishes.hours,
        )
        if wanted == known:
            return False
        changed: bool = await tx.preferences.write(borrower_id, wanted, source=source, times=times, actor=actor)
    return changed


async def show_preferences(borrower: str, *, ledger: Ledger) -> PreferenceRecord:
    """What is in force.

    Raises:
        InputError: no such borrower.
    """
    async with ledger.transaction() as tx:
        found: PreferenceRecord = await tx.preferences.shown(borrower)
    return found
