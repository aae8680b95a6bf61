"""Two accounts share a channel, one browns out: it is drained in bounded steps, comes back, and nobody gets two."""

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.database import PostgresLedger
from duecourse.simulator.remote import remote_sandbox
from duecourse.simulator.sandbox.account import Account
from duecourse.simulator.sandbox.double import running_sandbox
from tests.due_day import SMS_WORKER, WAITING, accepted_contacts, ask, prepare, process_environment, running, until

pytestmark = pytest.mark.long

PEOPLE = 700
TRICKLE, FALL, RISE = 0.1, 0.3, 0.3
#: A day's health in seconds.
ROUTE = f"""
[providers.sandbox-sms]
weight = 1
[providers.spare]
weight = 1
[health]
window_s = 10
idle_s = 12
step_s = 2
rise_s = 4
min_samples = 4
min_failures = 3
probes = 1
trickle = {TRICKLE}
fall_step = {FALL}
rise_step = {RISE}
"""
#: Most of it is surely not processed; of some only the answer is lost.
BROWN_OUT = {"e503": 0.75, "e500_after": 0.1, "disconnect_after": 0.1}
CALM = dict.fromkeys(BROWN_OUT, 0.0)
SHARE = "SELECT coalesce((SELECT share FROM provider_shares WHERE provider = 'sandbox-sms'), 1)"
UNDER_WAY = "SELECT count(*) FROM contacts WHERE state IN ('released', 'sending', 'unknown')"
STEPS = """
SELECT data->>'provider', (data->>'version')::int, (data->>'before')::float, (data->>'share')::float, data->>'reason'
FROM events WHERE kind = 'provider.reweighted' ORDER BY event_id
"""


def _configure(folder: Path) -> None:
    shutil.copytree("config", folder)
    providers = folder / "providers"
    text = (providers / "sandbox-sms.toml").read_text()
    text = text.replace("rate_per_s = 400", "rate_per_s = 12").replace("burst = 40", "burst = 6")
    (providers / "sandbox-sms.toml").write_text(text)
    (providers / "spare.toml").write_text(text.replace('account = "sms"', 'account = "spare"'))
    (folder / "routes" / "sms.toml").write_text(ROUTE)


async def test_a_provider_that_browns_out_is_drained_in_steps_and_comes_back_and_nobody_gets_two(
    ledger: PostgresLedger, environment: dict[str, str], tmp_path: Path
) -> None:
    _configure(tmp_path / "config")
    await prepare(ledger, PEOPLE)
    log, book = tmp_path / "processes.log", tmp_path / "provider.jsonl"
    accounts = [Account(name=name, channel=ChannelKind.SMS, dedupe=True) for name in ("sms", "spare")]

    with running_sandbox(accounts, log=book) as url:
        everywhere = process_environment(environment, url) | {"DUECOURSE_CONFIG_DIR": str(tmp_path / "config")}
        with (
            running(everywhere, log, *SMS_WORKER),
            running(everywhere, log, *SMS_WORKER),
            running(everywhere, log, "workers.scheduler"),
            running(everywhere, log, "workers.scheduler"),
        ):
            async with remote_sandbox(url) as sandbox:
                both = "SELECT count(DISTINCT provider) FROM attempts WHERE outcome = 'accepted'"
                await until(ledger, both, [(2,)], seconds=90)
                await sandbox.change_account("sms", {"faults": BROWN_OUT})
                await until(ledger, SHARE, [(TRICKLE,)], seconds=120)
                await sandbox.change_account("sms", {"faults": CALM})
                await until(ledger, SHARE, [(1.0,)], seconds=120)
            await until(ledger, WAITING, [(0,)], seconds=120)
            await until(ledger, UNDER_WAY, [(0,)])

    steps = [row for row in await ask(ledger, STEPS) if row[0] == "sandbox-sms"]
    assert [version for _, version, *_ in steps] == list(range(1, len(steps) + 1))
    assert all(-FALL - 1e-6 <= after - before <= RISE + 1e-6 for _, _, before, after, _ in steps)
    assert all(one[3] == next_one[2] for one, next_one in pairwise(steps))
    assert min(after for *_, after, _ in steps) == TRICKLE
    assert steps[0][4] == "failures"
    assert steps[-1][4] in {"recovered", "untried"}
    accepted = accepted_contacts(book)
    assert set(accepted.values()) == {1}
    assert len(accepted) > PEOPLE // 2
    assert [(len(accepted),)] == await ask(ledger, "SELECT count(*) FROM contacts WHERE state = 'accepted'")
    moved = await ask(ledger, "SELECT count(*) FROM attempts WHERE outcome = 'transient' AND provider = 'sandbox-sms'")
    assert moved[0][0] > 0
    assert "+1212555" not in log.read_text()
