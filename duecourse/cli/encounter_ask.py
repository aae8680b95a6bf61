"""`duecourse encounters ask`: may a person call, visit or write? A yes is a reservation."""

from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.domain.review import NewDecision, ReviewDecision
from duecourse.policy.packs.vocabulary import AgentKind, Medium, Purpose
from duecourse.policy.until import moment_in_words, until_in_words
from duecourse.policy.words import verdict_in_words
from duecourse.ports.evidence import Answer, Question

Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="Your own number of the call, visit or talk.")]


def ask(
    reference: Reference,
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The borrower, by your id.")],
    medium: Annotated[Medium, typer.Option(help="How they would be reached.")],
    loan: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only about this loan of theirs.")] = None,
    address: Annotated[str | None, typer.Option(help="The number; without it the one on file.")] = None,
    agent_kind: Annotated[AgentKind, typer.Option(help="Who would do it.")] = AgentKind.HUMAN,
    agent: Annotated[str | None, typer.Option(help="The person's number or code. No name.")] = None,
    agency: Annotated[str | None, typer.Option(help="The agency's code.")] = None,
    purpose: Annotated[Purpose, typer.Option(help="Why.")] = Purpose.COLLECTION_INTERACTIVE,
    at: Annotated[str | None, typer.Option(help="By default now; with its offset from UTC.")] = None,
    staff: Annotated[int | None, typer.Option(min=1, help="How many would come, for a visit.")] = None,
    announced_at: Annotated[
        str | None, typer.Option(help="When the borrower was told of the visit; with its offset from UTC.")
    ] = None,
    at_work: Annotated[bool, typer.Option("--at-work", help="It would be where the borrower works.")] = False,
    verified: Annotated[bool, typer.Option("--identity-verified", help="It was shown to be the borrower.")] = False,
    requested: Annotated[bool, typer.Option("--requested", help="The borrower had asked for it.")] = False,
    approved_by: Annotated[
        str | None, typer.Option(metavar="CODE", help="Who allowed what rules leave to a person: a code, no name.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why they did, in a line without personal data.")] = None,
    as_json: AsJson = False,
) -> None:
    """Ask whether a person may call, visit or write. A yes is reserved: it counts until it is recorded or released."""
    question = Question(
        reference=reference,
        borrower=borrower,
        loan=loan,
        medium=medium,
        agent_kind=agent_kind,
        agent=agent,
        agency=agency,
        address=address,
        purpose=purpose,
        requested=requested,
        identity_verified=verified,
        staff=staff,
        announced_at=checked("--announced-at", fields.instant, announced_at) if announced_at else None,
        at_work=at_work,
        at=checked("--at", fields.instant, at) if at else None,
        approved=_approval(approved_by, reason),
    )

    _tell(*run_with_app(lambda opened: _ask(opened, question)), as_json=as_json)


async def _ask(opened: App, question: Question) -> tuple[Answer, str]:
    answer = await opened.asking(terminal_actor())(question)
    return answer, verdict_in_words(answer.verdict, opened.packs.packs)


def _approval(by: str | None, reason: str | None) -> NewDecision | None:
    if by is None and reason is None:
        return None
    if by is None or reason is None:
        raise InputError("give --approved-by and --reason together")
    return NewDecision(decision=ReviewDecision.ALLOW, by=by, reason=reason)


def _tell(answer: Answer, words: str, *, as_json: bool) -> None:
    until = until_in_words(answer.verdict)
    if as_json:
        print_json({
            "reference": answer.reference,
            "reserved": answer.reserved,
            "at": answer.at,
            "words": words,
            "next_allowed": until,
            "verdict": answer.verdict,
        })
        return
    reserved = f"for {moment_in_words(answer.at, answer.verdict['facts'])}" if answer.reserved else "no"
    print_fields([
        ("reference", answer.reference),
        ("reserved", reserved),
        ("verdict", words),
        ("next allowed", until),
    ])
