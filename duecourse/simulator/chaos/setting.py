"""The configuration of a chaos run: the shipped one with short leases, one rung per channel and three capabilities."""

import shutil
from dataclasses import asdict
from pathlib import Path

from duecourse.domain.vocabulary import ChannelKind
from duecourse.simulator.chaos.wishes import WINDOW_S, ChaosWishes, Pace

_DELIVERY = """
[delivery]
deadline_s = {deadline_s}
http_total_s = {http_total_s}
lease_s = {lease_s}
settle_margin_s = {margin_s}
job_budget_s = {budget_s}
micro_batch = 100
release_window_s = 5.0
rehint_after_s = 3.0
max_failures = 6
backoff_base_s = 5.0
backoff_cap_s = 60.0
"""
_RUNG = """
[[rung]]
name = "{name}"
audiences = ["{audience}"]
day = 0
at = "10:00"
not_after = "19:45"
channels = [{channels}]
template = "due_today"
priority = 1
stop = []
"""
_CADENCE = "version = 1\n" + "".join(
    _RUNG.format(name=name, audience=audience, channels=channels)
    for name, audience, channels in (
        ("sms-first", "standard", '"sms", "email"'),
        ("push-first", "low", '"push", "email"'),
        ("email-first", "high", '"email", "sms"'),
    )
)
_PROVIDER = """
adapter = "sandbox"
channel = "{channel}"
enabled = true
rate_per_s = {rate}
burst = {burst}
{capability}

[options]
base_url = "${{DUECOURSE_SANDBOX_URL}}"
account = "{channel}"
api_key = "sandbox-key"
webhook_secret = "sandbox-secret"
"""
_CAPABILITY = {
    ChannelKind.SMS: f'max_batch = 1\nresolution = "key"\nsettle_s = {{settle_s}}\nwindow_s = {WINDOW_S}',
    ChannelKind.EMAIL: 'max_batch = 1\nresolution = "lookup"\nsettle_s = {settle_s}',
    ChannelKind.PUSH: f'max_batch = 100\nresolution = "none"\nhorizon_s = {WINDOW_S}',
}


def write_setting(shipped: Path, folder: Path, wishes: ChaosWishes) -> Path:
    """Copy the configuration and change what the run needs. Returns the copy."""
    shutil.copytree(shipped, folder)
    main = folder / "duecourse.toml"
    main.write_text(main.read_text("utf-8").partition("[delivery]")[0] + _delivery(wishes.pace), encoding="utf-8")
    _replace(folder / "cadences", {"chaos": _CADENCE})
    _replace(folder / "routes", {})
    _replace(folder / "providers", {f"sandbox-{kind.value}": _provider(kind, wishes) for kind in _CAPABILITY})
    return folder


def _delivery(pace: Pace) -> str:
    call_s = pace.deadline_s + pace.http_total_s
    return _DELIVERY.format(**asdict(pace), margin_s=(pace.lease_s - call_s) * 0.8, budget_s=call_s * 1.5)


def _replace(folder: Path, files: dict[str, str]) -> None:
    for old in folder.glob("*.toml"):
        old.unlink()
    for name, text in files.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def _provider(kind: ChannelKind, wishes: ChaosWishes) -> str:
    rate, capability = wishes.rate_per_s(kind), _CAPABILITY[kind].format(settle_s=wishes.pace.settle_s)
    return _PROVIDER.format(channel=kind.value, rate=rate, burst=max(100, int(rate / 4)), capability=capability)
