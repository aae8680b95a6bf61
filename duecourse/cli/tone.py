"""`duecourse tone`: is this text fit to be said, how well does the guard judge, and who released what it doubted?"""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from duecourse.cli.options import terminal_actor
from duecourse.cli.output import FAILED, AsJson, print_fields, print_json, print_table
from duecourse.cli.tone_samples import read_samples
from duecourse.domain.errors import InputError
from duecourse.policy.tone import Finding, ToneContext
from duecourse.policy.tone.evaluation import Evaluation, evaluate
from duecourse.settings import find_config_dir
from duecourse.settings.tone import ContextWords, load_supervisors, load_tone
from duecourse.usecases.review_text import ReleaseText, TextReview, TextVerdict, review_text

app = typer.Typer(no_args_is_help=True)

_MOST_BYTES = 1_000_000

Text = Annotated[str, typer.Argument(metavar="TEXT|-", help="The text, or - to read it from standard input.")]
Context = Annotated[
    list[str] | None,
    typer.Option(
        "--context",
        metavar="NAME=VALUE",
        help="What the text cannot say: recipient, channel, legal_status, sender, offer_expiry. May be repeated.",
    ),
]


@app.callback()
def tone() -> None:
    """The tone guard: read a text, measure the guard, release what it doubts."""


@app.command()
def lint(text: Text, *, context: Context = None, as_json: AsJson = False) -> None:
    """Say what is wrong with a text and how to say it better. Exit code 1 if anything is.

    What is not stated counts as unknown, and unknown as no.
    """
    read = _read(text)
    review = review_text(read, _context(context or []), guard=load_tone(find_config_dir(os.environ)))
    if as_json:
        print_json({"verdict": review.verdict, "findings": [_shown(finding, read) for finding in review.findings]})
    else:
        _print(review, read)
    if review.verdict is not TextVerdict.PASSED:
        raise typer.Exit(FAILED)


@app.command("eval")
def eval_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON Lines with text, label, category, lang, recipient, channel.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Measure the guard on labelled texts: precision and recall per category and language."""
    folder = find_config_dir(os.environ)
    found = evaluate(read_samples(file, ContextWords(folder)), load_tone(folder))
    if as_json:
        print_json(found)
    else:
        _print_scores(found)


@app.command()
def release(
    text: Text,
    *,
    borrower: Annotated[str, typer.Option(metavar="EXTERNAL_ID", help="To whom it goes, by your id.")],
    supervisor: Annotated[
        str, typer.Option(metavar="NUMBER", help="Who releases it, by the staff number in config/tone/release.toml.")
    ],
    context: Context = None,
    as_json: AsJson = False,
) -> None:
    """Let a text leave in spite of advisory findings, and record who did; blocking findings stay.

    Only a supervisor in config/tone/release.toml may, from an account listed there. The ledger of events keeps who it
    was, the rules and a keyed digest of the text, never its words.
    """
    from duecourse.cli.session import run_with_app  # noqa: PLC0415 - the rest of the command needs no store

    read, stated = _read(text), _context(context or [])

    async def work(opened: Any) -> TextReview:
        from duecourse.ledger.crypto import Vault  # noqa: PLC0415 - as above

        vault = Vault(opened.settings.master_keys, opened.settings.index_key)
        use = ReleaseText(
            ledger=opened.ledger,
            clock=opened.clock,
            guard=load_tone(opened.settings.config_dir),
            fingerprint=lambda words: vault.index("text", words).hex(),
            supervisors=load_supervisors(opened.settings.config_dir),
        )
        return await use.release(read, stated, borrower=borrower, supervisor=supervisor, actor=terminal_actor())

    review = run_with_app(work)
    rules = [finding.rule for finding in review.findings]
    if as_json:
        print_json({"borrower": borrower, "supervisor": supervisor, "released": rules})
    else:
        print_fields([("borrower", borrower), ("supervisor", supervisor), ("released", rules)])


def _context(stated: Iterable[str]) -> ToneContext:
    values = {}
    for one in stated:
        name, equals, value = one.partition("=")
        if not equals:
            raise InputError(f"--context: must be NAME=VALUE, not {one!r}")
        values[name.strip()] = value.strip()
    return ContextWords(find_config_dir(os.environ)).exact(values)


def _read(text: str) -> str:
    if text != "-":
        return text
    read = sys.stdin.read(_MOST_BYTES + 1)
    if len(read) > _MOST_BYTES:
        raise InputError(f"text: longer than {_MOST_BYTES} characters")
    return read


def _shown(finding: Finding, text: str) -> dict[str, Any]:
    return {
        "category": finding.category,
        "rule": finding.rule,
        "severity": finding.severity,
        "start": finding.start,
        "end": finding.end,
        "words": text[finding.start : finding.end],
        "suggestion": finding.suggestion,
    }


def _print(review: TextReview, text: str) -> None:
    typer.echo(review.verdict.value)
    for finding in review.findings:
        typer.echo(f"{finding.severity}: {finding.category} ({finding.rule}) at {finding.start}-{finding.end}")
        typer.echo(f"  {text[finding.start : finding.end]!r}")
        typer.echo(f"  {finding.suggestion}")


def _print_scores(found: Evaluation) -> None:
    columns = ("language", "violations", "recall", "compliant", "compliant_flagged", "precision")
    print_table(columns, ([getattr(score, name) for name in columns] for score in found.languages))
    typer.echo()
    columns = ("language", "category", "texts", "flagged", "recall", "precision")
    print_table(columns, ([getattr(score, name) for name in columns] for score in found.categories))
    typer.echo()
    print_fields([("missed", found.missed), ("wrongly flagged", found.wrongly_flagged)])
