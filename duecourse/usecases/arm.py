"""The claim: decide for each contact of a micro-batch, and commit the permission to call before anything is sent."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import inf
from typing import Protocol

from duecourse.domain.clock import Clock, Times
from duecourse.domain.contact import AttemptKind, ContactState
from duecourse.domain.errors import StoreUnavailable, TemplateError
from duecourse.domain.event import Event
from duecourse.domain.letter import Letter
from duecourse.domain.message import Rendered
from duecourse.domain.verdict import RuleList, Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.disposition import kind_of_resolution, recall_allowed
from duecourse.policy.facts import ContactFacts
from duecourse.policy.terms import Terms
from duecourse.ports import (
    STRAIGHT,
    Armed,
    Channel,
    Claimable,
    Judged,
    Ledger,
    Owner,
    Postponed,
    TextRequest,
    Texts,
    Transaction,
    Way,
)
from duecourse.usecases.recipients import Recipients

Gate = Callable[[ContactFacts, datetime], Verdict]
"""Pure and total: any failure inside is a verdict that says no."""


class Reader(Protocol):
    """Pure and total: None where an allowed contact's words may leave, else the verdict that says no."""

    def __call__(self, facts: ContactFacts, now: datetime, *, body: Rendered, locale: str) -> Verdict | None: ...


#: No provider of the route serves the borrower's country: the rung's next channel is the way.
_NO_ROUTE = Verdict(decision=Decision.SUPPRESS, rules=("no-route",), next_channel=True)
_STRAIGHT_ON: Mapping[int, Way] = {}
#: How long an unknown contact waits that policy does not allow to be sent again just now.
_REFUSED_WAIT_S = 300.0

_STATE_OF = {
    Decision.DEFER: ContactState.PLANNED,
    Decision.SUPPRESS: ContactState.SUPPRESSED,
    Decision.CANCEL: ContactState.CANCELLED,
    # Put aside until somebody has looked, or it is over.
    Decision.REVIEW: ContactState.PLANNED,
}
#: What a verdict is called that moves the contact nowhere.
_WAITING = {Decision.DEFER: "contact.deferred", Decision.REVIEW: "contact.review"}


class ArmingUnsure(StoreUnavailable):
    """The claim's commit was lost: it may stand or not. Nothing was sent, and nothing may be."""

    def __init__(self, armed: Sequence[Armed]) -> None:
        super().__init__("Postgres: the end of a claim was not seen")
        self.armed = armed


