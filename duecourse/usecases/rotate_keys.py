"""The master key changed: wrap every data key with the newest one. What they sealed is not touched."""

from collections.abc import Callable

from duecourse.ports import Ledger

_PAGE = 1_000


async def rotate_keys(*, ledger: Ledger, progress: Callable[[int], None] = lambda _: None) -> int:
    """Re-wrap a page per transaction, so it may be interrupted and run again. Returns how many were re-wrapped.

    Raises:
        SealBroken: an old master key is no longer configured; pages before it are done.
    """
    after = total = 0
    while True:
        async with ledger.transaction() as tx:
            after, count = await tx.book.keys.rewrap_after(after, page=_PAGE)
        if not count:
            return total
        total += count
        progress(count)
