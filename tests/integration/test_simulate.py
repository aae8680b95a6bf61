"""A simulated week on a real ledger: lawful, explained, the same every time, and different under another policy."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.embedded import EmbeddedServer
from duecourse.ledger.forward import ForwardRows
from duecourse.settings import Settings
from duecourse.simulator.book_head import BUNDLED, write_head
from duecourse.simulator.forward.acts import Deed
from duecourse.simulator.forward.comparison import Wishes, simulate
from duecourse.simulator.forward.evidence import evidence_of
from duecourse.simulator.forward.latent import zone_of
from duecourse.simulator.forward.library import load_book
from duecourse.simulator.forward.month import Month
from duecourse.simulator.forward.page import page_of
from duecourse.simulator.forward.policy import Policy
from duecourse.simulator.forward.report import report_of
from duecourse.simulator.forward.span import Span
from duecourse.simulator.forward.stage import carriers, staged

START = datetime(2018, 6, 25, tzinfo=UTC)
SPAN = Span(start=START, end=START + timedelta(days=8))
FEWER = """
version = 1
[[rung]]
name = "T+3"
audiences = ["low", "standard", "high"]
day = 3
at = "10:00"
not_after = "16:00"
channels = ["sms", "email"]
template = "offer_help"
"""


class Nobody:
    """Watches nothing."""

    def note(self, doing: str) -> None: ...

    def watch(self, now: datetime) -> None: ...

    def ended(self, server: EmbeddedServer) -> None: ...


@pytest.fixture
async def month(settings: Settings, tmp_path: Path) -> AsyncIterator[Month]:
    """A week of 150 loans that has run."""
    book = write_head(BUNDLED, tmp_path / "book.csv", 150)
    await load_book(settings, [book], START, (SPAN.end + timedelta(days=40)).date())
    async with staged(settings, Policy(), SPAN, seed=1) as made:
        await made.run(SPAN.start, SPAN.end)
        yield made


async def test_a_simulated_week_keeps_its_promises(month: Month) -> None:
    """One run, looked at from several sides: it takes seconds."""
    crowd, quiet = month.crowd, month.app.settings.quiet
    sent: dict[str, list[tuple[datetime, ChannelKind]]] = {}
    assert len(month.touches) > 40
    for touch, _ in month.touches:
        borrower = crowd.borrower_of(touch.loans)
        assert borrower, "a message about nothing that is due"
        standing = next(crowd.standing[loan, touch.due_on] for loan in touch.loans)
        local = touch.at.astimezone(zone_of(standing.owed))
        assert not quiet.covers_time(local.time()), f"sent at {local}"
        sent.setdefault(borrower, []).append((touch.at, touch.channel))
    for paid in month.doors.paid:
        about = [t for t, _ in month.touches if paid.act.loan in t.loans and t.due_on == paid.act.due_on]
        if paid.act.share == 1:
            assert [t for t in about if t.at > paid.act.at] == [], "written to after it was paid"
    assert month.doors.done[Deed.PAY] == len(month.doors.paid)
    async with month.app.ledger.transaction() as tx:
        rows = ForwardRows(tx.conn)
        (dollars,) = await rows.instalments(SPAN.start.date(), SPAN.end.date())
        contacts = await rows.contacts()
    assert dollars["due"] == dollars["on_time"] + dollars["cured"] + dollars["open"] > 20
    arrived = sum(row["contacts"] for row in contacts if row["state"] in {"delivered", "undelivered"})
    assert arrived == len(month.touches)
    assert {row["state"] for row in contacts} <= {
        "planned", "delivered", "undelivered", "suppressed", "cancelled", "rejected", "expired",
    }  # fmt: skip
    # What is planned still is due after the end.
    async with month.app.ledger.transaction() as tx:
        coming = await ForwardRows(tx.conn).coming(SPAN.end - timedelta(minutes=5), month.workers)
    assert all(one.at >= SPAN.end - timedelta(minutes=5) for one in coming)


async def test_a_report_adds_up(month: Month) -> None:
    lanes = {kind: lane for kind, (_, lane) in carriers(month.app.settings).items()}
    report = report_of(await evidence_of(month, SPAN, lanes, call_minutes=6))
    rungs = report["contacts"]["by_rung"]
    assert sum(row["planned"] for row in rungs) == report["contacts"]["planned"]
    assert sum(row["delivered"] + row["undelivered"] for row in rungs) == report["contacts"]["sent"]
    assert sum(report["contacts"]["by_channel"].values()) == report["contacts"]["sent"]
    order = [rung.name for rung in month.cadence.rungs]
    met = [order.index(row["rung"]) for row in rungs if row["rung"] in order]
    assert met == sorted(met)
    assert sum(row["calls"] for row in report["calls"]["by_hour"]) == report["calls"]["rang"]
    assert report["metrics"]["contacts_sent"] == report["contacts"]["sent"]
    moved = report["payments"]
    assert sum(moved["caused_by"].values()) == (
        moved["caused_on_time"] + moved["caused_cures"] + moved["hastened_cures"]
    )
    assert any(row["pack"].startswith("house@") for row in report["packs_asked"])
    assert all(row["contacts"] <= report["contacts"]["planned"] for row in report["kept_back"])
    for row in report["kept_back"]:
        assert (row["pack"] is None) == (row["source"] is None), "a rule of a pack names its source"


@pytest.mark.long
async def test_the_same_seed_is_the_same_report_and_another_policy_meets_the_same_people(tmp_path: Path) -> None:
    fewer = tmp_path / "fewer.toml"
    fewer.write_text(FEWER, encoding="utf-8")
    book = write_head(BUNDLED, tmp_path / "book.csv", 60)
    wishes = Wishes(
        folder=tmp_path / "stores",
        files=[book],
        span=SPAN,
        policies=[Policy(), Policy(cadence=str(fewer))],
        seed=3,
    )
    report = await simulate(wishes, Nobody())
    again = await simulate(wishes, Nobody())
    assert json.dumps(report) == json.dumps(again)

    usual, few = report["policies"]
    assert few["contacts"]["sent"] < usual["contacts"]["sent"]
    assert few["payments"]["caused_on_time"] == 0, "after the due date nobody can be made to pay in time"
    assert usual["instalments"][0]["due"] == few["instalments"][0]["due"]
    gaps: dict[str, Any] = {row["metric"]: row for row in report["differences"][0]["metrics"]}
    assert gaps["contacts_sent"]["difference"] == few["contacts"]["sent"] - usual["contacts"]["sent"]
    assert gaps["contacts_sent"]["low"] is None, "one seed says nothing about chance"

    page = page_of(report)
    assert page.count("<svg") >= 8
    assert "no forecast" in page
    assert not any(word in page for word in ("src=", "href=", "url(", "<script", "@import")), "needs something else"
    assert "LC-" not in json.dumps(report), "borrowers' and loans' own numbers are nobody's business"


async def test_people_who_call_ask_the_gate_and_packs_change_what_it_says(tmp_path: Path) -> None:
    """Borrowers of the United States: their federal pack binds, unless only the house's rules are in force."""
    wishes = Wishes(
        folder=tmp_path / "stores",
        files=[write_head(BUNDLED, tmp_path / "book.csv", 150)],
        span=Span(start=START, end=START + timedelta(days=14)),
        policies=[Policy(packs=("house",), calls=True), Policy(packs=("house", "us-federal"), calls=True)],
    )
    report = await simulate(wishes, Nobody())
    alone, federal = ({row["pack"].partition("@")[0] for row in p["packs_asked"]} for p in report["policies"])
    assert (alone, federal) == ({"house"}, {"house", "us-federal"})
    for policy in report["policies"]:
        calls, kept = policy["calls"], [row for row in policy["kept_back"] if row["what"] == "call"]
        assert calls["dialled"] + calls["refused"] > 0
        assert calls["reached"] <= calls["dialled"] == sum(row["dialled"] for row in calls["by_hour"])
        assert bool(kept) == bool(calls["refused"])
        assert all(row["rule"] for row in kept)
    first, second = (policy["metrics"] for policy in report["policies"])
    assert second["contacts_sent"] <= first["contacts_sent"], "a pack more never allows more"
