"""RabbitMQ as the other broker: the same workers and the same promise, though the node itself dies amid the day."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis

from duecourse.cli.findings import Health, of_broker
from duecourse.domain.vocabulary import ChannelKind, Urgency
from duecourse.ledger.database import PostgresLedger
from duecourse.settings import Settings
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, prepare, process_environment, running, until
from tests.rabbitmq import SERVER, RabbitNode, running_rabbitmq
from workers.broker import make_broker
from workers.queue import DramatiqQueue

SMS = ChannelKind.SMS
PEOPLE = 800


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitNode]:
    if not SERVER.exists():
        assert os.environ.get("CI") != "true", f"CI installs RabbitMQ, but there is no {SERVER}"
        pytest.skip("RabbitMQ is not installed here")
    with running_rabbitmq(tmp_path_factory.mktemp("rabbitmq")) as started:
        yield started


@pytest.fixture
def broker(node: RabbitNode) -> Iterator[Any]:
    made: Any = make_broker(node.url)
    made.declare_queue("sms", ensure=True)
    made.flush("sms")
    yield made
    made.close()


async def test_a_hint_holds_ids_and_nothing_else(broker: Any) -> None:
    await DramatiqQueue(broker).hint(SMS, Urgency.NORMAL, [7, 8])

    _, _, body = broker.channel.basic_get("sms", auto_ack=True)
    message = json.loads(body)
    assert (message["actor_name"], message["args"], message["kwargs"]) == ("deliver_sms", [[7, 8]], {})


def test_stale_hints_and_too_many_of_them_are_dropped_by_the_server(broker: Any) -> None:
    """Asked for once more with other limits, the server would refuse."""
    limits = {"x-message-ttl": 60_000, "x-max-length": 10_000, "x-overflow": "drop-head"}
    assert broker.channel.queue_declare("sms", durable=True, arguments=limits).method.queue == "sms"


async def test_a_hint_that_cannot_be_carried_out_piles_up_nowhere(broker: Any) -> None:
    await DramatiqQueue(broker).hint(SMS, Urgency.NORMAL, [7])
    consumer = broker.consume("sms", timeout=5_000)
    message = next(consumer)
    consumer.nack(message)
    consumer.close()

    assert broker.get_queue_message_counts("sms") == (0, 0, 0)


async def test_a_scheduler_goes_on_while_rabbitmq_is_away_and_once_it_is_back(node: RabbitNode, broker: Any) -> None:
    queue = DramatiqQueue(make_broker(node.url))
    await queue.hint(SMS, Urgency.NORMAL, [7])
    node.kill()
    await queue.hint(SMS, Urgency.NORMAL, [8])
    await asyncio.to_thread(node.start)
    await queue.hint(SMS, Urgency.NORMAL, [9])
    await queue.aclose()

    again: Any = make_broker(node.url)
    bodies = [again.channel.basic_get("sms", auto_ack=True)[2] for _ in range(3)]
    again.close()
    # The first may have been dropped as stale where the node took its time.
    told = [json.loads(body)["args"] for body in bodies if body]
    assert told in ([[[7]], [[9]]], [[[9]]])


@pytest.mark.long
async def test_each_message_is_sent_once_though_a_worker_and_the_node_are_killed(
    ledger: PostgresLedger, environment: dict[str, str], node: RabbitNode, tmp_path: Path
) -> None:
    await prepare(ledger, PEOPLE)
    log, provider_log = tmp_path / "processes.log", tmp_path / "provider.jsonl"
    account = Account(name="sms", channel=SMS, dedupe=True, rate_per_s=2_000, burst=400)

    with running_sandbox([account], log=provider_log) as sandbox:
        everywhere = process_environment(environment, sandbox) | {"BROKER_URL": node.url}
        with (
            running(everywhere, log, *SMS_WORKER) as doomed,
            running(everywhere, log, *SMS_WORKER),
            running(everywhere, log, "workers.scheduler"),
            running(everywhere, log, "workers.scheduler"),
        ):
            await until(ledger, "SELECT count(*) > 20 FROM contacts WHERE state = 'accepted'", [(True,)])
            os.killpg(doomed.pid, signal.SIGKILL)
            node.kill()
            await asyncio.to_thread(node.start)
            await until(ledger, WAITING, [(0,)], seconds=60)

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert len(accepted) >= 700
    assert "+1212555" not in log.read_text()
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.keys("{duecourse}:*") == []


@pytest.mark.long
async def test_messages_go_on_leaving_while_the_node_is_away(
    ledger: PostgresLedger, environment: dict[str, str], node: RabbitNode, tmp_path: Path
) -> None:
    await prepare(ledger, 30)
    log, provider_log = tmp_path / "processes.log", tmp_path / "provider.jsonl"
    account = Account(name="sms", channel=SMS, dedupe=True, rate_per_s=2_000, burst=400)
    node.kill()

    try:
        with running_sandbox([account], log=provider_log) as sandbox:
            everywhere = process_environment(environment, sandbox) | {"BROKER_URL": node.url}
            with running(everywhere, log, *SMS_WORKER), running(everywhere, log, "workers.scheduler"):
                await until(ledger, "SELECT count(*) > 10 FROM contacts WHERE state = 'accepted'", [(True,)])
                await until(ledger, WAITING, [(0,)])
    finally:
        await asyncio.to_thread(node.start)

    assert set(accepted_contacts(provider_log).values()) == {1}


@pytest.mark.parametrize(
    ("instead", "health", "found"),
    [
        ("guest:guest@", Health.OK, "RabbitMQ"),
        ("guest:wrong@", Health.FAIL, "RabbitMQ refuses the login"),
    ],
)
def test_the_doctor_tells_whether_the_node_takes_us(
    settings: Settings, node: RabbitNode, instead: str, health: Health, found: str
) -> None:
    told = of_broker(replace(settings, broker_url=node.url.replace("guest:guest@", instead)))

    assert told.health is health
    assert told.found.startswith(found)
    assert "wrong" not in told.found + told.do


def test_the_doctor_tells_that_a_virtual_host_is_not_there(settings: Settings, node: RabbitNode) -> None:
    told = of_broker(replace(settings, broker_url=node.url.replace("%2F", "elsewhere")))

    assert (told.health, told.found) == (Health.FAIL, "RabbitMQ refuses the virtual host")
