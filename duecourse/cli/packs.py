"""`duecourse packs`: which law the gate knows, how sure it is of it, and what changed between two versions."""

import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.jurisdictions import cited, grade_of, whom, why_reported
from duecourse.cli.output import FAILED, AsJson, print_fields, print_json, print_table
from duecourse.cli.pack_duties import duties_in_words, read_place
from duecourse.domain.clock import host_now
from duecourse.domain.errors import ConfigError, InputError
from duecourse.policy.packs.binding import Days, Kind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.difference import Change, changes
from duecourse.policy.packs.merge import duties
from duecourse.policy.packs.model import Pack, Rule, Source
from duecourse.policy.packs.vocabulary import ActorRole, DebtorType, Medium, Purpose
from duecourse.policy.packs.writing import plain, said
from duecourse.policy.rule_words import rule_in_words
from duecourse.settings import find_config_dir
from duecourse.settings.packs import read_pack_file, read_packs

app = typer.Typer(no_args_is_help=True)

On = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="Enforced or not on this day; else on the day that the pack is known to."),
]


@app.callback()
def packs() -> None:
    """Rule packs: check them, list them, show one, compare two."""


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Read every pack of config/packs. All mistakes are told at once, with file and key. Exit code 1 if any."""
    folder = find_config_dir(os.environ)
    found = read_packs(folder)
    if as_json:
        errors = [{"file": error.file, "key": error.key, "problem": error.problem} for error in found.errors]
        print_json({"ok": not errors, "packs": [pack.name for pack in found.packs], "problems": errors})
    else:
        _tell(found.errors)
        if not found.errors:
            typer.echo(f"{len(found.packs)} packs in {folder / 'packs'} are right")
    if found.errors:
        raise typer.Exit(FAILED)


@app.command(name="list")
def list_(*, on: On = None, as_json: AsJson = False) -> None:
    """List the packs, and how many rules of each are enforced; the others are only reported. See docs/packs.md."""
    rows = [_line(pack, on.date() if on else pack.as_of) for pack in _all()]
    if as_json:
        print_json(rows)
    else:
        print_table(tuple(rows[0]), (tuple(row.values()) for row in rows))


@app.command()
def show(
    pack: Annotated[str, typer.Argument(help="A pack's id, or the path of its file.")],
    *,
    on: On = None,
    as_json: AsJson = False,
) -> None:
    """Show a pack rule by rule: what it demands, by which article, how well that is checked, why it is not enforced."""
    found = _find(pack)
    day = on.date() if on else found.as_of
    if as_json:
        standing = {rule.id: _standing(found, rule, day) for rule in found.rules}
        print_json(plain(found) | {"on": day, "standing": standing})
        return
    print_fields(_head(found))
    typer.echo()
    columns = ("source", "title", "kind", "status", "grade", "from", "to")
    print_table(columns, (_source(source) for source in found.sources.values()))
    typer.echo()
    print_table(
        ("rule", "demands", "of whom", "by", "grade", "enforced"), (_rule(found, rule, day) for rule in found.rules)
    )


@app.command()
def diff(
    before: Annotated[str, typer.Argument(help="A pack's id, or the path of its file.")],
    after: Annotated[str, typer.Argument(help="Another.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Say what changed from one pack to another, or to another version of its file: rule by rule, key by key."""
    old, new = _find(before), _find(after)
    found = changes(old, new)
    if as_json:
        print_json({"before": old.name, "after": new.name, "changes": found})
        return
    for change in found:
        typer.echo(_sentence(change))
    if not found:
        typer.echo(f"{old.name} and {new.name} say the same")


