"""A line to a server that can be cut: a TCP proxy on loopback, as a network would fail and not as a server would."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Ends]]
"""Opens a connection to the server itself."""

_PIECE = 65_536


@dataclass(kw_only=True)
class Line:
    """Clients connect to `port`; everything passes, until somebody cuts it.

    Cut, it is silent: nobody is told, what is under way is kept, and comes late when it is mended, as TCP does.
    Deaf, the server hears everything and its answers are lost; whoever waited for one is hung up on at the end.
    """

    port: int = 0
    passed: int = 0
    """Bytes that went to the server."""
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _deaf: bool = False
    _clients: set[asyncio.StreamWriter] = field(default_factory=set)

    @asynccontextmanager
    async def silent(self) -> AsyncIterator[None]:
        """Nothing comes through meanwhile, in either direction."""
        self.cut()
        try:
            yield
        finally:
            self.mend()

    def cut(self) -> None:
        self._open.clear()

    def mend(self) -> None:
        self._open.set()

    @asynccontextmanager
    async def deaf(self) -> AsyncIterator[None]:
        """Answers are lost meanwhile."""
        self._deaf = True
        try:
            yield
        finally:
            self._deaf = False
            self.hang_up()

    def hang_up(self) -> None:
        """End every connection: neither side is told how far the other came."""
        for client in list(self._clients):
            client.transport.abort()

    async def carry(self, client: Ends, connect: Connect) -> None:
        """Serve one client until either side ends."""
        self._clients.add(client[1])
        try:
            await self._open.wait()
            server = await connect()
        except OSError:
            self._clients.discard(client[1])
            client[1].transport.abort()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(client[0], server[1], from_server=False))
                group.create_task(self._pump(server[0], client[1], from_server=True))
        finally:
            self._clients.discard(client[1])
            for writer in (client[1], server[1]):
                writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, from_server: bool) -> None:
        """Ends the other direction, too, once there is no more to read."""
        with suppress(OSError):
            while data := await reader.read(_PIECE):
                await self._open.wait()
                if not (from_server and self._deaf):
                    writer.write(data)
                    await writer.drain()
                self.passed += 0 if from_server else len(data)
        # A client that gives up on a dead line cannot tell the server so.
        await self._open.wait()
        writer.transport.abort()


@asynccontextmanager
async def running_line(connect: Connect) -> AsyncIterator[Line]:
    """A line on a free port of loopback, for as long as the block lasts."""
    line = Line()
    line.mend()
    carrying: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(line.carry((reader, writer), connect))
        carrying.add(task)
        task.add_done_callback(carrying.discard)

    listener = await asyncio.start_server(accept, "127.0.0.1", 0)
    line.port = listener.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        listener.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)


def to_socket(path: str) -> Connect:
    """A server on a unix socket."""
    return lambda: asyncio.open_unix_connection(path)


def to_port(port: int) -> Connect:
    """A server on loopback."""
    return lambda: asyncio.open_connection("127.0.0.1", port)
