"""Ends what runs beside a run: for certain."""

import asyncio

_AGAIN_S = 1.0


async def end(task: asyncio.Task[None]) -> None:
    """Cancel it until it is over: while connections break, a client may take a cancellation for an error of its own."""
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
    await asyncio.gather(task, return_exceptions=True)
