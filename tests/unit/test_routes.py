"""Routes are data: read strictly, and every mistake names its file and key."""

import base64
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Capability
from duecourse.domain.vocabulary import Audience, ChannelKind, Resolution
from duecourse.routing.checks import check_deadlines
from duecourse.routing.route import Deadlines, Lane, Need, Route
from duecourse.settings import Settings, load
from duecourse.settings.masked import masked

SMS = ChannelKind.SMS
REPOSITORY = Path(__file__).parents[2]
SECRETS = {
    "DUECOURSE_MASTER_KEY": "1:" + base64.b64encode(bytes(range(32))).decode(),
    "DUECOURSE_INDEX_KEY": base64.b64encode(bytes(32)).decode(),
}
MAIN = 'lender = "Acme"\n[quiet_hours]\nstart = "20:00"\nend = "09:00"\n'
PROVIDER = 'adapter = "sandbox"\nchannel = "sms"\nrate_per_s = 50\n'
BOTH = "[providers.acme]\nweight = 3\n[providers.bolt]\nweight = 1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "duecourse.toml").write_text(MAIN)
    (tmp_path / "routes").mkdir()
    (tmp_path / "providers").mkdir()
    for name in ("acme", "bolt"):
        (tmp_path / "providers" / f"{name}.toml").write_text(PROVIDER)
    (tmp_path / "providers" / "mail.toml").write_text(PROVIDER.replace("sms", "email"))
    return tmp_path


def settings_of(folder: Path, route: str, name: str = "sms") -> Settings:
    (folder / "routes" / f"{name}.toml").write_text(route)
    return load(SECRETS, folder)


def test_without_a_file_the_first_enabled_provider_takes_all(folder: Path) -> None:
    route = load(SECRETS, folder).route_of(SMS)
    assert route.providers == ("acme",)
    assert route.deadlines is None
    assert not route.shared


def test_a_route_has_its_providers_with_weight_cost_and_countries(folder: Path) -> None:
    text = BOTH + 'cost_minor = "0.79"\ncurrency = "USD"\ncountries = ["US", "CA"]\n'
    route = settings_of(folder, text).route_of(SMS)
    acme, bolt = route.lanes
    assert (acme.weight, acme.cost_minor, acme.countries) == (3, None, frozenset())
    assert bolt == Lane(
        provider="bolt", weight=1, cost_minor=Decimal("0.79"), currency="USD", countries=frozenset({"US", "CA"})
    )
    assert route.shared


def test_a_provider_that_is_switched_off_is_left_out(folder: Path) -> None:
    (folder / "providers" / "acme.toml").write_text(PROVIDER + "enabled = false\n")
    settings = settings_of(folder, BOTH)
    assert settings.route_of(SMS).providers == ("bolt",)


def test_where_nobody_on_the_route_is_on_the_channel_works_as_without_a_file(folder: Path) -> None:
    settings = settings_of(folder, "[providers.acme]\n")
    assert settings.route_of(SMS).providers == ("acme",)
    (folder / "providers" / "acme.toml").write_text(PROVIDER + "enabled = false\n")
    assert load(SECRETS, folder).route_of(SMS).providers == ("bolt",)


def test_the_shipped_routes_load_and_are_shown() -> None:
    settings = load(SECRETS, REPOSITORY / "config")
    assert [route.channel for route in settings.routes] == [SMS]
    shown = masked(settings)["routes"][0]
    assert shown["providers"][0]["cost_minor"] == "0.83"


@pytest.mark.parametrize(
    ("route", "key", "problem"),
    [
        ("[providers.acne]\n", "providers.acne", "no such provider"),
        ("[providers.mail]\n", "providers.mail", "is a provider of email, not of sms"),
        ("[providers.acme]\nwait = 3\n", "providers.acme.wait", "did you mean 'weight'?"),
        ("[providers.acme]\nweight = -1\n", "providers.acme.weight", "must be from 0"),
        ("[providers.acme]\nweight = 0\n", "providers", "nobody with a weight above 0"),
        ("", "providers", "nobody with a weight above 0"),
        ('[providers.acme]\ncountries = ["UK"]\n', "providers.acme.countries", "'UK' is no country"),
        ('[providers.acme]\ncost_minor = "cheap"\ncurrency = "USD"\n', "providers.acme.cost_minor", "decimal"),
        ('[providers.acme]\ncost_minor = "-1"\ncurrency = "USD"\n', "providers.acme.cost_minor", "0 or more"),
        ('[providers.acme]\ncost_minor = "1"\ncurrency = "usd"\n', "providers.acme.currency", "ISO 4217"),
        ('needs = ["speed"]\n[providers.acme]\n', "needs", "must be one of receipts, replies, resolvable"),
        (BOTH + "[deadlines]\nprovider_s = 10\n", "deadlines.provider_s", "more than one attempt"),
        (BOTH + "[deadlines]\nchannel_s = 200\n", "deadlines.channel_s", "more than provider_s (300)"),
        (BOTH + "[health]\nrise_at = 0.3\n", "health.rise_at", "less than fall_at (0.25)"),
        (BOTH + "[health]\nrise_s = 5\n", "health.rise_s", "at least step_s (10)"),
        (BOTH + "[health]\nidle_s = 30\n", "health.idle_s", "at least rise_s and window_s"),
        (BOTH + "[health]\ntrickle = 0\n", "health.trickle", "must be from 0.005"),
        (BOTH + "[health]\nmin_samples = 2.5\n", "health.min_samples", "whole number"),
        (BOTH + "[heath]\nfall_at = 0.3\n", "heath", "did you mean 'health'?"),
    ],
)
def test_a_mistake_in_a_route_names_its_file_and_key(folder: Path, route: str, key: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(folder, route)
    assert caught.value.file.endswith("routes/sms.toml")
    assert caught.value.key == key
    assert problem in caught.value.problem


def test_a_route_for_no_channel_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="must be a channel: one of sms"):
        settings_of(folder, BOTH, name="fax")


@pytest.mark.parametrize(
    ("capability", "met"),
    [
        (Capability(channel=SMS), set()),
        (Capability(channel=SMS, resolution=Resolution.KEY), {Need.RESOLVABLE}),
        (Capability(channel=SMS, resolution=Resolution.LOOKUP, receipts=True), {Need.RESOLVABLE, Need.RECEIPTS}),
        (Capability(channel=SMS, replies=True), {Need.REPLIES}),
    ],
)
def test_a_need_is_met_by_what_a_provider_declares(capability: Capability, met: set[Need]) -> None:
    assert {need for need in Need if need.met_by(capability)} == met


def _cadence(*channels: ChannelKind) -> Cadence:
    rung = Rung(
        name="T0", audiences=frozenset(Audience), offset_days=0, at=time(9), not_after=time(9, 30), channels=channels,
        template="due_today", priority=3, stop=frozenset(),
    )  # fmt: skip
    return Cadence(name="default", version=1, rungs=(rung,))


def test_a_channel_is_given_up_before_the_rung_ends_so_that_the_next_has_time() -> None:
    route = Route(channel=SMS, lanes=(Lane(provider="acme"),), deadlines=Deadlines(channel_s=1_800))
    with pytest.raises(ConfigError, match=r"config/cadences/default.toml: T0: ends 1800 s after it begins"):
        check_deadlines([route], [_cadence(SMS, ChannelKind.EMAIL)])
    check_deadlines([route], [_cadence(ChannelKind.EMAIL, SMS)])
    check_deadlines([], [_cadence(SMS, ChannelKind.EMAIL)])
