"""`duecourse gate explain`: what the gate would say to a contact of somebody in the book, and what it rests on."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Annotated

import typer

from duecourse.bootstrap import App
from duecourse.cli.options import checked
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.asking import Asked, Known, facts_of, facts_of_question
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.vocabulary import Medium, Purpose
from duecourse.policy.until import until_in_words
from duecourse.policy.words import verdict_in_words
from duecourse.ports.evidence import Question


class Way(StrEnum):
    """How somebody would be reached: what a worker serves, and what a person does."""

    SMS = "sms"
    PUSH = "push"
    EMAIL = "email"
    IM = "im"
    VOICE = "voice"
    CALL = "call"
    VOICEMAIL = "voicemail"
    VISIT = "visit"
    LETTER = "letter"
    SOCIAL = "social"


_SERVED = frozenset(kind.value for kind in ChannelKind)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Explained:
    known: Known
    verdict: Verdict
    packs: PackSet

    @property
    def words(self) -> str:
        return verdict_in_words(self.verdict.as_json(), self.packs.packs)

    @property
    def until(self) -> str | None:
        return until_in_words(self.verdict.as_json())


def explain(
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="Whom, by your id.")],
    channel: Annotated[Way, typer.Option(help="On which channel, or how a person would: call, visit, letter, ...")],
    at: Annotated[
        str, typer.Option(metavar="TIME", help="When: 2026-12-01T22:14 by the borrower's clock, or with its offset.")
    ] = "",
    due_on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="About what is due that day; else the nearest.")
    ] = None,
    purpose: Annotated[Purpose, typer.Option(help="Why a person would.")] = Purpose.COLLECTION_INTERACTIVE,
    staff: Annotated[int | None, typer.Option(min=1, help="How many would come, for a visit.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what the gate would decide about a contact of a borrower, without planning, reserving or sending anything.

    The facts are read as a worker's claim reads them, and of what a person does as `encounters ask` does. Without --at
    the time is now.
    """
    moment = checked("--at", _moment, at) if at else None
    day = due_on.date() if due_on else None
    if channel.value in _SERVED:
        found = run_with_app(lambda app: _explain(app, (borrower, ChannelKind(channel)), moment, day))
    elif day:
        raise InputError(f"--due-on: a {channel} is about all that is open")
    else:
        question = Question(
            reference="explain", borrower=borrower, medium=Medium(channel), purpose=purpose, staff=staff, at=moment
        )
        found = run_with_app(lambda app: _explain_question(app, question))
    if as_json:
        print_json({
            "words": found.words,
            "at": found.known.at,
            "due_on": found.known.due_on,
            "next_allowed": found.until,
            "verdict": found.verdict.as_json(),
        })
    else:
        _print(found)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise InputError("must be a date and time like 2026-12-01T22:14 or 2026-12-01T22:14+08:00") from None


async def _explain(app: App, whom: tuple[str, ChannelKind], at: datetime | None, due_on: date | None) -> _Explained:
    times = await app.clock.read()
    asked = Asked(borrower=whom[0], channel=whom[1], at=at or times.business, due_on=due_on)
    known = await facts_of(app.ledger, asked, times.lease, app.terms)
    return _Explained(known=known, verdict=app.gate(known.facts, known.at), packs=app.packs)


async def _explain_question(app: App, question: Question) -> _Explained:
    times = await app.clock.read()
    asked = replace(question, at=question.at or times.business)
    known = await facts_of_question(app.ledger, asked, times.lease, app.terms)
    return _Explained(known=known, verdict=app.gate(known.facts, known.at), packs=app.packs)


def _print(found: _Explained) -> None:
    verdict = found.verdict
    typer.echo(found.words)
    if found.until:
        typer.echo(f"next allowed: {found.until}")
    if verdict.citations:
        typer.echo("\nrules")
        print_table(("rule", "pack", "source", "pinpoint", "grade"), verdict.citations)
    typer.echo("\nfacts")
    print_fields(verdict.facts.items())
    typer.echo(f"\npacks  {', '.join(verdict.packs)}")
