"""The way to a connection: a name's addresses, the first of them that answers (RFC 8305), and TLS."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import NamedTuple

from aiohappyeyeballs import AddrInfoType, start_connection

from channels.connection import Connection

#: For how long addresses are remembered: a provider that closes after each answer costs no look-up per call.
_ADDRESSES_S = 10.0
#: RFC 8305, 8: before the next address is tried as well.
_NEXT_ADDRESS_S = 0.25

Addresses = Sequence[AddrInfoType]


class Origin(NamedTuple):
    """Where requests go, and what connections may be shared for."""

    host: str
    port: int
    tls: bool


class Connector:
    """Opens connections; those with TLS are verified by `context`."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._found: dict[Origin, tuple[float, asyncio.Task[Addresses]]] = {}

    async def connect(self, origin: Origin) -> Connection:
        """Raises OSError, of which ssl.SSLError is one, or UnicodeError for a host that cannot be one."""
        line = await start_connection(await self._addresses(origin), happy_eyeballs_delay=_NEXT_ADDRESS_S)
        _, connection = await asyncio.get_running_loop().create_connection(
            Connection,
            sock=line,
            ssl=self._context if origin.tls else None,
            server_hostname=origin.host if origin.tls else None,
        )
        return connection

    async def _addresses(self, origin: Origin) -> Addresses:
        try:
            # Numbers need no thread.
            return socket.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            return await self._found_out(origin)

    async def _found_out(self, origin: Origin) -> Addresses:
        try:
            # One who gives up waiting does not end the look-up for the others.
            return await asyncio.shield(self._look_up(origin))
        except asyncio.CancelledError as exc:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise ConnectionAbortedError("closed meanwhile") from exc

    def _look_up(self, origin: Origin) -> "asyncio.Task[Addresses]":
        now = asyncio.get_running_loop().time()
        until, found = self._found.get(origin, (0.0, None))
        if found is None or (found.done() and (now >= until or found.cancelled() or found.exception())):
            found = asyncio.create_task(_resolve(origin))
            self._found[origin] = (now + _ADDRESSES_S, found)
        return found

    def close(self) -> None:
        for _, look_up in self._found.values():
            look_up.cancel()


async def _resolve(origin: Origin) -> Addresses:
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
