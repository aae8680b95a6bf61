"""Stored verdicts can be judged again from the command line, and a wrong one is found."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.clock import Times
from duecourse.domain.contact import month_base
from duecourse.domain.event import Event
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.ledger.database import PostgresLedger
from duecourse.ledger.verdicts import VerdictFilter, kept_verdicts
from duecourse.policy.gate import decide
from duecourse.policy.house import house_alone
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.replay import Again, Archive
from duecourse.settings.packs import load_packs
from tests.gate_rules import FINE
from tests.pipeline import QUIET, World
from tests.seed import seed

AT = datetime(2026, 11, 18, 17, tzinfo=UTC)
CONTACT = month_base(AT.date()) + 1_000_001
PACKS = PackSet(load_packs(Path(__file__).resolve().parents[2] / "config"))


def verdict(**changed: Any) -> Verdict:
    return decide(replace(FINE, **changed), AT, PACKS)


async def keep(ledger: PostgresLedger, *verdicts: Verdict, at: datetime = AT, contact: int = CONTACT) -> None:
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (at.date(), at.date()))
        times = Times(business=at, lease=at)
        events = [
            Event(kind="contact.judged", contact_id=contact, borrower_id=3, data={"verdict": one.as_json()})
            for one in verdicts
        ]
        await tx.events.append(times, "worker:sms", events)


def replay(environment: Mapping[str, str], *options: str) -> "subprocess.CompletedProcess[str]":
    program = [sys.executable, "-m", "duecourse.cli.main", "gate", "replay", *options]
    return subprocess.run(program, env=dict(environment), capture_output=True, text=True, check=False, timeout=60)


async def test_verdicts_are_read_in_order_past_the_end_of_a_page(
    ledger: PostgresLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("duecourse.ledger.verdicts._ROWS", 2)
    late, early = AT + timedelta(days=40), AT
    await keep(ledger, verdict(), at=late)
    await keep(ledger, *[verdict()] * 4, at=early)
    found = [kept async for kept in kept_verdicts(ledger, VerdictFilter())]
    assert [kept.at for kept in found] == [early] * 4 + [late]
    assert len({kept.event_id for kept in found}) == 5
    since = [kept.at async for kept in kept_verdicts(ledger, VerdictFilter(since=late))]
    assert since == [late]
    other = [kept async for kept in kept_verdicts(ledger, VerdictFilter(contact_id=CONTACT + 1))]
    assert other == []


async def test_what_workers_stored_is_judged_the_same_again(world: World) -> None:
    """Sent, and refused since the borrower's clock or an opt-out changed meanwhile: through the real claim."""
    for _ in range(3):
        await seed(world.ledger)
    await world.plan()
    ids = await world.release()
    await world.rows("UPDATE borrowers SET time_zone = 'Asia/Tokyo' WHERE borrower_id % 3 = 0 RETURNING 1")
    await world.rows("UPDATE contact_points SET consent = 'withdrawn' WHERE borrower_id % 3 = 1 RETURNING 1")
    await world.worker()(ids)
    archive = Archive(house_alone(QUIET).packs)
    found = [archive.replay(kept) async for kept in kept_verdicts(world.ledger, VerdictFilter())]
    rules = {one.kept.record["rules"][0] for one in found if one.kept.record["decision"] != "allow"}
    assert (len(found), rules) == (3, {"quiet-hours", "no-consent"})
    assert [one for one in found if one.again is not Again.SAME] == []


async def test_the_command_finds_every_verdict_the_same(ledger: PostgresLedger, environment: dict[str, str]) -> None:
    await keep(ledger, verdict(), verdict(opted_out=True), Verdict(decision=Decision.SUPPRESS, rules=("no-route",)))
    done = replay(environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "3 verdicts: 2 same, 1 not judged\n"


async def test_the_command_ends_with_1_where_a_verdict_would_not_be_given(
    ledger: PostgresLedger, environment: dict[str, str]
) -> None:
    wrong = replace(verdict(opted_out=True), decision=Decision.ALLOW)
    await keep(ledger, verdict(), wrong)
    done = replay(environment, "--contact", str(CONTACT), "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["ok"], told["counts"]) == (False, {"same": 1, "different": 1})
    [line] = told["changed"]
    assert (line["was"], line["is"], line["differences"]) == ("allow", "suppress: opted-out", ["decision"])
    assert line["in words"] == "not sent: the borrower asked us to stop"


async def test_the_command_tells_what_other_packs_would_have_decided(
    ledger: PostgresLedger, environment: dict[str, str]
) -> None:
    await keep(ledger, verdict(touches_today=1), verdict())
    done = replay(environment, "--packs", "us-federal", "--since", "2026-11-01")
    assert (done.returncode, done.stderr) == (0, "")
    assert "suppress: channel-day-cap -> allow" in done.stdout
    assert done.stdout.endswith("2 verdicts: 1 same, 1 different\n")


async def test_the_command_refuses_a_pack_that_is_not_there(environment: dict[str, str]) -> None:
    done = replay(environment, "--packs", "atlantis")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: --packs: unknown: 'atlantis'; the packs are au, br,")
