"""`duecourse agreements`: what borrowers, courts or the law allow beyond the rules, with its proof."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_change, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Day, Medium, Override, Purpose
from duecourse.ports.evidence import Agreement, NewAgreement, Recorded
from duecourse.usecases.record_agreement import list_agreements, record_agreement, revoke_agreement

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("agreement_id", "borrower", "kind", "evidence", "channels", "hours", "given_at", "expires_at", "revoked_at")
_HOURS = re.compile(r"(?:(?P<days>[a-z,]+) )?(?P<from>[0-9]{2}:[0-9]{2})-(?P<to>[0-9]{2}:[0-9]{2})")


@app.callback()
def agreements() -> None:
    """Agreements and consents with their proof."""


@app.command()
def record(
    evidence: Annotated[
        str, typer.Argument(metavar="EVIDENCE", help="Your number of the recording, letter, contract.")
    ],
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The borrower, by your id.")],
    kind: Annotated[Override, typer.Option(help="What it is: rules name what may lift them.")],
    channel: Annotated[
        list[Medium] | None, typer.Option(metavar="CHANNEL", help="Only for this way: sms, call, ... Repeatable.")
    ] = None,
    purpose: Annotated[
        list[Purpose] | None, typer.Option(metavar="PURPOSE", help="Only for this purpose. Repeatable.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(metavar="RULE_ID", help="Only about this rule. Repeatable.")] = None,
    hours: Annotated[
        list[str] | None,
        typer.Option(metavar="HOURS", help="Only then: `20:00-23:00`, `sat,sun 09:00-12:00`. Repeatable."),
    ] = None,
    given_at: Annotated[str | None, typer.Option(help="By default now; with its offset from UTC.")] = None,
    expires_at: Annotated[str | None, typer.Option(help="By default when it is revoked; with its offset.")] = None,
    text: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The words that were agreed to: their SHA-256 is kept.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record what was agreed to. The same again changes nothing."""
    agreement = NewAgreement(
        borrower=borrower,
        kind=kind,
        evidence=evidence,
        text_hash=_hash_of(text) if text else None,
        channels=frozenset(channel or ()),
        purposes=frozenset(purpose or ()),
        rules=frozenset(rule or ()),
        hours=tuple(checked("--hours", read_hours, span) for span in hours or ()),
        given_at=checked("--given-at", fields.instant, given_at) if given_at else None,
        expires_at=checked("--expires-at", fields.instant, expires_at) if expires_at else None,
    )

    async def work(opened: App) -> Recorded:
        return await record_agreement(agreement, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    recorded = run_with_app(work)
    status = "had been recorded before" if recorded.repeated else "recorded"
    print_change({"agreement_id": recorded.number}, status, changed=not recorded.repeated, as_json=as_json)


@app.command()
def revoke(
    agreement_id: Annotated[int, typer.Argument(metavar="AGREEMENT_ID", help="As `agreements list` shows it.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Take an agreement back: it lifts nothing from now on. What it lifted before stays lawful."""

    async def work(opened: App) -> bool:
        return await revoke_agreement(agreement_id, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    revoked = run_with_app(work)
    status = "revoked" if revoked else "had been revoked before"
    print_change({"agreement_id": agreement_id}, status, changed=revoked, as_json=as_json)


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that expired or were revoked.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List agreements that are in force, the oldest first."""

    async def work(opened: App) -> Sequence[Agreement]:
        return await list_agreements(
            borrower, everything=everything, limit=limit, ledger=opened.ledger, clock=opened.clock
        )

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([getattr(agreement, name) for name in _COLUMNS] for agreement in found))


def read_hours(text: str) -> Hours:
    """`20:00-23:00`, every day, or `sat,sun 09:00-12:00`.

    Raises:
        InputError: it is no such span.
    """
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise InputError("must be hours such as 20:00-23:00 or sat,sun 09:00-12:00")
    days = match["days"].split(",") if match["days"] else list(Day)
    if unknown := [day for day in days if day not in set(Day)]:
        raise InputError(f"no such day: {unknown[0]}; known: {', '.join(Day)}")
    try:
        return Hours(days=frozenset(map(Day, days)), start=_minutes(match["from"]), end=_minutes(match["to"]))
    except ValueError as exc:
        raise InputError(f"{exc}: a span over midnight is two") from exc


def _minutes(clock: str) -> int:
    hours, minutes = map(int, clock.split(":"))
    if minutes >= 60:  # noqa: PLR2004 - an hour's
        raise ValueError("an hour has 60 minutes")
    return hours * 60 + minutes


def _hash_of(text: Path) -> bytes:
    try:
        return hashlib.sha256(text.read_bytes()).digest()
    except OSError as exc:
        raise InputError(f"--text: cannot be read: {type(exc).__name__}") from exc