@app.command(name="duties")
def duties_(
    place: Annotated[str, typer.Argument(help="Where the borrower lives: a country or a part of it, US or BR-SP.")],
    *,
    role: Annotated[ActorRole, typer.Option(help="In whose name the loan is collected.")] = ActorRole.FIRST_PARTY,
    lender: Annotated[str | None, typer.Option(metavar="COUNTRY", help="The lender's seat.")] = None,
    channel: Annotated[Medium, typer.Option(help="On which somebody asks to stop.")] = Medium.SMS,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="By default today.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what all packs that apply ask for beside the contact: how long to keep what, how soon to answer whom.

    The longest minimum and the shortest deadline win. What cannot all be kept is left to a person.
    """
    kind = Kind(
        medium=channel,
        purpose=Purpose.COLLECTION_INTERACTIVE,
        actor_role=role,
        lender_type=None,
        debtor_type=DebtorType.NATURAL_PERSON,
        residence=read_place(place),
        present=None,
        lender_country=read_place(lender).country if lender else None,
        carrier_country=None,
    )
    day = on.date() if on else host_now().date()
    regime = PackSet(_all()).regime(kind, Days(day, day))
    found = duties(regime)
    if as_json:
        print_json({"packs": regime.packs, "duties": found})
    else:
        typer.echo(f"together, {', '.join(regime.packs)} ask:")
        print_table(("what", "by"), duties_in_words(found))


def _all() -> tuple[Pack, ...]:
    """Every pack, if all are right."""
    found = read_packs(find_config_dir(os.environ))
    if found.errors:
        _tell(found.errors)
        raise typer.Exit(FAILED)
    return found.packs


def _find(name: str) -> Pack:
    """By id, or by the path of a file: what holds a slash or ends in .toml is a path."""
    if name.endswith(".toml") or os.sep in name:
        read = read_pack_file(Path(name))
        _tell(read.errors)
        if read.pack is None:
            raise typer.Exit(FAILED)
        return read.pack
    known = {pack.id: pack for pack in _all()}
    if name not in known:
        raise InputError(f"no pack {name!r}; the packs are {', '.join(known)}")
    return known[name]


def _tell(errors: tuple[ConfigError, ...]) -> None:
    for error in errors:
        typer.echo(f"error: {error}", err=True)


def _line(pack: Pack, on: date) -> dict[str, Any]:
    enforced = sum(why_reported(pack, rule, on) is None for rule in pack.rules)
    return {
        "pack": pack.id,
        "title": pack.title,
        "version": pack.version,
        "as_of": pack.as_of,
        "rules": len(pack.rules),
        "enforced": enforced,
        "reported": len(pack.rules) - enforced,
    }


def _head(pack: Pack) -> list[tuple[str, Any]]:
    tables = plain(pack)
    head = tables["pack"]
    return [(key, value if isinstance(value, str | date) else said(value)) for key, value in head.items()] + [
        (name, said(tables[name])) for name in ("timezone", "calendars") if name in tables
    ]


def _source(source: Source) -> tuple[Any, ...]:
    dates = (source.effective_from or source.issued, source.effective_to)
    return (source.id, source.title, source.kind, source.status, source.grade, *dates)


def _rule(pack: Pack, rule: Rule, on: date) -> tuple[str, ...]:
    why = why_reported(pack, rule, on)
    return (
        rule.id,
        rule_in_words(rule),
        whom(rule) or "everybody",
        cited(pack, rule),
        grade_of(pack, rule),
        f"no: {why}" if why else "yes",
    )


def _standing(pack: Pack, rule: Rule, on: date) -> dict[str, Any]:
    why = why_reported(pack, rule, on)
    return {"demands": rule_in_words(rule), "grade": grade_of(pack, rule), "enforced": why is None, "why_not": why}


def _sentence(change: Change) -> str:
    where = f"{change.place} {change.id}".strip()
    if change.key is None:
        return f"{where}: {change.how}"
    key = f"{where}: {change.key}"
    if change.before is None:
        return f"{key}: added {said(change.after)}"
    if change.after is None:
        return f"{key}: removed {said(change.before)}"
    return f"{key}: {said(change.before)} -> {said(change.after)}"
