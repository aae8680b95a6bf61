"""A due day with real processes: scheduler and Dramatiq workers against the sandbox over HTTP."""

import os
import signal
from pathlib import Path

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, prepare, process_environment, running, until


async def test_two_schedulers_and_two_workers_send_each_message_once_though_one_worker_is_killed(
    ledger: PostgresLedger, environment: dict[str, str], tmp_path: Path
) -> None:
    await prepare(ledger, 800)
    log, provider_log = tmp_path / "processes.log", tmp_path / "provider.jsonl"
    account = Account(name="sms", channel=ChannelKind.SMS, dedupe=True, rate_per_s=2_000, burst=400)

    with running_sandbox([account], log=provider_log) as sandbox:
        everywhere = process_environment(environment, sandbox)
        with (
            running(everywhere, log, *SMS_WORKER) as doomed,
            running(everywhere, log, *SMS_WORKER),
            running(everywhere, log, "workers.scheduler"),
            running(everywhere, log, "workers.scheduler"),
        ):
            await until(ledger, "SELECT count(*) > 20 FROM contacts WHERE state = 'accepted'", [(True,)])
            os.killpg(doomed.pid, signal.SIGKILL)
            await until(ledger, WAITING, [(0,)])

    accepted = accepted_contacts(provider_log)
    assert set(accepted.values()) == {1}
    assert len(accepted) >= 700
    assert "+1212555" not in log.read_text()
