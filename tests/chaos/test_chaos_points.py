"""Processes die, sleep and fail at marked points of claim, send and record, and no promise is broken."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.chaos.marks import MarkedLedger
from duecourse.simulator.chaos.matrix import KINDS, MatrixWishes, Order, every_order, run_matrix
from duecourse.simulator.chaos.points import Fate, Orders, PointFailedError, Points
from duecourse.simulator.chaos.skew import Skew
from tests.conftest import REPOSITORY

KILL, FREEZE, FAIL = Fate
#: Each moment that matters, in one kind of process each: `duecourse chaos --points` does all in all of them.
MOMENTS: tuple[Order, ...] = (
    ("sms:arm:begin", KILL),
    ("push:arm:claims.*", KILL),
    ("email:arm:*:commit", KILL),
    ("push:arm:*:committed", KILL),
    ("sms:send:between", KILL),
    ("push:send:under-way", KILL),
    ("email:send:answered", KILL),
    ("sms:settle:*:commit", KILL),
    ("email:settle:*:committed", KILL),
    ("sms:recall:answered", KILL),
    ("sms:send:answered", FREEZE),
    ("email:text:render", FAIL),
    ("email:send:permitted", FAIL),
    ("push:settle:*:committed", FAIL),
    ("sms:settle:begin", FAIL),
    ("email:settle:settlements.settle", FAIL),
    ("sms:limiter:give_back", FAIL),
    ("scheduler:plancontacts:*:committed", KILL),
    ("scheduler:releasecontacts:*:committed", KILL),
    ("scheduler:sweep:*:commit", KILL),
    ("scheduler:sweep:*:committed", KILL),
    ("inbox:process:*:commit", KILL),
    ("inbox:process:*:committed", KILL),
    ("web:process:*:committed", KILL),
)


# What the dead leave open is closed by nobody.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.long
async def test_no_promise_is_broken_whichever_moment_a_process_dies_at(tmp_path: Path) -> None:
    notes: list[str] = []

    report = await run_matrix(MatrixWishes(seed=5, folder=tmp_path, orders=MOMENTS), notes.append)

    assert report["unrest"] is None
    assert (report["broken_by"], report["broken_at"]) == ({}, [])
    assert report["never_come_by"] == []
    assert len(report["obeyed"]) == len(MOMENTS)
    assert report["accepted"] > 100


@pytest.fixture
def orders(tmp_path: Path) -> Orders:
    return Orders(tmp_path / "points")


@pytest.fixture
def points(orders: Orders) -> Points:
    return Points(orders.folder, "sms")


def test_an_order_is_obeyed_once_by_whoever_comes_by_first(orders: Orders, points: Points) -> None:
    points.passing("arm:begin")
    orders.give("sms:arm:begin", FAIL)
    with pytest.raises(PointFailedError):
        points.passing("arm:begin")
    points.passing("arm:begin")
    assert (orders.passed(), orders.waiting()) == (["sms:arm:begin"], [])
    assert orders.obedient("sms:arm:begin") == os.getpid()


def test_an_order_that_nobody_came_by_can_be_withdrawn(orders: Orders, points: Points) -> None:
    orders.give("sms:arm:begin", KILL)
    assert points.is_awaited("arm:begin")
    assert orders.withdraw("sms:arm:begin")
    assert not orders.withdraw("sms:arm:begin")
    points.passing("arm:begin")


def test_who_is_told_to_die_dies_at_once(orders: Orders) -> None:
    orders.give("sms:arm:begin", KILL)
    probe = (
        "from pathlib import Path; from duecourse.simulator.chaos.points import Points\n"
        f"Points(Path({str(orders.folder)!r}), 'sms').passing('arm:begin'); print('alive')"
    )
    ended = subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True, check=False)
    assert (ended.returncode, ended.stdout) == (-signal.SIGKILL, b"")


async def test_a_transaction_comes_by_its_begin_each_statement_its_commit_and_what_follows(
    ledger: PostgresLedger, orders: Orders, points: Points
) -> None:
    async with MarkedLedger(ledger, points, "inbox").transaction() as tx:
        await tx.inbox.open_ids(after=0, limit=1)
    assert orders.passed() == [
        "sms:inbox:begin",
        "sms:inbox:inbox.open_ids",
        "sms:inbox:inbox.open_ids:commit",
        "sms:inbox:inbox.open_ids:committed",
    ]


async def write(ledger: MarkedLedger) -> None:
    async with ledger.transaction() as tx:
        await tx.inbox.open_ids(after=0, limit=1)
        await tx.conn.execute("INSERT INTO owners (owner, kind, started_at) VALUES (7, 'probe', '2018-07-10')")


async def test_a_commit_whose_answer_is_lost_stands_and_looks_like_a_store_that_is_away(
    ledger: PostgresLedger, orders: Orders, points: Points
) -> None:
    orders.give("sms:inbox:inbox.open_ids:committed", FAIL)
    with pytest.raises(StoreUnavailable):
        await write(MarkedLedger(ledger, points, "inbox"))
    async with ledger.transaction() as tx:
        assert await (await tx.conn.execute("SELECT owner FROM owners")).fetchall() == [(7,)]


def test_every_point_is_died_and_slept_at_and_answers_can_be_lost() -> None:
    found = every_order(["sms:arm:begin", "sms:arm:claims.claim:committed", "sms:settle:begin"])
    assert {fate for _, fate in found} == {KILL, FREEZE, FAIL}
    assert ("sms:arm:begin", FAIL) not in found
    assert ("sms:settle:begin", FAIL) in found


@pytest.mark.parametrize("module", ["workers.sms", "workers.inbox", "workers.scheduler", "duecourse.web.serve"])
def test_no_process_that_is_started_as_usual_knows_of_points(module: str, environment: dict[str, str]) -> None:
    probe = f"import sys, {module}; print([name for name in sys.modules if 'simulator' in name])"
    said = subprocess.run([sys.executable, "-c", probe], env=environment, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (0, "[]\n"), said.stderr


def test_points_are_refused_where_real_providers_may_be_called(environment: dict[str, str], tmp_path: Path) -> None:
    doomed = [sys.executable, "-m", "duecourse.simulator.chaos.doomed", "sms-1", "dramatiq", "workers.sms"]
    orders = environment | {"DUECOURSE_CHAOS_POINTS": str(tmp_path)}
    said = subprocess.run(doomed, env=orders, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout) == (1, "")
    assert "a sandbox to send to" in said.stderr


def test_a_clock_is_as_wrong_as_it_is_told_to_be_and_right_without_a_word(tmp_path: Path) -> None:
    file, now = tmp_path / "sms-1", [0.0]
    skew = Skew(file, lambda: now[0])
    assert skew.seconds() == 0
    file.write_text("-300")
    assert skew.seconds() == 0
    now[0] += 1
    assert skew.seconds() == -300


def test_a_wrong_clock_is_what_the_product_and_its_broker_read_and_deadlines_do_not(tmp_path: Path) -> None:
    file = tmp_path / "sms-1"
    file.write_text("-86400")
    probe = (
        "import time; from pathlib import Path; right = time.time(), time.monotonic()\n"
        f"from duecourse.simulator.chaos.skew import Skew, install; install(Skew(Path({str(file)!r})))\n"
        "from dramatiq.common import current_millis; from duecourse.domain.clock import host_now\n"
        "told = current_millis() / 1000, host_now().timestamp(), time.time()\n"
        "print(*(round((wrong - right[0]) / 86400) for wrong in told), round((time.monotonic() - right[1]) / 86400))"
    )
    said = subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert said.stdout == "-1 -1 -1 0\n", said.stderr


def test_every_kind_of_process_has_a_moment() -> None:
    assert {point.partition(":")[0] for point, _ in MOMENTS} == set(KINDS)
