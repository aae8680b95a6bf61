"""A due day for tests with real processes: rows to seed, processes to run, and what the provider saw."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from subprocess import DEVNULL, Popen
from typing import Any

from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.database import PostgresLedger
from tests.seed import Person, seed

DUE = date(2018, 7, 10)
#: 13:30 in New York: the second rung of the due day, SMS.
AFTERNOON = datetime(2018, 7, 10, 17, 30, tzinfo=UTC)
#: Due at this instant and with no worker yet.
WAITING = f"""
SELECT count(*) FROM contacts WHERE state IN ('planned', 'released') AND not_before <= '{AFTERNOON.isoformat()}'
"""
SMS_WORKER = ("dramatiq", "workers.sms", "--processes", "1", "--threads", "2")


def process_environment(environment: dict[str, str], sandbox: str) -> dict[str, str]:
    """What every process of this day gets, on top of its stores and keys."""
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


async def ask(ledger: PostgresLedger, sql: str) -> list[tuple[Any, ...]]:
    async with ledger.transaction() as tx:
        return await (await tx.conn.execute(sql.encode())).fetchall()


async def until(ledger: PostgresLedger, sql: str, wanted: Any, *, seconds: float = 40) -> None:
    """Ask Postgres until it answers as wanted, or fail with its last answer."""
    deadline = time.monotonic() + seconds
    answer: list[Any] = []
    while time.monotonic() < deadline:
        answer = await ask(ledger, sql)
        if answer == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{answer} instead of {wanted}")


async def prepare(ledger: PostgresLedger, people: int) -> None:
    """So many borrowers with an instalment due, and the clock at an hour at which each gets an SMS."""
    for _ in range(people):
        await seed(ledger, Person(due_on=(DUE,), points={"sms": "+12125550100"}))
    async with ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, AFTERNOON)


def accepted_contacts(log: Path) -> Counter[str]:
    """How often the provider accepted each contact, by its own log."""
    lines = (json.loads(line) for line in log.read_text().splitlines())
    return Counter(line["reference"].split("-")[0] for line in lines if line["kind"] == "accepted")
