"""Email through a mail server, over a few connections that stay open. The code table of SMTP stands in `replies.py`.

SMTP has no idempotency key and cannot be asked for a message: silence after the content was begun stays unclear.
Bounces and complaints come back as mail to the return path; a gateway posts them to our webhook as they are.
"""

import asyncio
import hmac
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from channels.base import capability_of, options_of, read_secrets, send_each
from channels.email.connection import NOT_OFFERED, Passage, Pool, Server, cause_of
from channels.email.dsn import Origin, parse_report
from channels.email.mime import Sender, Unsendable, compose, mailbox
from channels.email.replies import Stage, outcome_of
from channels.http import Cause
from duecourse.domain.clock import host_now
from duecourse.domain.message import Outbound, Outcome, Receipt, WebhookRequest
from duecourse.domain.table import Table
from duecourse.domain.vocabulary import OutcomeClass, Resolution
from duecourse.ports import Channel
from duecourse.settings import Provider

TOKEN_HEADER = "x-duecourse-token"  # noqa: S105 - a header's name
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PORT = (1, 65_535)


class Security(StrEnum):
    """How the connection is protected. Certificates are always verified."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """`config/providers/smtp.toml`, table `options`."""

    server: Server
    sender: Sender
    webhook_tokens: tuple[str, ...] = field(repr=False)


def build(provider: Provider) -> Channel:
    """Raises ConfigError."""
    table = options_of(provider)
    options = _options(table)
    table.finish()
    if provider.max_batch != 1:
        raise table.error("max_batch", "must be 1: each borrower gets an email of their own")
    if provider.resolution is not Resolution.NONE:
        raise table.error("resolution", "SMTP has neither key nor look-up: must be none")
    return SmtpEmail(provider, options)


def _options(table: Table) -> Options:
    address = _mailbox(table, "from_address")
    domain = table.text("domain", "", blank=True) or address.rpartition("@")[2]
    # The return path is an address too: what can hold one is a domain.
    if _address_or_none(f"bounce@{domain}") is None:
        raise table.error("domain", "is no domain name")
    reply_to = _mailbox(table, "reply_to") if table.text("reply_to", "", blank=True) else None
    tokens = read_secrets(table, "webhook_token", "")
    sender = Sender(name=_plain(table, "from_name"), address=address, domain=domain, reply_to=reply_to, secrets=tokens)
    return Options(server=_server(table, domain), sender=sender, webhook_tokens=tokens)


def _server(table: Table, domain: str) -> Server:
    host = table.text("host")
    security = table.choice("security", Security, Security.STARTTLS)
    username, password = table.text("username", "", blank=True), table.text("password", "", blank=True)
    if bool(username) != bool(password):
        raise table.error("password", "goes with username: set both or none")
    if security is Security.NONE and username and host not in _LOOPBACK:
        raise table.error("security", "a password needs starttls or tls")
    return Server(
        host=host,
        port=table.whole("port", 465 if security is Security.TLS else 587, low=_PORT[0], high=_PORT[1]),
        implicit_tls=security is Security.TLS,
        starttls=security is Security.STARTTLS,
        context=None if security is Security.NONE else _context(table),
        username=username,
        password=password,
        helo=table.text("helo", "", blank=True) or domain,
        connections=table.whole("connections", 10, low=1, high=1000),
        idle_s=table.number("idle_s", 20.0, low=0.1, high=280.0),
        letters=table.whole("messages_per_connection", 100, low=1, high=100_000),
    )


def _context(table: Table) -> ssl.SSLContext:
    """Verifies name and chain, by the system's authorities or by `ca_file`."""
    try:
        return ssl.create_default_context(cafile=table.text("ca_file", "", blank=True) or None)
    except (OSError, ssl.SSLError) as exc:
        raise table.error("ca_file", "cannot be read as PEM certificates") from exc


def _mailbox(table: Table, key: str) -> str:
    found = _address_or_none(table.text(key))
    if found is None:
        raise table.error(key, "is no email address")
    return found


def _address_or_none(address: str) -> str | None:
    try:
        return mailbox(address)
    except Unsendable:
        return None


def _plain(table: Table, key: str) -> str:
    text = table.text(key)
    if not text.isprintable():
        raise table.error(key, "must be one line of text")
    return text


class SmtpEmail:
    def __init__(self, provider: Provider, options: Options) -> None:
        self.name = provider.name
        self.capability = capability_of(provider, receipts=bool(options.webhook_tokens))
        self._options = options
        self._timeout_s = provider.timeout_s
        self._pool = Pool(options.server, timeout_s=provider.timeout_s)

    async def open(self) -> None:
        """Nothing to do: connections are made as messages come, so a mail server that is down stops no start."""

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        return await send_each(batch, self._send)

    async def _send(self, message: Outbound) -> Outcome:
        try:
            envelope = compose(message, self._options.sender, host_now())
        except Unsendable as exc:
            return Outcome(kind=OutcomeClass.REJECTED, code=str(exc), address_invalid=str(exc) == "bad_address")
        passage = Passage(envelope=envelope, deadline=message.deadline)
        try:
            async with asyncio.timeout(self._timeout_s):
                return outcome_of(await self._pool.transmit(passage))
        except Exception as exc:  # noqa: BLE001 - whatever it is, the content was or was not begun
            return _silence(passage.stage, cause_of(exc, passage.stage))

    async def look_up(self, message: Outbound) -> Outcome | None:  # noqa: ARG002 - the port's signature
        return Outcome(kind=OutcomeClass.UNKNOWN, code="no_lookup")

    def verify(self, request: WebhookRequest) -> bool:
        """The gateway's shared secret, in `X-Duecourse-Token`."""
        given = request.headers.get(TOKEN_HEADER, "").encode("utf-8", "surrogatepass")
        valid = False
        for token in self._options.webhook_tokens:
            valid |= hmac.compare_digest(token.encode(), given)
        return valid

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        """A bounce or a complaint, posted as it came in: the raw message."""
        origin = Origin(domain=self._options.sender.domain, secrets=self._options.webhook_tokens)
        receipt = parse_report(request.body, origin)
        return [receipt] if receipt else []


def _silence(stage: Stage, cause: str) -> Outcome:
    """No reply: unclear from the content's first byte on, and where the cause is one we do not know."""
    if stage is Stage.CONTENT or cause == Cause.UNEXPECTED:
        return Outcome(kind=OutcomeClass.UNKNOWN, code=cause)
    return Outcome(kind=OutcomeClass.MISCONFIGURED if cause == NOT_OFFERED else OutcomeClass.TRANSIENT, code=cause)
