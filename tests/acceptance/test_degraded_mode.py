"""Redis is killed amid a due day: messages go on leaving, slower, each once; and all is as before once it is back."""

import asyncio
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.embedded import start_redis
from duecourse.embedded.server import EmbeddedServer
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, ask, prepare, process_environment, running, until

PEOPLE = 500
RATE, BURST = 80, 10
ACCEPTED = "SELECT count(*) FROM contacts WHERE state = 'accepted'"
IN_HAND = "SELECT count(*) FROM contacts WHERE state IN ('sending', 'unknown')"
UNSURE = "SELECT count(*) FROM events WHERE kind = 'contact.unknown'"


def more_than(count: int) -> str:
    return f"SELECT count(*) > {count} FROM contacts WHERE state = 'accepted'"


@pytest.fixture
def provider_log(tmp_path: Path) -> Path:
    return tmp_path / "provider.jsonl"


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[list[EmbeddedServer]]:
    started = [start_redis(tmp_path / "redis", durable=False)]
    yield started
    started[-1].stop()


@pytest.fixture
def everywhere(
    environment: dict[str, str], own_redis: list[EmbeddedServer], provider_log: Path, tmp_path: Path
) -> Iterator[dict[str, str]]:
    """A provider that refuses whatever is above its rate.

    It overlooks an empty Redis' burst, and the second in which one worker has found Redis again and another has not.
    """
    config = tmp_path / "config"
    shutil.copytree(environment["DUECOURSE_CONFIG_DIR"], config)
    provider = config / "providers" / "sandbox-sms.toml"
    limits = f"rate_per_s = {RATE}\nburst = {BURST}"
    slow, changed = re.subn(r"(?m)^rate_per_s = .*\nburst = .*$", limits, provider.read_text())
    assert changed == 1
    provider.write_text(slow)
    account = Account(name="sms", channel=ChannelKind.SMS, dedupe=True, rate_per_s=RATE, burst=BURST + RATE)
    with running_sandbox([account], log=provider_log) as sandbox:
        yield process_environment(environment, sandbox) | {
            "DUECOURSE_CONFIG_DIR": str(config),
            "REDIS_URL": own_redis[-1].url,
        }


async def test_without_redis_messages_go_on_leaving_within_the_rate_and_each_once(
    ledger: PostgresLedger,
    everywhere: dict[str, str],
    own_redis: list[EmbeddedServer],
    provider_log: Path,
    tmp_path: Path,
) -> None:
    await prepare(ledger, PEOPLE)
    log = tmp_path / "processes.log"

    with ExitStack() as stack:
        for command in (SMS_WORKER, SMS_WORKER, ("workers.scheduler",)):
            stack.enter_context(running(everywhere, log, *command))
        await until(ledger, more_than(60), [(True,)])
        await asyncio.to_thread(own_redis[-1].stop)
        [(before,)] = await ask(ledger, ACCEPTED)
        # More than had been handed out before.
        await until(ledger, more_than(before + 150), [(True,)])
        own_redis.append(await asyncio.to_thread(start_redis, tmp_path / "redis", durable=False))
        await until(ledger, WAITING, [(0,)])
        await until(ledger, IN_HAND, [(0,)])
        await eventually_back(log)

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert await ask(ledger, ACCEPTED) == [(len(accepted),)]
    assert len(accepted) > 0.8 * PEOPLE
    assert await ask(ledger, UNSURE) == [(0,)]
    assert words(provider_log, "kind")["throttled"] == 0


async def test_a_worker_that_starts_while_redis_is_away_delivers_all_the_same(
    ledger: PostgresLedger, everywhere: dict[str, str], own_redis: list[EmbeddedServer], tmp_path: Path
) -> None:
    await prepare(ledger, 20)
    await asyncio.to_thread(own_redis[-1].stop)
    log = tmp_path / "processes.log"

    with running(everywhere, log, *SMS_WORKER), running(everywhere, log, "workers.scheduler"):
        await until(ledger, "SELECT count(*) > 0 FROM contacts WHERE state = 'accepted'", [(True,)])
        await until(ledger, WAITING, [(0,)])


async def eventually_back(log: Path) -> None:
    """Each class of each worker says that it went alone, and that it came back."""
    for _ in range(200):
        told = words(log, "event")
        if told["broker.away"] == told["broker.back"] == 6:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(told)


def words(log: Path, key: str) -> Counter[str]:
    """How often each word stands under the key; lines that are no JSON are Dramatiq's own."""
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return Counter(json.loads(line).get(key) for line in lines)
