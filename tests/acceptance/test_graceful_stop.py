"""SIGTERM amid a due day: what is in flight ends, what is not begun goes back, nothing is lost, doubled or unsure."""

import asyncio
import json
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest
import redis

from duecourse.domain.vocabulary import ChannelKind
from duecourse.embedded import start_redis
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, ask, prepare, process_environment, running, until

#: What docker-compose.yml and the systemd units give a process that is told to end.
GRACE_S = 30
PEOPLE = 400
ACCEPTED = "SELECT count(*) FROM contacts WHERE state = 'accepted'"
UNDER_WAY = "SELECT count(*) > 60 FROM contacts WHERE state = 'accepted'"
IN_HAND = "SELECT count(*) FROM contacts WHERE state IN ('sending', 'unknown')"
UNSURE = "SELECT count(*) FROM events WHERE kind = 'contact.unknown'"
RETURNED = "SELECT count(*) FROM events WHERE kind = 'contact.returned' AND actor = 'worker:sms'"


@pytest.fixture
def provider_log(tmp_path: Path) -> Path:
    return tmp_path / "provider.jsonl"


@pytest.fixture
def everywhere(environment: dict[str, str], provider_log: Path, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A slow provider: a job takes seconds, and calls are always in flight."""
    config = tmp_path / "config"
    shutil.copytree(environment["DUECOURSE_CONFIG_DIR"], config)
    provider = config / "providers" / "sandbox-sms.toml"
    slow, changed = re.subn(r"(?m)^rate_per_s = .*\nburst = .*$", "rate_per_s = 80\nburst = 10", provider.read_text())
    assert changed == 1
    provider.write_text(slow)
    account = Account(name="sms", channel=ChannelKind.SMS, dedupe=True, rate_per_s=2_000, burst=400, latency_s=0.3)
    with running_sandbox([account], log=provider_log) as sandbox:
        yield process_environment(environment, sandbox) | {"DUECOURSE_CONFIG_DIR": str(config)}


def hinted(url: str) -> set[int]:
    """The contacts that a worker would be told of if it started now."""
    with redis.Redis.from_url(url, decode_responses=True) as client:
        numbers = client.lrange("{duecourse}:sms.urgent", 0, -1)
        bodies = client.hmget("{duecourse}:sms.urgent.msgs", numbers) if numbers else []
    return {contact_id for body in bodies for contact_id in json.loads(body)["args"][0]}


def told_to_end(worker: Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(timeout=GRACE_S)


async def test_a_worker_that_is_told_to_end_finishes_what_is_in_flight_and_gives_back_the_rest(
    ledger: PostgresLedger, everywhere: dict[str, str], provider_log: Path, tmp_path: Path
) -> None:
    await prepare(ledger, PEOPLE)
    log = tmp_path / "processes.log"

    with running(everywhere, log, *SMS_WORKER) as worker:
        with running(everywhere, log, "workers.scheduler"):
            await until(ledger, UNDER_WAY, [(True,)])
        assert told_to_end(worker) == 0

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert await ask(ledger, ACCEPTED) == [(len(accepted),)]
    assert await ask(ledger, IN_HAND) == [(0,)]
    assert await ask(ledger, UNSURE) == [(0,)]
    assert (await ask(ledger, RETURNED))[0][0] > 0
    released = {row[0] for row in await ask(ledger, "SELECT contact_id FROM contacts WHERE state = 'released'")}
    assert released <= hinted(everywhere["REDIS_URL"])


async def test_a_worker_ends_in_time_though_redis_is_away(
    ledger: PostgresLedger, everywhere: dict[str, str], provider_log: Path, tmp_path: Path
) -> None:
    await prepare(ledger, PEOPLE)
    log = tmp_path / "processes.log"
    own = start_redis(tmp_path / "redis", durable=False)
    everywhere |= {"REDIS_URL": own.url}

    with running(everywhere, log, *SMS_WORKER) as worker:
        try:
            with running(everywhere, log, "workers.scheduler"):
                await until(ledger, UNDER_WAY, [(True,)])
        finally:
            await asyncio.to_thread(own.stop)
        assert told_to_end(worker) == 0

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert await ask(ledger, ACCEPTED) == [(len(accepted),)]
    assert await ask(ledger, IN_HAND) == [(0,)]


@pytest.mark.long
async def test_workers_restarted_one_after_the_other_lose_and_double_nothing(
    ledger: PostgresLedger, everywhere: dict[str, str], provider_log: Path, tmp_path: Path
) -> None:
    await prepare(ledger, PEOPLE)
    log = tmp_path / "processes.log"

    with ExitStack() as stack:
        workers = [stack.enter_context(running(everywhere, log, *SMS_WORKER)) for _ in range(2)]
        stack.enter_context(running(everywhere, log, "workers.scheduler"))
        await until(ledger, UNDER_WAY, [(True,)])
        for worker in workers:
            assert told_to_end(worker) == 0
            stack.enter_context(running(everywhere, log, *SMS_WORKER))
        await until(ledger, WAITING, [(0,)])
        await until(ledger, IN_HAND, [(0,)])

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert await ask(ledger, ACCEPTED) == [(len(accepted),)]
    assert len(accepted) > 0.8 * PEOPLE
    assert await ask(ledger, UNSURE) == [(0,)]
