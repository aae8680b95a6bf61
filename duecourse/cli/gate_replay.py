"""`duecourse gate replay`: judge stored verdicts again, by the packs that gave them or by others."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Annotated, Any

import typer

from duecourse.bootstrap import App
from duecourse.cli.output import FAILED, AsJson, print_json, print_table, shown
from duecourse.cli.session import run_with_app
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import Decision
from duecourse.ledger.verdicts import VerdictFilter, kept_verdicts
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.model import Pack
from duecourse.policy.replay import Again, Archive, Kept, LawOf, Replayed, judge_again
from duecourse.policy.words import verdict_in_words
from duecourse.settings import Settings
from duecourse.settings.packs import load_packs

_COLUMNS = ("contact_id", "at", "was", "is", "in words")
_WRONG = frozenset({Again.DIFFERENT, Again.UNREADABLE})


@dataclass(kw_only=True)
class _Report:
    """What came of all of them; in full only the first few that changed."""

    what_if: bool
    most: int
    counts: Counter[Again] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    changed: list[dict[str, Any]] = field(default_factory=list)

    def add(self, one: Replayed, packs: Sequence[Pack]) -> None:
        again = Again.SAME if self.what_if and one.again is Again.DIFFERENT and not _decides_else(one) else one.again
        self.counts[again] += 1
        if again not in _WRONG:
            return
        line = _line(one, packs)
        self.changes[f"{line['was']} -> {line['is']}"] += 1
        if len(self.changed) < self.most:
            self.changed.append(line)

    @property
    def wrong(self) -> bool:
        return not self.what_if and any(self.counts[again] for again in _WRONG)


def replay(
    *,
    contact: Annotated[int | None, typer.Option(metavar="ID", help="Only this contact's verdicts.")] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Only verdicts from this day on, in UTC.")
    ] = None,
    packs: Annotated[
        list[str] | None,
        typer.Option(metavar="PACK", help="Ask what this pack of config/packs would have decided; repeat it for more."),
    ] = None,
    at: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Ask what the law of this day would have decided, by your packs."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, max=100_000, help="Tell at most so many changes in full.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Judge stored verdicts again from the facts that they keep. Writes nothing.

    Without --packs and --at each is judged by the very versions that gave it, which must be in config/packs: any
    difference is a fault, and the exit code 1. With them it tells what would have been decided otherwise.
    """
    wanted = VerdictFilter(contact_id=contact, since=since.replace(tzinfo=UTC) if since else None)
    report = _Report(what_if=bool(packs or at), most=limit)
    run_with_app(lambda app: _replay(app, wanted, (packs or [], at.date() if at else None), report))
    if as_json:
        print_json({"ok": not report.wrong, **vars(report)})
    else:
        _print(report)
    if report.wrong:
        raise typer.Exit(FAILED)


async def _replay(app: App, wanted: VerdictFilter, instead: tuple[Sequence[str], date | None], report: _Report) -> None:
    every = load_packs(app.settings.config_dir)
    judge = _judge(app.settings, every, *instead)
    async for kept in kept_verdicts(app.ledger, wanted):
        report.add(judge(kept), every)


def _judge(
    settings: Settings, every: Sequence[Pack], names: Sequence[str], day: date | None
) -> Callable[[Kept], Replayed]:
    """By the packs that decided, or by those that are asked about instead."""
    policy = settings.policy
    if not names and day is None:
        return Archive(every).replay
    packs = _chosen(every, names) if names else load_packs(settings.config_dir, policy)
    opt_in = set(policy.opt_in) & {rule.id for pack in packs for rule in pack.rules}
    asked = LawOf(packs, opt_in=opt_in, day=day) if day else PackSet(packs, opt_in=opt_in)
    return lambda kept: judge_again(kept, asked)


def _chosen(every: Sequence[Pack], names: Sequence[str]) -> list[Pack]:
    known = {pack.id: pack for pack in every}
    for name in names:
        if name not in known:
            raise InputError(f"--packs: unknown: {name!r}; the packs are {', '.join(sorted(known))}")
    return [known[name] for name in dict.fromkeys(names)]


def _decides_else(one: Replayed) -> bool:
    """Under other packs an allow names other rules: what counts is what becomes of the contact, and why."""
    allowed = one.kept.record["decision"] == Decision.ALLOW
    return bool({"decision", "until"} & set(one.differences)) or (not allowed and "rules" in one.differences)


def _line(one: Replayed, packs: Sequence[Pack]) -> dict[str, Any]:
    now = one.verdict.as_json() if one.verdict else None
    return {
        "event_id": one.kept.event_id,
        "contact_id": one.kept.contact_id,
        "at": one.kept.at,
        "was": _short(one.kept.record),
        "is": _short(now) if now else one.again.value,
        "differences": one.differences,
        "in words": verdict_in_words(now, packs) if now else "",
    }


def _short(record: Any) -> str:
    """`defer: quiet-hours`; an allow alone, since its rules are all there are."""
    rules = "" if record["decision"] == Decision.ALLOW else ", ".join(record.get("rules", ()))
    return f"{record['decision']}: {rules}" if rules else str(record["decision"])


def _print(report: _Report) -> None:
    if report.changed:
        print_table(_COLUMNS, ([line[name] for name in _COLUMNS] for line in report.changed))
    for change, count in report.changes.most_common():
        typer.echo(f"{count:>8}  {change}")
    counted = [f"{report.counts[again]} {again.replace('_', ' ')}" for again in Again if report.counts[again]]
    typer.echo(f"{shown(report.counts.total())} verdicts: {', '.join(counted) or 'none'}")
