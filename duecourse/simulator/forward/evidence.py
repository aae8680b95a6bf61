"""What a run leaves behind, from the ledger and from the borrowers' side, before anything is made of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.forward import ForwardRows, Place
from duecourse.routing.route import Lane
from duecourse.simulator.forward.acts import Talk, Touch
from duecourse.simulator.forward.crowd import Standing
from duecourse.simulator.forward.doors import Paid
from duecourse.simulator.forward.month import Month
from duecourse.simulator.forward.span import Span


@dataclass(frozen=True, kw_only=True)
class Evidence:
    span: Span
    rungs: Sequence[str]
    """Of the cadence, in its order."""
    instalments: Sequence[Mapping[str, Any]]
    """By currency, of those due in the span."""
    contacts: Sequence[Mapping[str, Any]]
    verdicts: Sequence[Mapping[str, Any]]
    packs: Sequence[Mapping[str, Any]]
    touches: Sequence[tuple[Touch, Place]]
    """Messages that a provider took."""
    paid: Sequence[Paid]
    standing: Mapping[tuple[str, Any], Standing]
    deeds: Mapping[str, int]
    talks: Sequence[Talk]
    lanes: Mapping[ChannelKind, Lane]
    """Who carries each channel, and at what price."""
    call_minutes: float
    steps: int


async def evidence_of(month: Month, span: Span, lanes: Mapping[ChannelKind, Lane], call_minutes: float) -> Evidence:
    """Read the ledger of a month that has ended."""
    async with month.app.ledger.transaction() as tx:
        rows = ForwardRows(tx.conn)
        return Evidence(
            span=span,
            rungs=[rung.name for rung in month.cadence.rungs],
            instalments=await rows.instalments(span.start.date(), span.end.date()),
            contacts=await rows.contacts(),
            verdicts=await rows.verdicts(),
            packs=await rows.packs(),
            touches=month.touches,
            paid=month.doors.paid,
            standing=month.crowd.standing,
            deeds=dict(month.doors.done),
            talks=month.doors.talks,
            lanes=lanes,
            call_minutes=call_minutes,
            steps=month.steps,
        )
