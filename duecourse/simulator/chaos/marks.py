"""What stands before the ledger, a provider or the limiter in a doomed process, and passes a point at every step."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.message import Outbound, Outcome
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.chaos.points import PointFailedError, Points

#: So long after its first byte a call is surely under way, where the provider takes longer than that.
_UNDER_WAY_S = 0.1


class Marked:
    """Passes `<label><name>` after each coroutine of its target, and of what the target consists of."""

    def __init__(self, target: Any, points: Points, label: str) -> None:
        self._target = target
        self._points = points
        self._label = label

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if inspect.iscoroutinefunction(value):
            return self._marked(value, f"{self._label}{name}")
        if type(value).__module__.startswith("duecourse.ledger"):
            return Marked(value, self._points, f"{self._label}{name}.")
        return value

    def _marked(self, call: Callable[..., Awaitable[Any]], point: str) -> Callable[..., Awaitable[Any]]:
        async def called(*args: Any, **keywords: Any) -> Any:
            answer = await call(*args, **keywords)
            self._points.passing(point)
            return answer

        return called


class _Steps:
    """The points of one transaction, which is named for the first thing that was done in it."""

    def __init__(self, points: Points, label: str) -> None:
        self._points = points
        self._label = label
        self._first = "nothing"

    def passing(self, name: str) -> None:
        if self._first == "nothing":
            self._first = name
        self._points.passing(f"{self._label}:{name}")

    def at_end(self, word: str) -> None:
        self._points.passing(f"{self._label}:{self._first}:{word}")


class MarkedLedger:
    """A ledger for one use case: points before each transaction, in it, right before its commit and right after."""

    def __init__(self, ledger: PostgresLedger, points: Points, label: str) -> None:
        self._ledger = ledger
        self._points = points
        self._label = label

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def labelled(self, label: str) -> "MarkedLedger":
        return MarkedLedger(self._ledger, self._points, label)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Any]:
        """Raises StoreUnavailable as the ledger does, and where the answer to a commit is to be lost."""
        self._points.passing(f"{self._label}:begin")
        steps = _Steps(self._points, self._label)
        async with self._ledger.transaction() as tx:
            yield Marked(tx, steps, "")  # type: ignore[arg-type]  # steps are the points of a transaction
            steps.at_end("commit")
        try:
            steps.at_end("committed")
        except PointFailedError as exc:
            raise StoreUnavailable("Postgres: the answer to a commit is lost") from exc


class MarkedTexts:
    """Texts of which one may fail."""

    def __init__(self, texts: Any, points: Points) -> None:
        self._texts = texts
        self._points = points

    def render(self, request: Any) -> Any:
        self._points.passing("text:render")
        return self._texts.render(request)


class MarkedChannel:
    """A provider account: points between the permission and the first byte, on the way, and after the answer."""

    def __init__(self, channel: Any, points: Points) -> None:
        self._channel = channel
        self._points = points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._channel, name)

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        word = "recall" if batch and batch[0].armed_at else "send"
        self._points.passing(f"{word}:permitted")
        if self._points.is_awaited(f"{word}:between") and len(batch) > 1:
            outcomes = await self._in_two(word, batch)
        else:
            outcomes = await self._on_the_way(word, batch)
        self._points.passing(f"{word}:answered")
        return outcomes

    async def look_up(self, message: Outbound) -> Outcome | None:
        self._points.passing("look_up:permitted")
        outcome: Outcome | None = await self._channel.look_up(message)
        self._points.passing("look_up:answered")
        return outcome

    async def _in_two(self, word: str, batch: Sequence[Outbound]) -> list[Outcome]:
        """One half is answered when the process comes by, of the other no byte has left."""
        half = len(batch) // 2
        first: list[Outcome] = await self._channel.send(batch[:half])
        self._points.passing(f"{word}:between")
        second: list[Outcome] = await self._channel.send(batch[half:])
        return first + second

    async def _on_the_way(self, word: str, batch: Sequence[Outbound]) -> list[Outcome]:
        call: asyncio.Task[list[Outcome]] = asyncio.create_task(self._channel.send(batch))
        if self._points.is_awaited(f"{word}:under-way"):
            await asyncio.wait({call}, timeout=_UNDER_WAY_S)
            self._points.passing(f"{word}:under-way")
        return await call
