"""One borrower goes through the whole system as real processes; then everything it wrote is searched for them."""

import asyncio
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from subprocess import DEVNULL, PIPE, Popen, run
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import psycopg
import pytest
import redis
from redis.client import Monitor

from duecourse.domain.errors import StoreUnavailable
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.sandbox.account import Account, ReceiptHabits
from duecourse.simulator.sandbox.double import running_sandbox

if TYPE_CHECKING:
    from duecourse.embedded import EmbeddedServer

REPOSITORY = Path(__file__).resolve().parents[2]
NAME, PHONE, EMAIL = "Zebulon Quagmire-Canary", "+12125550177", "zebulon.canary@quagmire.example"
PUSH, ANSWER = "Canary-Device-Token-0177", "my canary says I paid"
#: Another, as the disk is shared with the other test.
PLANTED = "planted-word-of-nobody"
#: How any of it might look: whole, in part, in digits, in a URL.
CANARIES = (
    *("zebulon", "quagmire", "2125550177", "212) 555-0177", "212-555-0177", "555-0177"),
    *("canary-device", "my canary says", "my%20canary", "canary@"),
)
BORROWERS = f"""external_id,name,locale,country,time_zone,sms,sms_consent,email,email_consent,push,push_consent
B-1,{NAME},en,US,America/New_York,{PHONE},granted,,,,
B-2,{NAME},en,US,America/New_York,,,{EMAIL},granted,,
B-3,{NAME},en,US,America/New_York,,,,,{PUSH},granted
B-4,{NAME},en,US,America/New_York,{PHONE}999999999,granted,,,,
B-5,{NAME},en,{PHONE},,,,,,,
"""
LOANS = "external_id,borrower_external_id,currency,principal,issued_on\n" + "".join(
    f"L-{number},{borrower},USD,9000,2018-01-10\n" for number, borrower in enumerate(("B-1", "B-2", "B-3", EMAIL), 1)
)
INSTALMENTS = "loan_external_id,number,due_on,principal,interest\n" + "".join(
    f"L-{number},3,2018-07-10,300,9.5\n" for number in (1, 2, 3)
)
#: New York: the morning of the due day, and the next, when whoever has not paid hears from us again.
MORNING, NEXT_DAY = datetime(2018, 7, 10, 13, 1, tzinfo=UTC), datetime(2018, 7, 11, 14, 1, tzinfo=UTC)
DELIVERED = "SELECT array_agg(channel ORDER BY channel) FROM contacts WHERE state = 'delivered'"
LONGEST_S = 60.0


@pytest.fixture
def processes(environment: dict[str, str], tmp_path: Path) -> Iterator["Processes"]:
    with Processes(environment, tmp_path) as started:
        yield started


