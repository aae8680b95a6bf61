"""What operators and judges are told of a route: receipts in time, the shares in force, the gauge."""

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from channels.health import FakeHealth
from duecourse.domain.clock import FixedClock
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import read_lease
from duecourse.ledger.database import PostgresLedger
from duecourse.ports import Share
from duecourse.routing.health import Change, Reason, Standing
from duecourse.routing.route import Lane, Route
from duecourse.usecases.report_receipts import Delivered, ReportReceipts
from duecourse.web.metrics import Figures, Meter
from tests.pipeline import MORNING

SMS = ChannelKind.SMS
ROUTE = Route(channel=SMS, lanes=(Lane(provider="acme"), Lane(provider="bolt")))


def delivered(provider: str, *, armed_s: float, received_s: float, channel: ChannelKind = SMS) -> Delivered:
    """Seconds before MORNING."""
    return Delivered(
        provider=provider,
        channel=channel,
        armed_at=MORNING - timedelta(seconds=armed_s),
        received_at=MORNING - timedelta(seconds=received_s),
    )


async def test_only_receipts_in_time_of_providers_on_a_shared_route_are_reported() -> None:
    health = FakeHealth()
    report = ReportReceipts(health=health, routes={SMS: ROUTE})
    await report(
        [
            delivered("acme", armed_s=200, received_s=10),
            # It came in time, however late we read it.
            delivered("acme", armed_s=900, received_s=700),
            delivered("acme", armed_s=900, received_s=10),
            delivered("other", armed_s=20, received_s=10),
            delivered("bolt", armed_s=20, received_s=10, channel=ChannelKind.EMAIL),
        ],
        MORNING,
    )
    assert {name: dict(seen) for name, seen in health.seen.items()} == {"acme": {"timely": 2}}


@pytest.fixture
def routed(environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment with two SMS accounts that share the channel."""
    folder = shutil.copytree("config", tmp_path / "config")
    shutil.copy(folder / "providers" / "sandbox-sms.toml", folder / "providers" / "spare.toml")
    (folder / "routes" / "sms.toml").write_text(
        '[providers.sandbox-sms]\nweight = 1\ncost_minor = "0.8"\ncurrency = "USD"\n'
        '[providers.spare]\nweight = 1\ncost_minor = "1.2"\ncurrency = "USD"\n[providers.twilio]\n'
    )
    return environment | {"DUECOURSE_CONFIG_DIR": str(folder), "DUECOURSE_SANDBOX": "true"}


async def lower(ledger: PostgresLedger, provider: str, share: float) -> None:
    async with ledger.transaction() as tx:
        times = FixedClock(await read_lease(tx.conn)).times
        old = Share(provider=provider, standing=Standing(), version=0)
        assert await tx.routing.change(SMS, old, Change(share=share, reason=Reason.FAILURES), times=times)


def show(environment: Mapping[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "duecourse.cli.main", "routes", "show", *words]
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_routes_show_tells_parts_reasons_and_what_a_message_costs(
    ledger: PostgresLedger, routed: dict[str, str]
) -> None:
    await lower(ledger, "sandbox-sms", 0.25)
    said: dict[str, Any] = json.loads(show(routed, "--json"))
    sms = {row["provider"]: row for row in said["providers"] if row["channel"] == "sms"}
    assert (sms["sandbox-sms"]["part"], sms["sandbox-sms"]["why"]) == (0.2, "failures, change 1")
    assert (sms["spare"]["part"], sms["spare"]["why"], sms["spare"]["changed_at"]) == (0.8, "healthy", None)
    assert sms["twilio"]["why"] == "switched off"
    assert said["cost_per_message"] == {"sms": "1.12 minor USD"}
    assert [row["why"] for row in said["providers"] if row["provider"] == "sandbox-push"] == [
        "the only provider of the route"
    ]
    assert "sms: 1.12 minor USD a message at these parts" in show(routed)


async def test_the_metrics_tell_each_share_that_was_changed(ledger: PostgresLedger) -> None:
    await lower(ledger, "acme", 0.6)
    async with ledger.transaction() as tx:
        clock = FixedClock(await read_lease(tx.conn))
    exposed = (await Meter(Figures(ledger=ledger, clock=clock)).expose()).decode()
    assert 'duecourse_provider_share{channel="sms",provider="acme"} 0.6' in exposed
