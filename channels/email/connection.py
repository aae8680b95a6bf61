"""Connections to one mail server, kept open and bounded, and the conversation about one message on one of them.

The content is written by us and not by `aiosmtplib.SMTP.data`: only so is it known whether it was begun.
"""

import asyncio
import re
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiosmtplib

from channels.email.mime import Envelope
from channels.email.replies import Reply, Stage
from channels.http import Cause, DeadlinePassed
from duecourse.domain.clock import Monotonic

#: The server offers no STARTTLS or no AUTH: it is not the one that was meant, or somebody stands between.
NOT_OFFERED = "not_offered"
_START_INPUT = 354
_CLOSING = 421
#: For commands whose reply changes nothing for a message.
_COURTESY_S = 1.0
_LEADING_DOT = re.compile(rb"(?m)^\.")


@dataclass(frozen=True, kw_only=True, slots=True)
class Server:
    """Where and how to connect, and how long a connection is good."""

    host: str
    port: int
    implicit_tls: bool
    starttls: bool
    context: ssl.SSLContext | None
    username: str = field(repr=False)
    password: str = field(repr=False)
    helo: str
    connections: int
    idle_s: float
    """A connection idle for longer is closed by us: the server's own limit is higher."""
    letters: int
    """How many messages one connection carries: large receivers close it after some."""


@dataclass(kw_only=True, slots=True)
class Passage:
    """One message on its way. How far it got decides whether silence means "not sent"."""

    envelope: Envelope
    deadline: float
    """Monotonic seconds: after this the content is not begun."""
    stage: Stage = Stage.WAIT

    def check(self) -> None:
        if time.monotonic() >= self.deadline:
            raise DeadlinePassed


#: From the innermost cause outwards, the first class that is known.
_CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (DeadlinePassed, Cause.DEADLINE),
    (ssl.SSLError, Cause.TLS),
    (socket.gaierror, Cause.DNS),
    (ConnectionRefusedError, Cause.CONNECT_REFUSED),
    (TimeoutError, Cause.READ_TIMEOUT),
    (aiosmtplib.SMTPServerDisconnected, Cause.DISCONNECTED),
    (ConnectionError, Cause.RESET),
    (OSError, Cause.CONNECT_ERROR),
    (aiosmtplib.SMTPException, NOT_OFFERED),
)


_TIMEOUTS = {Stage.WAIT: Cause.POOL_TIMEOUT, Stage.CONNECT: Cause.CONNECT_TIMEOUT}


def cause_of(exc: BaseException, stage: Stage) -> str:
    """Why the conversation ended without a reply: a code, never a text."""
    cause = _cause(exc)
    return str(_TIMEOUTS.get(stage, cause) if cause == Cause.READ_TIMEOUT else cause)


def _cause(exc: BaseException) -> str:
    chain = [exc]
    while chain[-1].__cause__ is not None:
        chain.append(chain[-1].__cause__)
    for link in reversed(chain):
        for known, cause in _CAUSES:
            if isinstance(link, known):
                return cause
    return Cause.UNEXPECTED


