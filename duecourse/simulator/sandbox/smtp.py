"""The SMTP door: a real mail server that accepts into the same book, and misbehaves in the ways of mail."""

import asyncio
import hmac
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.sandbox.exchange import BEFORE, Customer, Exchange, Submission

_ACCEPTED = "250 2.0.0 Ok: queued as {}"
_REFUSALS = {
    "invalid_address": "550 5.1.1 No such user",
    "opted_out": "550 5.7.1 Recipient does not want mail",
    "content_refused": "554 5.7.1 Message refused",
}
_THROTTLED = "452 4.5.3 Too many messages, try again later"
_FAULTS = {
    "e429": _THROTTLED,
    "e503": "451 4.3.0 Try again later",
    "e500_before": "451 4.3.0 Try again later",
    "e500_after": "451 4.3.0 Try again later",
    "timeout_before_accept": None,
    "timeout_after_accept": None,
    "disconnect_before": None,
    "disconnect_after": None,
}


class MailDoor:
    """aiosmtpd's handler. AUTH names the account; without AUTH the first e-mail account takes the mail."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def protocol(self) -> SMTP:
        """One SMTP connection: what `loop.create_server` is given."""
        return SMTP(
            self,
            hostname="sandbox.example",
            ident="Sandbox",
            enable_SMTPUTF8=True,
            authenticator=self.authenticate,
            auth_require_tls=False,
        )

    def authenticate(
        self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any
    ) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        customer = self._exchange.customers.get(data.login.decode(errors="replace"))
        known = customer is not None and hmac.compare_digest(data.password, customer.account.api_key.encode())
        return AuthResult(success=known, handled=False, auth_data=customer.account.name if known and customer else None)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        customer = self._customer(session.auth_data)
        if customer is None:
            return "550 5.7.1 There is no e-mail account here"
        items = _submissions(envelope)
        if self._exchange.throttle(customer, items):
            return _THROTTLED
        fault = self._exchange.fault(customer, items)
        if fault in BEFORE:
            return _misbehave(server, fault)
        answers = [self._exchange.take(customer, item, None) for item in items]
        self._exchange.complete(customer, items, answers)
        if fault:
            return _misbehave(server, fault)
        return _reply(answers[0])

    def _customer(self, name: str | None) -> Customer | None:
        mail = [c for c in self._exchange.customers.values() if c.account.channel is ChannelKind.EMAIL]
        return next((c for c in mail if name in {None, c.account.name}), None)


def _misbehave(server: SMTP, fault: str) -> str:
    """A temporary refusal, or a line cut after the whole mail was read."""
    refusal = _FAULTS[fault]
    if refusal is None:
        if isinstance(server.transport, asyncio.WriteTransport):
            server.transport.abort()
        return "421 4.4.2 Connection lost"
    return refusal


def _reply(answer: dict[str, Any]) -> str:
    if error := answer.get("error"):
        return _REFUSALS[error["code"]]
    return _ACCEPTED.format(answer["id"])


def _submissions(envelope: Envelope) -> list[Submission]:
    """One per recipient. The reference is `X-Reference`, or else the left part of Message-ID."""
    content = envelope.content or b""
    mail = message_from_bytes(content if isinstance(content, bytes) else content.encode(), policy=policy.default)
    message_id = str(mail.get("Message-ID", "")).strip("<> ")
    reference = str(mail.get("X-Reference", message_id.partition("@")[0]))
    return [
        Submission(
            reference=reference,
            key=message_id,
            to=recipient,
            text=_part(mail, "plain") or "",
            subject=str(mail.get("Subject", "")),
            html=_part(mail, "html"),
            headers={name: str(mail[name]) for name in ("List-Unsubscribe", "List-Unsubscribe-Post") if name in mail},
        )
        for recipient in envelope.rcpt_tos
    ]


def _part(mail: EmailMessage, kind: str) -> str | None:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else None
