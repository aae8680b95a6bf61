"""The sandbox from outside: its control API, and its book as it grows."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from duecourse.domain.errors import StoreUnavailable
from duecourse.simulator.sandbox.exchange import Behaviour

_TIMEOUT = aiohttp.ClientTimeout(total=30)


class RemoteSandbox:
    """Steers a sandbox that runs as a process of its own."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def set_clock(self, business: datetime) -> None:
        await self._call("PUT", "clock", {"business": business.isoformat()})

    async def state(self) -> dict[str, Any]:
        """Counts, and `pending_receipts`: those that are due and not delivered yet."""
        return await self._call("GET", "state")

    async def reply(self, account: str, address: str, text: str) -> None:
        await self._call("POST", "replies", {"account": account, "to": address, "text": text})

    async def behave(self, odd: Mapping[str, Behaviour]) -> None:
        """Make these addresses odd."""
        await self._call("POST", "behaviour", [{"address": a, **asdict(b)} for a, b in odd.items()])

    async def change_account(self, name: str, values: Mapping[str, Any]) -> None:
        """Any of an account's values, among them `faults` and `receipts`."""
        await self._call("PUT", f"accounts/{name}", dict(values))

    async def _call(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        try:
            async with self._session.request(method, f"/control/{path}", json=body) as response:
                response.raise_for_status()
                answer: dict[str, Any] = await response.json()
                return answer
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise StoreUnavailable(f"the sandbox does not answer: {type(exc).__name__}") from exc


@asynccontextmanager
async def remote_sandbox(url: str) -> AsyncIterator[RemoteSandbox]:
    async with aiohttp.ClientSession(url, timeout=_TIMEOUT) as session:
        yield RemoteSandbox(session)


class Book:
    """The sandbox's log file, read as it grows; what was read is kept for the report."""

    def __init__(self, path: Path) -> None:
        self.entries: list[dict[str, Any]] = []
        self._path = path
        self._offset = 0

    def read_on(self) -> list[dict[str, Any]]:
        """The entries since the last reading; the texts of messages are left out."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            lines = file.read().splitlines(keepends=True)
        # The last line may be half written.
        whole = lines if not lines or lines[-1].endswith(b"\n") else lines[:-1]
        self._offset += sum(map(len, whole))
        fresh = [_without_text(json.loads(line)) for line in whole]
        self.entries += fresh
        return fresh


def _without_text(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key not in {"text", "html"}}