@dataclass(frozen=True, kw_only=True)
class Arm:
    ledger: Ledger
    clock: Clock
    gate: Gate
    reader: Reader
    texts: Texts
    owner: Owner
    channels: Mapping[str, Channel]
    """Every account of this channel: what is resolved goes to the provider that was called."""
    lease: timedelta
    actor: str
    recipients: Recipients | None = None
    terms: Terms = field(default_factory=Terms)
    known: set[RuleList] = field(default_factory=set)
    """Lists of rules that the ledger keeps already."""

    async def __call__(
        self, contact_ids: Sequence[int], channel: Channel, ways: Mapping[int, Way] = _STRAIGHT_ON
    ) -> list[Armed]:
        """Commit what may leave now through `channel`, and return it. Nothing else may be sent.

        `ways`: for contacts of a shared route, what follows if they are surely not processed.

        Raises:
            ArmingUnsure: Postgres went away before its answer came, or the job was cancelled.
        """
        owner = await self.owner.current()
        times = await self.clock.read()
        armed: list[Armed] = []
        try:
            async with self.ledger.transaction() as tx, tx.together():
                contacts = await tx.claims.claim(contact_ids, times=times, terms=self.terms)
                decided = [
                    self._decide(contact, channel, times, ways.get(contact.contact_id, STRAIGHT))
                    for contact in contacts
                ]
                if self.recipients:
                    decided = await self.recipients.spare(decided, times.business)
                armed += [d for d in decided if isinstance(d, Armed)]
                await tx.claims.arm(armed, times=times, owner=owner, lease=self.lease)
                await tx.claims.postpone([d for d in decided if isinstance(d, Postponed)], times=times)
                await self._carry_out(tx, [d for d in decided if isinstance(d, Judged)], times)
                named = {v.rules for d in decided if (v := d.verdict) and isinstance(v.rules, RuleList)}
                await tx.verdicts.keep(named - self.known)
                await tx.events.append(times, self.actor, map(_event_of, decided))
        except (StoreUnavailable, asyncio.CancelledError) as exc:
            raise ArmingUnsure(armed) from exc
        self.known.update(named)
        return armed

    async def _carry_out(self, tx: Transaction, judged: Sequence[Judged], times: Times) -> None:
        await tx.contacts.carry_out(judged, times=times)
        gone = [j for j in judged if j.state is not ContactState.PLANNED]
        onward = [j.contact.contact_id for j in gone if j.verdict.next_channel]
        await tx.contacts.plan_next_channels(onward, times=times, actor=self.actor)

    def _decide(self, contact: Claimable, channel: Channel, times: Times, way: Way) -> Armed | Judged | Postponed:
        if not contact.readable:
            return _unreadable(contact)
        if contact.held:
            return self._resolve(contact, times)
        verdict = self.gate(contact.facts, times.business)
        if way.closed and verdict.decision is Decision.ALLOW:
            verdict = _NO_ROUTE
        if verdict.decision is not Decision.ALLOW:
            return Judged(contact, verdict, _state_of(verdict))
        letter = self._written(contact, times.business)
        if isinstance(letter, Judged):
            return letter
        number = contact.attempts + 1
        reference = f"{contact.contact_id}-{number}"
        return Armed(
            contact=contact,
            verdict=verdict,
            kind=AttemptKind.SEND,
            provider=channel.name,
            number=number,
            fence=contact.fence + 1,
            reference=reference,
            idempotency_key=reference,
            letter=letter,
            within_s=(contact.not_after - times.business).total_seconds(),
            way=way,
        )

    def _resolve(self, contact: Claimable, times: Times) -> Armed | Postponed:
        held = contact.held
        channel = self.channels.get(held.provider) if held else None
        kind = kind_of_resolution(channel.capability) if channel else None
        if held is None or channel is None or kind is None:
            return Postponed(contact, None, None)
        verdict = self.gate(contact.facts, times.business)
        if kind is AttemptKind.RECALL:
            if not recall_allowed(channel.capability, held.armed_at, times.lease):
                return Postponed(contact, None, None)
            # The first call may have got nowhere: then this one is a send, and needs leave like any other.
            if verdict.decision is not Decision.ALLOW:
                return Postponed(contact, verdict, _REFUSED_WAIT_S)
        return Armed(
            contact=contact,
            verdict=verdict,
            kind=kind,
            provider=held.provider,
            number=contact.attempts + 1,
            fence=contact.fence + 1,
            reference=held.reference,
            idempotency_key=held.idempotency_key,
            letter=held.letter,
            within_s=inf if kind is AttemptKind.LOOKUP else (contact.not_after - times.business).total_seconds(),
        )

    def _written(self, contact: Claimable, now: datetime) -> bytes | Judged:
        """The letter, frozen; or why there is none."""
        try:
            letter = self._write(contact)
            refused = self.reader(contact.facts, now, body=letter.body, locale=letter.locale)
            frozen = letter.freeze()
        except TemplateError as exc:
            return _unwritten(contact, "template-error", exc)
        except Exception as exc:  # noqa: BLE001 - one poisoned contact must not take its neighbours with it
            return _unwritten(contact, "render-error", exc)
        return frozen if refused is None else Judged(contact, refused, _state_of(refused))

    def _write(self, contact: Claimable) -> Letter:
        if contact.point is None:
            raise TemplateError("no contact point")
        request = TextRequest(
            template=contact.template,
            channel=contact.channel,
            locale=contact.locale,
            name=contact.name,
            due_on=contact.due_on,
            items=contact.items,
            contact_id=contact.contact_id,
        )
        body = self.texts.render(request)
        # What the law wants said is asked of the language really written: the reader's own may have no text.
        return Letter(to=contact.point.debtor_address(), locale=body.locale or contact.locale, body=body)


def _state_of(verdict: Verdict) -> ContactState:
    if verdict.rules[:1] == ("not-after",):
        return ContactState.EXPIRED
    return _STATE_OF[verdict.decision]


def _unreadable(contact: Claimable) -> Judged | Postponed:
    """Nobody can be written to who was erased; what is perhaps sent already is left to the horizon."""
    if contact.state is ContactState.UNKNOWN:
        return Postponed(contact, None, None)
    verdict = Verdict(decision=Decision.SUPPRESS, rules=("unreadable",))
    return Judged(contact, verdict, ContactState.SUPPRESSED)


def _unwritten(contact: Claimable, rule: str, exc: Exception) -> Judged:
    """No text, no send. The error's own words may quote the text, so only its kind is kept."""
    verdict = Verdict(decision=Decision.SUPPRESS, rules=(rule,), facts={"error": type(exc).__name__})
    return Judged(contact, verdict, ContactState.SUPPRESSED)


def _event_of(decided: Armed | Judged | Postponed) -> Event:
    contact = decided.contact
    data: dict[str, object] = {"verdict": decided.verdict.kept()} if decided.verdict else {}
    match decided:
        case Armed():
            kind = "contact.sending" if decided.kind is AttemptKind.SEND else f"contact.{decided.kind.value}"
            data |= {"attempt": decided.number, "provider": decided.provider}
        case Judged():
            kind = _WAITING.get(decided.verdict.decision, f"contact.{decided.state.value}")
        case _:
            kind = "contact.waiting"
    return Event(kind=kind, contact_id=contact.contact_id, borrower_id=contact.borrower_id, data=data)
