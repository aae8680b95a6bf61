"""`duecourse contacts`: what was planned, what became of it, and why."""

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from duecourse.bootstrap import App
from duecourse.cli.output import AsJson, print_fields, print_json, print_table, shown
from duecourse.cli.session import run_with_app
from duecourse.domain.contact import ContactState
from duecourse.domain.errors import InputError
from duecourse.domain.letter import Letter
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.stories import ContactFilter, Row, Story
from duecourse.policy.packs.model import Pack
from duecourse.policy.words import verdict_in_words
from duecourse.settings.packs import read_packs
from duecourse.usecases.reveal_contact import RevealContact

app = typer.Typer(no_args_is_help=True)

_COLUMNS = (
    "contact_id", "due_on", "borrower", "cadence", "rung", "channel", "state", "reason", "scheduled_at", "attempts",
)  # fmt: skip


@app.callback()
def contacts() -> None:
    """Contacts: list them, or tell the whole story of one."""


@app.command("list")
def list_contacts(
    *,
    state: Annotated[ContactState | None, typer.Option(help="Only those in this state.")] = None,
    channel: Annotated[ChannelKind | None, typer.Option(help="Only this channel.")] = None,
    due_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only this due date.")] = None,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    rung: Annotated[str | None, typer.Option(help="Only this rung, such as T0-morning.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List contacts, the newest due dates first.

    For example, what nobody can tell became of: duecourse contacts list --state assumed_sent
    """
    wanted = ContactFilter(
        state=state,
        channel=channel,
        due_on=due_on.date() if due_on else None,
        borrower=borrower,
        rung=rung,
        limit=limit,
    )
    found = run_with_app(lambda opened: _find(opened, wanted))
    if as_json:
        print_json(found)
    else:
        print_table(_COLUMNS, ([row[name] for name in _COLUMNS] for row in found))


@app.command()
def show(
    contact_id: Annotated[int, typer.Argument(metavar="ID", help="As `contacts list` shows it.")],
    *,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Also open what was sent and to whom. That you looked is recorded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Tell the whole story of one contact: every attempt, every verdict in words with its facts, every receipt."""
    story, letters, packs = run_with_app(lambda opened: _tell(opened, contact_id, reveal=reveal))
    if as_json:
        sent = {number: {"to": letter.to, **asdict(letter.body)} for number, letter in letters.items()}
        events = [event | _words(event, packs) for event in story.events]
        print_json(asdict(story) | {"events": events} | ({"letters": sent} if reveal else {}))
        return
    _print_story(story, packs)
    for number, letter in letters.items():
        _print_letter(number, letter)


async def _find(opened: App, wanted: ContactFilter) -> Sequence[Row]:
    async with opened.ledger.transaction() as tx:
        return await tx.stories.find(wanted)


async def _tell(opened: App, contact_id: int, *, reveal: bool) -> tuple[Story, dict[int, Letter], tuple[Pack, ...]]:
    async with opened.ledger.transaction() as tx:
        story = await tx.stories.tell(contact_id)
    if story is None:
        raise InputError(f"there is no contact {contact_id}")
    # What is told of the past does not depend on whether today's files are right.
    packs = read_packs(opened.settings.config_dir).packs
    if not reveal:
        return story, {}, packs
    look = RevealContact(ledger=opened.ledger, clock=opened.clock, actor=f"cli:uid-{os.getuid()}")
    return story, await look(story.contact["due_on"], contact_id), packs


def _words(event: Row, packs: Sequence[Pack]) -> dict[str, str]:
    """What the event's verdict says in a sentence, where it has one."""
    verdict = event["data"].get("verdict")
    return {"words": verdict_in_words(verdict, packs)} if verdict else {}


def _print_story(story: Story, packs: Sequence[Pack]) -> None:
    print_fields((name, value) for name, value in story.contact.items() if value != [])
    for attempt in story.attempts:
        _head(f"attempt {attempt['number']}")
        print_fields((name, value) for name, value in attempt.items() if name != "number")
    _head("events")
    for event in story.events:
        _print_event(event, packs)
    if story.receipts:
        _head("receipts")
        print_table(tuple(story.receipts[0]), (tuple(receipt.values()) for receipt in story.receipts))


def _print_event(event: Row, packs: Sequence[Pack]) -> None:
    data = dict(event["data"])
    verdict = data.pop("verdict", None)
    _line(f"{shown(event['at'])}  {event['kind']}  by {event['actor']}" + (f"  {shown(data)}" if data else ""))
    if verdict:
        _line(f"    {verdict_in_words(verdict, packs)}")
        _print_verdict(verdict)


def _print_verdict(verdict: dict[str, Any]) -> None:
    for part in ("rules", "packs", "facts"):
        if verdict.get(part):
            _line(f"    {part}: {shown(verdict[part])}")


def _print_letter(number: int, letter: Letter) -> None:
    _head(f"letter of attempt {number}")
    print_fields([("to", letter.to), ("subject", letter.body.subject), ("segments", letter.body.segments)])
    _line(letter.body.text)


def _head(title: str) -> None:
    _line(f"\n{title}")


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
