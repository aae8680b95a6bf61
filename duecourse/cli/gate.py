"""`duecourse gate`: put a question to the gate, from a file or from the book, and hear its answer in words."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.gate_explain import explain
from duecourse.cli.gate_replay import replay
from duecourse.cli.output import FAILED, AsJson, print_json, print_table
from duecourse.policy.cases import Answer, answer
from duecourse.policy.words import verdict_in_words
from duecourse.settings import find_config_dir
from duecourse.settings.gate_cases import Knowledge, read_cases
from duecourse.settings.inbound import load_lexicon
from duecourse.settings.packs import load_packs

app = typer.Typer(no_args_is_help=True)
app.command()(explain)
app.command()(replay)

_Asked = tuple[str, Answer]
"""A case's name and one of its answers."""


@app.callback()
def gate() -> None:
    """The legal gate: try cases on it, and ask why it says what it says."""


@app.command("try")
def try_cases(
    path: Annotated[
        Path,
        typer.Argument(metavar="CASE.toml", exists=True, help="A case, or a folder of them such as examples/gate."),
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Decide a case that stands in a file: facts, history, packs, channel and time. See docs/gate.md.

    Needs the packs of config/ and nothing else: no database, no Redis, no keys. Exit code 1 where an answer is not
    what the case expects.
    """
    folder = find_config_dir(os.environ)
    packs = {pack.id: pack for pack in load_packs(folder)}
    cases = read_cases(path, Knowledge(packs=packs, lexicon=load_lexicon(folder)))
    asked = [(case.name, answer(question)) for case in cases for question in case.questions]
    wrong = sum(bool(found.differences) for _, found in asked)
    if as_json:
        print_json({"ok": not wrong, "answers": [_as_record(name, found) for name, found in asked]})
    else:
        _print_answers(asked, in_full=len(cases) == 1)
        typer.echo(f"{len(cases)} cases, {len(asked)} questions, {wrong} answers not as expected")
    if wrong:
        raise typer.Exit(FAILED)


def _print_answers(asked: Iterable[_Asked], *, in_full: bool) -> None:
    shown = None
    for name, found in asked:
        if name != shown:
            typer.echo(name)
            shown = name
        mark = "FAIL" if found.differences else "ok" if found.question.expect else "-"
        typer.echo(f"  {mark:<4}  {found.question.title}")
        for line in (in_words(found), *found.differences):
            typer.echo(f"        {line}")
        if in_full:
            _print_sources(found)


def _print_sources(found: Answer) -> None:
    """What one file's reader wants to see besides: the rules that decided, and those that might have."""
    if found.verdict.citations:
        typer.echo()
        print_table(("rule", "pack", "source", "pinpoint", "grade"), found.verdict.citations)
    bearing = [one for one in found.reported if found.question.expect and one.rule.id in found.question.expect.reported]
    for one in bearing:
        typer.echo(f"        not enforced: {one.rule.id} of {one.pack} ({one.why})")
    typer.echo()


def _as_record(name: str, found: Answer) -> dict[str, Any]:
    return {
        "case": name,
        "title": found.question.title,
        "ok": not found.differences,
        "differences": found.differences,
        "words": in_words(found),
        "verdict": found.verdict.as_json(),
        "reported": [{"pack": one.pack, "rule": one.rule.id, "why": one.why} for one in found.reported],
    }


def in_words(found: Answer) -> str:
    return verdict_in_words(found.verdict.as_json(), found.question.packs)
