"""A due day with real processes: scheduler and Dramatiq workers against the sandbox over HTTP."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.seed import Person, seed

DUE = date(2018, 7, 10)
#: 13:30 in New York: the second rung of the due day, SMS.
AFTERNOON = datetime(2018, 7, 10, 17, 30, tzinfo=UTC)


#: Due at this instant and with no worker yet.
WAITING = f"""
SELECT count(*) FROM contacts WHERE state IN ('planned', 'released') AND not_before <= '{AFTERNOON.isoformat()}'
"""


@pytest.fixture
def provider_log(tmp_path: Path) -> Path:
    return tmp_path / "provider.jsonl"


@pytest.fixture
def sandbox(provider_log: Path) -> Iterator[str]:
    account = Account(name="sms", channel=ChannelKind.SMS, dedupe=True, rate_per_s=2_000, burst=400)
    with running_sandbox([account], log=provider_log) as url:
        yield url


@pytest.fixture
def process_environment(environment: dict[str, str], sandbox: str) -> dict[str, str]:
    return environment | {
        "DUECOURSE_CLOCK": "virtual",
        "DUECOURSE_SANDBOX": "true",
        "DUECOURSE_SANDBOX_URL": sandbox,
        "DUECOURSE_LOG_FORMAT": "json",
        "dramatiq_worker_timeout": "100",
    }


@contextmanager
def running(environment: dict[str, str], log: Path, *arguments: str) -> Iterator[Popen[bytes]]:
    """A child in a process group of its own, ended with all that it started."""
    with (
        log.open("ab") as out,
        Popen(
            [sys.executable, "-m", *arguments],
            env=environment,
            stdout=out,
            stderr=out,
            stdin=DEVNULL,
            start_new_session=True,
        ) as child,
    ):
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=20)
            finally:
                if child.poll() is None:
                    os.killpg(child.pid, signal.SIGKILL)


async def until(ledger: PostgresLedger, sql: str, wanted: Any, *, seconds: float = 40) -> None:
    """Ask Postgres until it answers as wanted, or fail with its last answer."""
    deadline = time.monotonic() + seconds
    answer: list[Any] = []
    while time.monotonic() < deadline:
        async with ledger.transaction() as tx:
            answer = await (await tx.conn.execute(sql.encode())).fetchall()
        if answer == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{answer} instead of {wanted}")


async def prepare(ledger: PostgresLedger, people: int) -> None:
    for _ in range(people):
        await seed(ledger, Person(due_on=(DUE,), points={"sms": "+12125550100"}))
    async with ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, AFTERNOON)


def accepted_references(log: Path) -> list[str]:
    lines = (json.loads(line) for line in log.read_text().splitlines())
    return [line["reference"] for line in lines if line["kind"] == "accepted"]


async def test_two_schedulers_and_two_workers_send_each_message_once_though_one_worker_is_killed(
    ledger: PostgresLedger, process_environment: dict[str, str], provider_log: Path, tmp_path: Path
) -> None:
    await prepare(ledger, 800)
    log = tmp_path / "processes.log"
    worker = ("dramatiq", "workers.sms", "--processes", "1", "--threads", "2")

    with (
        running(process_environment, log, *worker) as doomed,
        running(process_environment, log, *worker),
        running(process_environment, log, "workers.scheduler"),
        running(process_environment, log, "workers.scheduler"),
    ):
        await until(ledger, "SELECT count(*) > 20 FROM contacts WHERE state = 'accepted'", [(True,)])
        os.killpg(doomed.pid, signal.SIGKILL)
        await until(ledger, WAITING, [(0,)])

    references = accepted_references(provider_log)
    assert len({reference.split("-")[0] for reference in references}) == len(references)
    assert len(references) >= 700
    assert "+1212555" not in log.read_text()
