# ruff: noqa: N802, ARG002 - aiosmtpd finds its hooks by these names and calls them with all of these arguments
"""A mail server on the loopback: aiosmtpd, which we did not write, told to misbehave at one point of the dialogue."""

import asyncio
import logging
import ssl
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

HANG_UP = "hang up"
SILENCE = "silence"
QUEUED = "250 2.0.0 Ok: queued as 4ABCdef123"


@dataclass
class Mail:
    sender: str
    recipient: str
    content: bytes


@dataclass
class FakeSmtp:
    """`script` maps a verb (connect, EHLO, MAIL, RCPT, DATA, CONTENT) to what is said there: a reply, or a fault.

    A callable is asked each time, with the argument of the verb, and says None for "as usual".
    """

    script: dict[str, str | Callable[[str], str | None]] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    verbs: list[str] = field(default_factory=list)
    sessions: list[SMTP] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    password: bytes = b"canary-password"
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self, *, tls: ssl.SSLContext | None = None, implicit: bool = False, auth: bool = False) -> None:
        def session() -> SMTP:
            options: dict[str, Any] = {"tls_context": None if implicit else tls, "enable_SMTPUTF8": False}
            if auth:
                options |= {"authenticator": self._login, "auth_required": True, "auth_require_tls": False}
            with warnings.catch_warnings():
                # aiosmtpd does not count TLS from the first byte as TLS, and warns of a login without it.
                warnings.simplefilter("ignore")
                made = _Scripted(self, _Handler(self), hostname="mx.example.net", **options)
            self.sessions.append(made)
            return made

        # Its log quotes every line it hears: tests that look for personal data in logs look for ours.
        logging.getLogger("mail.log").disabled = True
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(session, "127.0.0.1", 0, ssl=tls if implicit else None)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.drop()
        await self._server.wait_closed()
        logging.getLogger("mail.log").disabled = False

    def drop(self) -> None:
        """Close every session from our side."""
        for session in self.sessions:
            if session.transport is not None:
                session.transport.close()

    @property
    def letters(self) -> int:
        return len(self.mails)

    def said(self, verb: str, argument: str = "") -> str | None:
        self.verbs.append(verb)
        answer = self.script.get(verb)
        return answer(argument) if callable(answer) else answer

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == self.password, handled=False)


class _Handler:
    def __init__(self, fake: FakeSmtp) -> None:
        self._fake = fake

    async def handle_MAIL(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await _misbehave(server, self._fake.said("MAIL", address))
        if said is None:
            envelope.mail_from = address
        return said or "250 2.1.0 Ok"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        said = await _misbehave(server, self._fake.said("RCPT", address))
        if said is None:
            envelope.rcpt_tos.append(address)
        return said or "250 2.1.5 Ok"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        [recipient] = envelope.rcpt_tos
        said = await _misbehave(server, self._fake.said("CONTENT", recipient))
        if said is None:
            assert isinstance(envelope.content, bytes)
            self._fake.mails.append(Mail(str(envelope.mail_from), recipient, envelope.content))
        return said or QUEUED

    async def handle_QUIT(self, server: Any, session: Session, envelope: Envelope) -> str:
        self._fake.said("QUIT")
        return "221 2.0.0 Bye"


class _Scripted(SMTP):
    """aiosmtpd says its own 354 and greeting: here they can be replaced."""

    def __init__(self, fake: FakeSmtp, handler: _Handler, **options: Any) -> None:
        super().__init__(handler, **options)
        self._fake = fake
        self._greeted = False

    async def push(self, status: Any) -> None:
        if not self._greeted:
            self._greeted = True
            status = await _misbehave(self, self._fake.said("connect")) or status
        await super().push(status)

    async def smtp_EHLO(self, hostname: str) -> None:
        said = await _misbehave(self, self._fake.said("EHLO", hostname))
        await (self.push(said) if said else super().smtp_EHLO(hostname))

    async def smtp_DATA(self, arg: str) -> None:
        said = await _misbehave(self, self._fake.said("DATA"))
        await (self.push(said) if said else super().smtp_DATA(arg))


async def _misbehave(server: Any, said: str | None) -> str | None:
    if said == HANG_UP:
        server.transport.close()
    if said in {HANG_UP, SILENCE}:
        # Ends when the connection does: aiosmtpd cancels its handler then.
        await asyncio.Event().wait()
    return said