class Processes(ExitStack):
    """Children in process groups of their own, their output in one file."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        super().__init__()
        self.environment = environment | {
            "DUECOURSE_CLOCK": "virtual",
            "DUECOURSE_SANDBOX": "true",
            "DUECOURSE_LOG_FORMAT": "json",
            "DUECOURSE_PUBLIC_URL": "https://reminders.example",
            "dramatiq_worker_timeout": "100",
        }
        self.log = folder / "processes.log"
        self.folder = folder

    def start(self, *arguments: str, answers: bool = False) -> "Popen[bytes]":
        out = self.enter_context(self.log.open("ab"))
        child = Popen(
            [sys.executable, "-m", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            stdin=DEVNULL,
            stdout=PIPE if answers else out,
            stderr=out,
            start_new_session=True,
        )
        self.callback(_end, child)
        return child

    def command(self, *arguments: str) -> int:
        """Run a command to its end, its output in the log too."""
        with self.log.open("ab") as out:
            argv = [sys.executable, "-m", "duecourse.cli.main", *arguments]
            return run(argv, cwd=self.folder, env=self.environment, stdout=out, stderr=out, check=False).returncode


def _end(child: "Popen[bytes]") -> None:
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(timeout=20)
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if child.stdout:
            child.stdout.close()


@contextmanager
def watching(redis_url: str) -> Iterator[list[str]]:
    """Every command that any client sends to Redis."""
    seen: list[str] = []
    client = redis.Redis.from_url(redis_url, socket_timeout=None)
    monitor: Any = Monitor(client.connection_pool)  # type: ignore[no-untyped-call]
    monitor.__enter__()

    def listen() -> None:
        with suppress(redis.ConnectionError):
            while True:
                seen.append(str(monitor.next_command()))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        yield seen
    finally:
        with redis.Redis.from_url(redis_url) as other:
            other.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        listener.join(timeout=10)
        client.close()


async def test_no_personal_data_is_written_anywhere_but_sealed(
    ledger: PostgresLedger,
    processes: Processes,
    redis_url: str,
    owner_database_url: str,
    postgres_server: "EmbeddedServer",
    tmp_path: Path,
) -> None:
    provider_log = tmp_path / "provider.jsonl"
    await step(ledger, MORNING)
    with watching(redis_url) as redis_commands:
        import_book(processes, tmp_path)
        web_url = start_web(processes)
        with running_sandbox(accounts(web_url), log=provider_log) as sandbox:
            start_workers(processes, sandbox)
            await until(ledger, DELIVERED, ["email", "push", "sms"])
            for text in (ANSWER, "STOP"):
                assert post(f"{sandbox}/control/replies", {"account": "sms", "to": PHONE, "text": text}) == 202
            await until(ledger, "SELECT array_agg(channel) FROM opt_outs", ["sms"])
            throw_everybody_out(owner_database_url)
            await step(ledger, NEXT_DAY)
            await until(ledger, DELIVERED, ["email", "email", "push", "push", "sms"])
            provoke(processes, web_url)
            metrics = get(f"{web_url}/metrics")
    processes.close()

    provider_knows = provider_log.read_text().casefold()
    assert all(word in provider_knows for word in ("zebulon", "2125550177", "canary-device", "canary@"))
    assert len(redis_commands) > 20
    found = {
        "logs": hits(processes.log.read_text()),
        "rejects": hits((tmp_path / "borrowers.csv.rejects.csv").read_text()),
        "metrics": hits(metrics),
        "redis": hits("\n".join(redis_commands)),
        "postgres, as text": hits(tables_as_text(owner_database_url)),
        "postgres, on disk": hits_on_disk(postgres_server, owner_database_url),
    }
    assert {place: words for place, words in found.items() if words} == {}


def test_the_search_finds_what_is_there(
    redis_url: str, owner_database_url: str, postgres_server: "EmbeddedServer"
) -> None:
    with watching(redis_url) as redis_commands, redis.Redis.from_url(redis_url) as client:
        client.set("key", f"to {PHONE}")
        client.delete("key")
    with psycopg.connect(owner_database_url) as conn:
        conn.execute(
            "INSERT INTO inbox (provider, event_key, raw_sealed, received_at, received_business)"
            " SELECT 'p', 'k' || n, convert_to(%s, 'UTF8'), t, t FROM generate_series(1, 30) n, (SELECT timestamptz"
            " '2018-07-10 12:00+00' AS t) s",
            (PLANTED,),
        )

    assert hits("\n".join(redis_commands)) != []
    assert hits(tables_as_text(owner_database_url), (PLANTED,)) != []
    assert hits_on_disk(postgres_server, owner_database_url, (PLANTED,)) != []
    assert hits("mail to Canary@Quagmire.Example") != []
    assert hits("contact 1664317007088462-1 delivered") == []


def import_book(processes: Processes, folder: Path) -> None:
    for name, content in (("borrowers", BORROWERS), ("loans", LOANS), ("instalments", INSTALMENTS)):
        (folder / f"{name}.csv").write_text(content)
        assert processes.command("import", f"{name}.csv") == 0
    assert (folder / "borrowers.csv.rejects.csv").read_text().count("\n") == 3


def start_web(processes: Processes) -> str:
    web = processes.start("duecourse.cli.main", "web", "--port", "0", "--json", answers=True)
    assert web.stdout is not None
    return str(json.loads(web.stdout.readline())["url"])


def accounts(web_url: str) -> list[Account]:
    return [
        Account(
            name=kind.value,
            channel=kind,
            dedupe=True,
            lookup=True,
            receipts=ReceiptHabits(duplicate=0.5, read=1.0),
            webhook_url=f"{web_url}/webhooks/sandbox-{kind.value}",
        )
        for kind in (ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.EMAIL)
    ]


def start_workers(processes: Processes, sandbox: str) -> None:
    processes.environment["DUECOURSE_SANDBOX_URL"] = sandbox
    for name in ("sms", "push", "email", "inbox"):
        processes.start("dramatiq", f"workers.{name}", "--processes", "1", "--threads", "1")
    processes.start("workers.scheduler")


def provoke(processes: Processes, web_url: str) -> None:
    """Errors whose words could quote what they were given."""
    body = json.dumps({"events": [{"from": PHONE, "text": ANSWER}]}).encode()
    statuses = [
        post(f"{web_url}/webhooks/sandbox-sms?to={quote(PHONE)}", {"text": ANSWER, "from": PHONE}),
        post(f"{web_url}/webhooks/{quote(EMAIL)}", {}),
        post(f"{web_url}/u/{quote(NAME)}", {}),
        post(f"{web_url}/{quote(NAME)}", {}),
        post(f"{web_url}/webhooks/sandbox-sms", body * 3_000),
    ]
    assert statuses == [400, 404, 404, 404, 413]
    assert processes.command("payments", "add", "--loan", NAME, "--id", EMAIL, "--amount", PHONE) != 0
    assert processes.command("holds", "add", "--borrower", EMAIL, "--reason", "illness") != 0


def get(url: str) -> str:
    with urlopen(url, timeout=LONGEST_S) as answer:
        return str(answer.read().decode())


def post(url: str, body: Any) -> int:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data=content, method="POST"), timeout=LONGEST_S) as answer:
            return int(answer.status)
    except HTTPError as refused:
        refused.close()
        return refused.code


def throw_everybody_out(owner_url: str) -> None:
    """Whatever they were doing fails: exceptions in every process."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'duecourse%%'"
        )


