"""Settings come from files and the environment, and every mistake names its place."""

import base64
from datetime import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.errors import ConfigError
from duecourse.domain.vocabulary import ChannelKind, Component, Resolution
from duecourse.settings import Settings, ensure_keys, find_config_dir, load

REPOSITORY = Path(__file__).parents[2]
KEY = base64.b64encode(bytes(range(32))).decode()
OTHER = base64.b64encode(bytes(32)).decode()
SECRETS = {"DUECOURSE_MASTER_KEY": f"1:{KEY}", "DUECOURSE_INDEX_KEY": OTHER}
MAIN = 'lender = "Acme"\n[quiet_hours]\nstart = "20:00"\nend = "09:00"\n'
PROVIDER = 'adapter = "sandbox"\nchannel = "sms"\nrate_per_s = 50\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "duecourse.toml").write_text(MAIN)
    (tmp_path / "providers").mkdir()
    return tmp_path


def settings_of(folder: Path, *, main: str = MAIN, provider: str | None = None, **environ: str) -> Settings:
    (folder / "duecourse.toml").write_text(main)
    if provider is not None:
        (folder / "providers" / "acme.toml").write_text(provider)
    return load(SECRETS | environ, folder)


def test_the_shipped_configuration_loads() -> None:
    settings = load(SECRETS, REPOSITORY / "config")
    assert settings.quiet.start == time(20)
    assert settings.quiet.end == time(9)
    assert sorted(settings.allocation_order) == sorted(Component)


def test_a_provider_divides_its_rate_and_names_its_other_limits(folder: Path) -> None:
    text = PROVIDER + "[classes]\nurgent = 0.7\n[endpoints.eu]\nrate_per_s = 5\n[recipient]\nevery_s = 60\n"
    provider = settings_of(folder, provider=text).providers[0]
    assert (provider.classes.urgent, provider.classes.normal, provider.classes.bulk) == (0.7, 0.2, 0.1)
    assert (provider.endpoints["eu"].rate_per_s, provider.endpoints["eu"].burst) == (5, 5)
    assert provider.recipient is not None
    assert (provider.recipient.every_s, provider.recipient.burst) == (60, 1)


def test_stores_that_are_not_named_are_empty_and_the_owner_defaults_to_the_application(folder: Path) -> None:
    assert load(SECRETS, folder).database_url == load(SECRETS, folder).redis_url == ""
    settings = settings_of(folder, DATABASE_URL="postgresql://a", REDIS_URL="redis://r")
    assert settings.owner_database_url == "postgresql://a"
    assert settings_of(folder, DATABASE_URL="a", DATABASE_OWNER_URL="o").owner_database_url == "o"


def test_a_copy_points_at_other_stores_and_keeps_the_rest(folder: Path) -> None:
    settings = load(SECRETS, folder)
    moved = settings.with_stores(database_url="d", redis_url="r")
    assert (moved.database_url, moved.owner_database_url, moved.redis_url) == ("d", "d", "r")
    assert moved.with_stores(owner_database_url="o").database_url == "d"
    assert moved.with_stores(database_url="", redis_url="", owner_database_url="").lender == settings.lender


def test_secrets_never_show_in_a_repr(folder: Path) -> None:
    settings = settings_of(
        folder, provider=PROVIDER + '[options]\ntoken = "${T}"\n', T="canary-1", DATABASE_URL="x:canary-2@y"
    )
    assert "canary" not in repr(settings)
    assert KEY not in repr(settings)
    assert repr(bytes(range(32))) not in repr(settings)


