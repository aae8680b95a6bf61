"""SMTP's rig: a real mail server's dialogue. Its webhook carries a shared secret and no signature, so none is shown."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from channels.email import smtp
from duecourse.domain.message import WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.ports import Channel
from tests.contract.fake_smtp import HANG_UP, SILENCE, FakeSmtp
from tests.contract.rig import Rig, Say, Terms, provider

PASSWORD = "canary-password"
TOKEN = "canary-webhook-token"

#: Where and what the server says.
_SAID = {
    Say.REFUSE_CONTENT: ("CONTENT", "554 5.7.1 looks like spam"),
    Say.UNAUTHORISED: ("MAIL", "530 5.7.0 Authentication required"),
    Say.UNAVAILABLE: ("CONTENT", "451 4.3.0 Try again later"),
    Say.GARBAGE: ("CONTENT", "Welcome to the canary hotel"),
    Say.HANG_UP: ("CONTENT", HANG_UP),
    Say.SILENCE: ("CONTENT", SILENCE),
}


@dataclass
class SmtpBench:
    channel: Channel
    server: FakeSmtp

    @property
    def arrived(self) -> int:
        return len(self.server.verbs)


@dataclass
class SmtpRig:
    name: str = "smtp"
    says: frozenset[Say] = frozenset({Say.ACCEPT, *_SAID})
    secrets: tuple[str, ...] = (PASSWORD, TOKEN)
    address: str = "ms.canary@example.com"
    bad_address: str = "gone@example.com"
    _taken: list[int] = field(default_factory=list)

    @asynccontextmanager
    async def bench(self, say: Say = Say.ACCEPT, *, timeout_s: float = 5.0) -> AsyncIterator[SmtpBench]:
        server = FakeSmtp()
        server.script["RCPT"] = self._known
        server.script["CONTENT"] = self._queued
        server.script.update([_SAID[say]] if say in _SAID else [])
        await server.start()
        channel = self._channel(server.port, timeout_s)
        await channel.open()
        try:
            yield SmtpBench(channel=channel, server=server)
        finally:
            await channel.aclose()
            await server.stop()

    def _known(self, address: str) -> str | None:
        return "550 5.1.1 no such user" if address == self.bad_address else None

    def _queued(self, _: str) -> str:
        self._taken.append(1)
        return f"250 2.0.0 Ok: queued as {len(self._taken):08X}"

    def unreachable(self, port: int) -> Channel:
        return self._channel(port, 5.0)

    def _channel(self, port: int, timeout_s: float) -> Channel:
        options = {
            "host": "127.0.0.1",
            "port": port,
            "security": "none",
            "from_name": "Harbour",
            "from_address": "due@mail.example.org",
            "webhook_token": TOKEN,
        }
        terms = Terms(channel=ChannelKind.EMAIL, resolution=Resolution.NONE, options=options)
        return smtp.build(provider("smtp", "smtp", timeout_s, terms))

    def webhook(self) -> WebhookRequest | None:
        return None


RIGS: tuple[Rig, ...] = (SmtpRig(),)
