"""Carry out a stop: nothing that has not left leaves after it, on all that it covers."""

from dataclasses import dataclass

from duecourse.domain.clock import Times
from duecourse.domain.demand import NewOptOut, Scope
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Transaction


@dataclass(frozen=True, kw_only=True, slots=True)
class Stop:
    borrower_id: int
    scope: Scope
    channel: ChannelKind
    """On which it was said."""
    index: bytes | None
    """Keyed digest of the address that said it; None where nobody told."""
    source: str
    rule: str
    demand_id: int | None = None


async def silence(tx: Transaction, stop: Stop, *, times: Times, actor: str) -> bool:
    """True where a borrower's opt-out began or grew by it. The borrower is locked."""
    if stop.scope is Scope.ADDRESS and stop.index is not None:
        await tx.suppressions.silence_address(stop.channel, stop.index, rule=stop.rule, times=times, actor=actor)
        return False
    # Nobody knows which address was meant: then it is the channel.
    narrow = stop.scope in {Scope.ADDRESS, Scope.CHANNEL}
    opt_out = NewOptOut(
        borrower_id=stop.borrower_id,
        channel=stop.channel if narrow else None,
        scope=Scope.CHANNEL if narrow else stop.scope,
        source=stop.source,
        demand_id=stop.demand_id,
    )
    added: bool = await tx.book.opt_outs.stop(opt_out, times=times, actor=actor)
    if stop.index is not None:
        # It may be an address that the book no longer has.
        await tx.suppressions.remember(stop.channel, stop.index, rule=stop.rule, times=times)
    await tx.suppressions.silence_borrower(stop.borrower_id, opt_out.channel, rule=stop.rule, times=times)
    await tx.contacts.suppress_channel(stop.borrower_id, opt_out.channel, times=times, actor=actor)
    return added