def test_the_folder_is_named_by_the_environment_then_here_then_beside_the_package(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert find_config_dir({"DUECOURSE_CONFIG_DIR": str(folder)}) == folder.resolve()
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    monkeypatch.chdir(empty)
    assert find_config_dir({}) == REPOSITORY / "config"
    with pytest.raises(ConfigError, match="DUECOURSE_CONFIG_DIR"):
        find_config_dir({"DUECOURSE_CONFIG_DIR": str(empty)})


def test_a_provider_takes_its_name_from_its_file_and_values_from_the_environment(folder: Path) -> None:
    text = PROVIDER.replace("50", '"${RATE}"') + (
        'enabled = "${ON:-false}"\nresolution = "key"\nwindow_s = 300\n'
        '[options]\nurl = "https://${HOST:-api.example.com}/v1"\nprice = "$$5"\nlist = ["${HOST:-h}"]\n'
    )
    settings = settings_of(folder, provider=text, RATE="12.5", ON="true", HOST="h.example")
    provider = settings.provider("acme")
    assert provider is not None
    assert (provider.rate_per_s, provider.burst, provider.channel) == (12.5, 12, ChannelKind.SMS)
    assert provider.resolution is Resolution.KEY
    assert provider.options == {"url": "https://h.example/v1", "price": "$5", "list": ["h.example"]}
    assert settings.providers_of(ChannelKind.SMS) == (provider,)


def test_a_provider_that_is_switched_off_needs_no_variables(folder: Path) -> None:
    text = PROVIDER + 'enabled = "${ON:-false}"\n[options]\ntoken = "${TOKEN}"\nkept = "x"\n'
    settings = settings_of(folder, provider=text)
    assert [provider.options for provider in settings.providers] == [{"kept": "x"}]
    assert settings.providers_of(ChannelKind.SMS) == ()
    with pytest.raises(ConfigError, match=r"acme\.toml: options\.token: needs the environment variable TOKEN"):
        settings_of(folder, provider=text, ON="true")


def test_an_empty_variable_counts_as_not_set(folder: Path) -> None:
    with pytest.raises(ConfigError, match="environment variable TOKEN"):
        settings_of(folder, provider=PROVIDER + '[options]\nt = "${TOKEN}"\n', TOKEN="")


@pytest.mark.parametrize(
    ("main", "place"),
    [
        (MAIN.replace('lender = "Acme"', ""), "duecourse.toml: lender: is missing"),
        (MAIN.replace('"Acme"', "3"), "lender: must be text"),
        (MAIN.replace('"Acme"', '" "'), "lender: must not be empty"),
        ('lendr = "x"\n' + MAIN, "lendr: unknown key; did you mean 'lender'"),
        (MAIN + "begin = 3\n", "quiet_hours.begin: unknown key"),
        (MAIN.replace("20:00", "24:00"), "quiet_hours.start: must be a time"),
        (MAIN.replace("20:00", "9:00"), "quiet_hours.start: must be a time"),
        (MAIN.replace("20:00", "09:00"), "quiet_hours.end: equals start"),
        ('plan_horizon_h = "soon"\n' + MAIN, "plan_horizon_h: must be a number"),
        ("plan_horizon_h = nan\n" + MAIN, "plan_horizon_h: must be from 1"),
        ('log_format = "xml"\n' + MAIN, "log_format: must be one of"),
        ('allocation_order = ["fee"]\n' + MAIN, "allocation_order: leaves out interest, penalty, principal"),
        ('allocation_order = ["fee", "fee"]\n' + MAIN, "allocation_order: names the same twice"),
        ('allocation_order = ["tax"]\n' + MAIN, "allocation_order: unknown: 'tax'"),
        ("max_sms_segments = 1.5\n" + MAIN, "max_sms_segments: must be a whole number"),
        (MAIN + '[links]\npay = "https://x/{name}"\n', "links.pay: may hold"),
        (MAIN + "[delivery]\nlease_s = 14\n", "delivery.lease_s: must be at least"),
        (MAIN + "[delivery]\nhttp_total_s = 15\ndeadline_s = 0.05\nsettle_margin_s = 1\n", "delivery.http_total_s"),
        (MAIN + "[delivery]\njob_budget_s = 9\n", "delivery.job_budget_s: must be at least"),
        (MAIN + "[delivery]\njob_budget_s = 30\n", "delivery.job_budget_s: must be less than the broker"),
        (MAIN + "[delivery]\nbackoff_cap_s = 5\n", "delivery.backoff_cap_s"),
        (MAIN + "[delivery]\nmicro_batch = 0\n", "delivery.micro_batch: must be from 1"),
        ("delivery = 3\n" + MAIN, "delivery: must be a table"),
        ("lender = ", "duecourse.toml: (file): is no TOML"),
    ],
)
def test_a_mistake_in_the_main_file_names_file_and_key(folder: Path, main: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(folder, main=main)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("provider", "place"),
    [
        ('channel = "sms"\nrate_per_s = 1', "acme.toml: adapter: is missing"),
        (PROVIDER.replace("sms", "fax"), "acme.toml: channel: unknown: 'fax'; must be one of sms, push"),
        (PROVIDER.replace("50", "0"), "acme.toml: rate_per_s: must be from 0.001"),
        (PROVIDER + "enabled = 3", "acme.toml: enabled: must be true or false"),
        (PROVIDER + "timeout_s = 9", "acme.toml: timeout_s: must be at most"),
        (PROVIDER + 'resolution = "key"\nwindow_s = 100', "acme.toml: window_s: must be more than twice"),
        (PROVIDER + "secret = 1", "acme.toml: secret: unknown key"),
        (PROVIDER + "options = 1", "acme.toml: options: must be a table"),
        (PROVIDER + "[classes]\nurgent = 0.8", "acme.toml: classes.urgent: with normal and bulk makes 1.1"),
        (PROVIDER + "[classes]\nurgnt = 0.5", "acme.toml: classes.urgnt: unknown key; did you mean 'urgent'?"),
        (PROVIDER + "[endpoints.eu]\nburst = 5", "acme.toml: endpoints.eu.rate_per_s: is missing"),
        (PROVIDER + "[endpoints]\neu = 5", "acme.toml: endpoints.eu: must be a table"),
        (PROVIDER + "[recipient]\nevery_s = 0", "acme.toml: recipient.every_s: must be from 0.001"),
        (PROVIDER + "[recipient]\nburst = 1", "acme.toml: recipient.every_s: is missing"),
    ],
)
def test_a_mistake_in_a_provider_names_file_and_key(folder: Path, provider: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        settings_of(folder, provider=provider)
    assert place in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DUECOURSE_CLOCK", "sundial"),
        ("DUECOURSE_WEB_PORT", "0"),
        ("DUECOURSE_PUBLIC_URL", "ftp://x"),
        ("DUECOURSE_MASTER_KEY", ""),
        ("DUECOURSE_MASTER_KEY", KEY),
        ("DUECOURSE_MASTER_KEY", f"0:{KEY}"),
        ("DUECOURSE_MASTER_KEY", f"1:{KEY},1:{OTHER}"),
        ("DUECOURSE_MASTER_KEY", f"1:{KEY[:-4]}"),
        ("DUECOURSE_MASTER_KEY", ","),
        ("DUECOURSE_INDEX_KEY", "not base64!"),
        ("DUECOURSE_INDEX_KEY_FILE", "/nonexistent"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable_and_shows_no_secret(
    folder: Path, name: str, value: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(SECRETS | {name: value}, folder)
    assert name.removesuffix("_FILE") in str(caught.value)
    assert KEY[:10] not in str(caught.value)


def test_master_keys_have_versions_and_may_come_from_a_private_file(folder: Path, tmp_path: Path) -> None:
    assert load(SECRETS | {"DUECOURSE_MASTER_KEY": f"1:{KEY}, 2:{OTHER}"}, folder).master_keys == {
        1: bytes(range(32)),
        2: bytes(32),
    }
    path = tmp_path / "keys"
    path.write_text(f"3:{KEY}\n\n7:{OTHER}\n")
    path.chmod(0o600)
    environ = {"DUECOURSE_MASTER_KEY_FILE": str(path), "DUECOURSE_INDEX_KEY": OTHER}
    assert set(load(environ, folder).master_keys) == {3, 7}
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(environ, folder)


def test_fresh_keys_are_private_and_made_once(folder: Path, tmp_path: Path) -> None:
    made = ensure_keys(tmp_path / "keys")
    first = load(made, folder)
    assert ensure_keys(tmp_path / "keys") == made
    assert load(made, folder).master_keys == first.master_keys
    assert first.index_key not in first.master_keys.values()
    assert {Path(path).stat().st_mode & 0o777 for path in made.values()} == {0o600}
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["index.key", "master.key"]


def test_clock_port_and_public_address_come_from_the_environment(folder: Path) -> None:
    settings = settings_of(folder, DUECOURSE_CLOCK="virtual", DUECOURSE_WEB_PORT="9000")
    assert settings.virtual_clock
    assert (settings.web_port, settings.public_url) == (9000, "http://127.0.0.1:9000")
    assert settings_of(folder, DUECOURSE_PUBLIC_URL="https://d.example/").public_url == "https://d.example"


seconds = st.floats(min_value=0.1, max_value=60, allow_nan=False)


@given(deadline=seconds, http=seconds, lease=seconds, settle=seconds, job=seconds)
def test_timings_that_load_leave_room_for_every_call(
    tmp_path_factory: pytest.TempPathFactory, deadline: float, http: float, lease: float, settle: float, job: float
) -> None:
    folder = tmp_path_factory.mktemp("timing")
    timing = (
        f"[delivery]\ndeadline_s = {deadline}\nhttp_total_s = {http}\nlease_s = {lease}\n"
        f"settle_margin_s = {settle}\njob_budget_s = {job}\n"
    )
    possible = deadline + http + settle <= lease and 2 * http < lease and deadline + http <= job < 30
    try:
        delivery = settings_of(folder, main=MAIN + timing).delivery
    except ConfigError:
        # Sums of floats may differ in the last bit at the very edge.
        assert not possible or abs(lease - deadline - http - settle) < 1e-9 or abs(lease - 2 * http) < 1e-9
    else:
        assert delivery.lease_s >= delivery.deadline_s + delivery.http_total_s + delivery.settle_margin_s - 1e-9
        assert delivery.job_budget_s < 30