async def step(ledger: PostgresLedger, business: datetime) -> None:
    """Set the clock; a connection that was thrown out is replaced by the next try."""
    for _ in range(ledger.pool.max_size):
        with suppress(StoreUnavailable):
            async with ledger.transaction() as tx:
                await step_virtual_clock(tx.conn, business)
            return


async def until(ledger: PostgresLedger, sql: str, wanted: Any) -> None:
    """Ask until the answer is as wanted, or fail with the last one."""
    deadline = time.monotonic() + LONGEST_S
    answer = None
    while time.monotonic() < deadline:
        with suppress(StoreUnavailable):
            async with ledger.transaction() as tx:
                row = await (await tx.conn.execute(sql.encode())).fetchone()
            answer = row[0] if row else None
        if answer == wanted:
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{answer} instead of {wanted}")


def hits(text: str, words: Sequence[str] = CANARIES) -> list[str]:
    """Which canaries are in it, each with what stands around it."""
    folded = text.casefold()
    return [folded[max(0, at - 80) : at + 80] for word in words if (at := folded.find(word)) >= 0]


def tables_as_text(owner_url: str) -> str:
    with psycopg.connect(owner_url) as conn:
        names = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        parts = []
        for (name,) in names:
            with conn.cursor().copy(f'COPY (SELECT * FROM "{name}") TO STDOUT'.encode()) as copied:
                parts += [bytes(part) for part in copied]
    assert len(parts) > 20
    # As COPY writes bytes: a name stored in the clear in a bytea would be hexadecimal.
    text = b"".join(parts).decode()
    return text + "".join(bytes.fromhex(part).decode("latin-1") for part in _hexadecimal(text))


def _hexadecimal(text: str) -> Iterator[str]:
    for line in text.splitlines():
        for cell in line.split("\t"):
            if cell.startswith("\\\\x"):
                yield cell.removeprefix("\\\\x")


def hits_on_disk(server: "EmbeddedServer", owner_url: str, words: Sequence[str] = CANARIES) -> list[str]:
    """In the files of tables, indexes, temporary files and the write-ahead log, and in the server's own log."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("CHECKPOINT")
    found = []
    for path in server.program.folder.rglob("*"):
        with suppress(FileNotFoundError):
            content = path.read_bytes().lower() if path.is_file() else b""
            found += [f"{path.name}: {word}" for word in words if word.encode() in content]
    return found