class Connection:
    """One open session."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client = client
        self.sent = 0
        self.idle_since = 0.0
        self.clean = True
        """False while a transaction is open: then it is not for the next message."""

    @property
    def alive(self) -> bool:
        return self.clean and self._client.is_connected

    async def transmit(self, passage: Passage) -> Reply:
        """Raises DeadlinePassed, or what the library raises for a lost connection."""
        self.clean = False
        try:
            reply = await self._transaction(passage)
        except aiosmtplib.SMTPResponseException as exc:
            reply = Reply(stage=passage.stage, code=exc.code, text=str(exc.message))
        self.sent += 1
        await self._settle(reply)
        return reply

    async def _transaction(self, passage: Passage) -> Reply:
        passage.stage = Stage.MAIL
        passage.check()
        await self._client.mail(passage.envelope.sender)
        passage.stage = Stage.RCPT
        await self._client.rcpt(passage.envelope.recipient)
        passage.stage = Stage.DATA
        passage.check()
        ready = await self._client.execute_command(b"DATA")
        if ready.code != _START_INPUT:
            return Reply(stage=Stage.DATA, code=ready.code, text=ready.message)
        # Without its final dot nothing is delivered (RFC 5321, 4.1.1.4): closing here is still "not sent".
        passage.check()
        passage.stage = Stage.CONTENT
        return await self._content(passage.envelope)

    async def _content(self, envelope: Envelope) -> Reply:
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("closed before the content")
        protocol.write(_LEADING_DOT.sub(b"..", envelope.content) + b".\r\n")
        done = await protocol.read_response(timeout=self._client.timeout)
        return Reply(stage=Stage.CONTENT, code=done.code, text=done.message)

    async def _settle(self, reply: Reply) -> None:
        """After a refusal the session is reset, or given up."""
        accepted = reply.stage is Stage.CONTENT and reply.code // 100 == 2  # noqa: PLR2004 - 2yz
        if reply.code == _CLOSING or reply.code < 0:
            self.close()
            return
        with suppress(aiosmtplib.SMTPException, OSError):
            if not accepted:
                async with asyncio.timeout(_COURTESY_S):
                    await self._client.rset()
            self.clean = True

    async def quit(self) -> None:
        with suppress(aiosmtplib.SMTPException, OSError):
            async with asyncio.timeout(_COURTESY_S):
                await self._client.quit()
        self.close()

    def close(self) -> None:
        self._client.close()


class Pool:
    """Hands out a connection to one message at a time. `monotonic` tells how long one was idle."""

    def __init__(self, server: Server, *, timeout_s: float, monotonic: Monotonic = time.monotonic) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._monotonic = monotonic
        self._slots = asyncio.Semaphore(server.connections)
        self._idle: list[Connection] = []

    async def transmit(self, passage: Passage) -> Reply:
        """Over a kept connection, or over a new one where the kept one turns out dead at its first word."""
        async with self._slots:
            passage.check()
            kept = self._kept()
            reply = await self._over_kept(kept, passage) if kept else None
            return reply or await self._over_new(passage)

    async def _over_kept(self, kept: Connection, passage: Passage) -> Reply | None:
        """None where the server had closed the session meanwhile: at MAIL nothing of the message was said yet."""
        try:
            async with self._returned(kept):
                reply = await kept.transmit(passage)
        except (aiosmtplib.SMTPServerDisconnected, ConnectionError):
            if passage.stage is not Stage.MAIL:
                raise
            return None
        return None if reply.stage is Stage.MAIL and reply.code == _CLOSING else reply

    async def _over_new(self, passage: Passage) -> Reply:
        passage.stage = Stage.CONNECT
        try:
            fresh = Connection(await self._connect())
        except aiosmtplib.SMTPResponseException as exc:
            return Reply(stage=Stage.CONNECT, code=exc.code, text=str(exc.message))
        async with self._returned(fresh):
            return await fresh.transmit(passage)

    @asynccontextmanager
    async def _returned(self, connection: Connection) -> AsyncIterator[None]:
        """Kept afterwards where it is fit for another message; closed otherwise, also when cancelled."""
        try:
            yield
        finally:
            if connection.alive and connection.sent < self._server.letters:
                connection.idle_since = self._monotonic()
                self._idle.append(connection)
            else:
                connection.close()

    def _kept(self) -> Connection | None:
        """The one used last; all that were idle for too long or are dead are closed."""
        oldest = self._monotonic() - self._server.idle_s
        fit = [link for link in self._idle if link.alive and link.idle_since > oldest]
        for link in self._idle:
            if link not in fit:
                link.close()
        self._idle = fit
        return self._idle.pop() if self._idle else None

    async def _connect(self) -> aiosmtplib.SMTP:
        server = self._server
        client = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.implicit_tls,
            start_tls=server.starttls,
            tls_context=server.context,
            username=server.username or None,
            password=server.password or None,
            # Ours, so that no resolver is asked for this machine's name.
            local_hostname=server.helo,
            timeout=self._timeout_s,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        await asyncio.gather(*(link.quit() for link in idle))
