"""`duecourse reviews`: contacts that the gate left to a person, and what the person decides."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from duecourse.bootstrap import App
from duecourse.cli.options import terminal_actor
from duecourse.cli.output import AsJson, print_fields, print_json, print_table
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.domain.review import Decided, NewDecision, Review, ReviewDecision
from duecourse.policy.reviews import left_to_people
from duecourse.policy.words import verdict_in_words
from duecourse.usecases.review_contacts import decide_review, find_review, list_reviews

app = typer.Typer(no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="REVIEW_ID", help="As `reviews list` shows it.")]

_COLUMNS = ("review_id", "contact_id", "borrower", "channel", "rung", "asked_at", "not_after")
_DECISION = ("decision", "lifts", "decided_by", "reason", "decided_at")


@app.callback()
def reviews() -> None:
    """Contacts that the gate left to a person."""


@app.command("list")
def list_(
    *,
    borrower: Annotated[str | None, typer.Option(metavar="EXTERNAL_ID", help="Only this borrower, by your id.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """List what waits for a person: what ends first comes first. What nobody decides expires."""

    async def work(opened: App) -> Sequence[Review]:
        return await list_reviews(borrower, limit=limit, ledger=opened.ledger, clock=opened.clock)

    found = run_with_app(work)
    if as_json:
        print_json([_in_short(review) for review in found])
    else:
        rows = ([*(getattr(review, name) for name in _COLUMNS), _cited(review)] for review in found)
        print_table((*_COLUMNS, "rules"), rows)


@app.command()
def show(review_id: Number, *, as_json: AsJson = False) -> None:
    """Show one: what the gate said and on which facts, and which of its rules a person may lift."""

    async def work(opened: App) -> tuple[Review, str, tuple[str, ...]]:
        review = await find_review(review_id, ledger=opened.ledger, clock=opened.clock)
        packs = opened.packs.packs
        return review, verdict_in_words(review.verdict, packs), left_to_people(review.rules, packs)

    review, words, liftable = run_with_app(work)
    if as_json:
        print_json(asdict(review) | {"words": words, "liftable": liftable})
        return
    print_fields((name, getattr(review, name)) for name in (*_COLUMNS, "state", "waits"))
    if review.decision:
        print_fields((name, getattr(review, name)) for name in _DECISION)
    typer.echo(f"\n{words}\n")
    print_table(("rule", "source", "a person may lift it"), _rules(review, liftable))
    typer.echo("\nfacts")
    print_fields(review.verdict["facts"].items())


@app.command()
def decide(
    review_id: Number,
    *,
    allow: Annotated[bool, typer.Option("--allow", help="Lift the rules that left it to a person.")] = False,
    refuse: Annotated[bool, typer.Option("--refuse", help="It never leaves.")] = False,
    again: Annotated[bool, typer.Option("--again", help="The cause is removed: lift nothing, ask once more.")] = False,
    by: Annotated[str, typer.Option("--by", metavar="CODE", help="Who decides: a number or code, no name.")],
    reason: Annotated[str, typer.Option(help="Why, in a line that is kept for ever. No personal data.")],
    as_json: AsJson = False,
) -> None:
    """Decide about one. The same again changes nothing.

    What is allowed goes through the gate once more before its not-after, and only then leaves. No person can allow what
    a rule forbids.
    """
    chosen = {ReviewDecision.ALLOW: allow, ReviewDecision.REFUSE: refuse, ReviewDecision.AGAIN: again}
    new = NewDecision(decision=_only([one for one, given in chosen.items() if given]), by=by, reason=reason)

    async def work(opened: App) -> Decided:
        return await decide_review(
            review_id,
            new,
            packs=opened.packs.packs,
            ledger=opened.ledger,
            clock=opened.clock,
            actor=terminal_actor(),
        )

    decided = run_with_app(work)
    if as_json:
        print_json({
            "review_id": review_id,
            "contact_id": decided.review.contact_id,
            "decision": new.decision,
            "lifts": decided.lifts,
            "changed": not decided.repeated,
        })
    else:
        print_fields([
            ("review_id", review_id),
            ("contact_id", decided.review.contact_id),
            ("decision", new.decision),
            ("lifts", decided.lifts or None),
            ("status", "had been decided before" if decided.repeated else "decided"),
        ])


def _only(chosen: Sequence[ReviewDecision]) -> ReviewDecision:
    if len(chosen) != 1:
        raise InputError("give one of --allow, --refuse and --again")
    return chosen[0]


def _in_short(review: Review) -> dict[str, Any]:
    """Without the verdict, which `reviews show` has."""
    named: dict[str, Any] = {name: getattr(review, name) for name in _COLUMNS}
    return named | {"rules": review.rules, "citations": review.verdict.get("citations", [])}


def _sources(review: Review) -> dict[str, str]:
    cited = review.verdict.get("citations", ())
    return {one["rule"]: f"{one['source']} {one['pinpoint'] or ''}".strip() for one in cited}


def _cited(review: Review) -> str:
    sources = _sources(review)
    return "; ".join(f"{rule} ({sources[rule]})" if rule in sources else rule for rule in review.rules)


def _rules(review: Review, liftable: Sequence[str]) -> list[tuple[str, str, str]]:
    sources = _sources(review)
    return [(rule, sources.get(rule, ""), "yes" if rule in liftable else "no") for rule in review.rules]
