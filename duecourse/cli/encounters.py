"""`duecourse encounters`: calls, visits and talks that no worker made, so that they count with ours."""

from collections.abc import Sequence
from typing import Annotated

import typer

from duecourse.book_files import fields
from duecourse.bootstrap import App
from duecourse.cli.encounter_ask import Reference, ask
from duecourse.cli.options import checked, terminal_actor
from duecourse.cli.output import AsJson, print_change, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.policy.packs.vocabulary import AgentKind, Direction, Medium, Purpose, StopEvent, TouchOutcome
from duecourse.ports.evidence import OPEN, Encounter, EncounterState, NewEncounter, Recorded
from duecourse.usecases.record_encounter import list_encounters, record_encounter, release_encounter

app = typer.Typer(no_args_is_help=True)

_COLUMNS = ("reference", "borrower", "loan", "state", "medium", "direction", "agency", "agent", "outcome", "at")


@app.callback()
def encounters() -> None:
    """Calls, visits and talks by people, agencies and other systems."""


@app.command()
def record(
    reference: Reference,
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="The borrower, by your id.")],
    medium: Annotated[Medium, typer.Option(help="How they were reached.")],
    outcome: Annotated[TouchOutcome, typer.Option(help="How far it came.")],
    direction: Annotated[Direction, typer.Option(help="Who began it.")] = Direction.OUTBOUND,
    loan: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only about this loan of theirs.")] = None,
    address: Annotated[
        str | None, typer.Option(help="The number or mailbox; only a keyed index of it is kept.")
    ] = None,
    agent_kind: Annotated[AgentKind, typer.Option(help="Who made it.")] = AgentKind.HUMAN,
    agent: Annotated[str | None, typer.Option(help="The person's number or code. No name.")] = None,
    agency: Annotated[str | None, typer.Option(help="The agency's code.")] = None,
    purpose: Annotated[Purpose | None, typer.Option(help="Why; without it, it counts for every purpose.")] = None,
    at: Annotated[str | None, typer.Option(help="By default now; with its offset from UTC.")] = None,
    heard: Annotated[
        list[StopEvent] | None,
        typer.Option(metavar="EVENT", help="What the borrower said: promise_to_pay, refusal, dispute, ... Repeatable."),
    ] = None,
    verified: Annotated[bool, typer.Option("--identity-verified", help="It was shown to be the borrower.")] = False,
    requested: Annotated[bool, typer.Option("--requested", help="The borrower had asked for it.")] = False,
    consented: Annotated[bool, typer.Option("--consented", help="The borrower had agreed to it beforehand.")] = False,
    as_json: AsJson = False,
) -> None:
    """Record what happened, or what became of a reservation. The same again changes nothing."""
    encounter = NewEncounter(
        reference=reference,
        borrower=borrower,
        loan=loan,
        medium=medium,
        direction=direction,
        agent_kind=agent_kind,
        agent=agent,
        agency=agency,
        address=address,
        purpose=purpose,
        outcome=outcome,
        identity_verified=verified,
        requested=requested,
        consented=consented,
        at=checked("--at", fields.instant, at) if at else None,
        heard=tuple(heard or ()),
    )

    async def work(opened: App) -> Recorded:
        return await record_encounter(encounter, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    recorded = run_with_app(work)
    status = "had been recorded before" if recorded.repeated else "recorded"
    print_change({"reference": reference}, status, changed=not recorded.repeated, as_json=as_json)


@app.command()
def release(reference: Reference, *, as_json: AsJson = False) -> None:
    """A reserved call or visit did not happen: it counts no more."""

    async def work(opened: App) -> bool:
        return await release_encounter(reference, ledger=opened.ledger, clock=opened.clock, actor=terminal_actor())

    released = run_with_app(work)
    status = "released" if released else "had been released before"
    print_change({"reference": reference}, status, changed=released, as_json=as_json)


app.command()(ask)


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    state: Annotated[EncounterState | None, typer.Option(help="Only those in this state.")] = None,
    unsettled: Annotated[
        bool, typer.Option("--open", help="Only those of which nobody has said what became of them.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List encounters, the last recorded first."""
    if state and unsettled:
        raise InputError("give --state or --open, not both")
    wanted = OPEN if unsettled else (state,) if state else ()

    async def work(opened: App) -> Sequence[Encounter]:
        return await list_encounters(borrower, states=wanted, limit=limit, ledger=opened.ledger)

    found = run_with_app(work)
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([getattr(encounter, name) for name in _COLUMNS] for encounter in found))
