"""The network to RabbitMQ goes silent amid a due day: no side is told, both notice, and the day goes on."""

import asyncio
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.chaos.lines import to_port
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, prepare, process_environment, running, until
from tests.lines import line_in_thread
from tests.rabbitmq import SERVER, RabbitNode, running_rabbitmq

pytestmark = pytest.mark.long

PEOPLE = 400
UNDER_WAY = "SELECT count(*) > 20 FROM contacts WHERE state = 'accepted'"
#: What either says once the heartbeats of the node have not come.
WORKER_NOTICED, SCHEDULER_NOTICED = "Consumer encountered a connection error", "queue.unavailable"
NOTICED_S = 90.0
#: What docker-compose.yml and the systemd units give a process that is told to end.
GRACE_S = 30


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    if not SERVER.exists():
        assert os.environ.get("CI") != "true", f"CI installs RabbitMQ, but there is no {SERVER}"
        pytest.skip("RabbitMQ is not installed here")
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq-cut")) as started:
        yield started


def slow_config(shipped: Path, copy: Path) -> Path:
    """A provider that takes so few a second that there is still something to hint when the line is cut."""
    shutil.copytree(shipped, copy)
    provider = copy / "providers" / "sandbox-sms.toml"
    slow, changed = re.subn(r"(?m)^rate_per_s = .*\nburst = .*$", "rate_per_s = 30\nburst = 10", provider.read_text())
    assert changed == 1
    provider.write_text(slow)
    return copy


async def said(log: Path, word: str) -> None:
    """Wait until somebody has written it."""
    deadline = time.monotonic() + NOTICED_S
    while word not in await asyncio.to_thread(log.read_text):
        assert time.monotonic() < deadline, word
        await asyncio.sleep(0.1)


async def test_a_silent_network_to_rabbitmq_is_noticed_holds_up_no_stop_and_loses_and_doubles_nothing(
    ledger: PostgresLedger, environment: dict[str, str], node: RabbitNode, tmp_path: Path
) -> None:
    await prepare(ledger, PEOPLE)
    worker_log, scheduler_log, provider_log = (tmp_path / name for name in ("worker", "scheduler", "provider"))
    account = Account(name="sms", channel=ChannelKind.SMS, dedupe=True, rate_per_s=2_000, burst=400, latency_s=0.2)

    config = slow_config(Path(environment["DUECOURSE_CONFIG_DIR"]), tmp_path / "config")
    with running_sandbox([account], log=provider_log) as sandbox, line_in_thread(to_port(node.port)) as line:
        broker = {"BROKER_URL": f"amqp://guest:guest@127.0.0.1:{line.port}/%2F"}
        everywhere = process_environment(environment, sandbox) | broker | {"DUECOURSE_CONFIG_DIR": str(config)}
        with (
            running(everywhere, worker_log, *SMS_WORKER) as stopped,
            running(everywhere, tmp_path / "other-worker", *SMS_WORKER),
            running(everywhere, scheduler_log, "workers.scheduler"),
        ):
            await until(ledger, UNDER_WAY, [(True,)])
            with line.silent():
                await said(worker_log, WORKER_NOTICED)
                await said(scheduler_log, SCHEDULER_NOTICED)
                stopped.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(stopped.wait, GRACE_S) == 0
            await until(ledger, WAITING, [(0,)], seconds=60)

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert len(accepted) >= 0.85 * PEOPLE
