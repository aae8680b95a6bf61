"""Reads `config/duecourse.toml`, `config/providers/*.toml` and the environment into `Settings`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.domain.vocabulary import ChannelKind, Component, Resolution
from duecourse.policy.quiet_hours import Quiet
from duecourse.settings import keys
from duecourse.settings.environment import fill, fill_known
from duecourse.settings.limits import provider_limits
from duecourse.settings.policy import policy
from duecourse.settings.routes import routes
from duecourse.settings.values import Delivery, Links, Provider, Settings

CONFIG_DIR_VARIABLE = "DUECOURSE_CONFIG_DIR"
MAIN_FILE = "duecourse.toml"
#: Dramatiq gives a silent worker's messages to others after this (see docs/decisions): a job must end before.
HEARTBEAT_S = 30.0
_DAY_S = 86_400.0
_LOG_FORMATS = ("auto", "json", "pretty")
_PORTS = (1, 65_535)
_BROKERS = {"redis", "rediss", "unix", "amqp", "amqps"}


def load(environ: Mapping[str, str], config_dir: Path | None = None) -> Settings:
    """The settings of this deployment. Stores that the environment does not name are empty text.

    Raises:
        ConfigError: names the file and key, or the environment variable.
    """
    folder = config_dir or find_config_dir(environ)
    path = folder / MAIN_FILE
    main = Table(fill(read_toml(path), environ, file=str(path)), file=str(path), from_env=True)
    delivery = _delivery(main.table("delivery"))
    providers = _providers(folder / "providers", environ, delivery)
    settings = Settings(
        **_from_environment(environ),
        config_dir=folder,
        lender=main.text("lender"),
        quiet=_quiet(main.table("quiet_hours")),
        allocation_order=_allocation_order(main),
        delivery=delivery,
        providers=providers,
        plan_horizon_h=main.number("plan_horizon_h", 36.0, low=1, high=24 * 31),
        log_format=_log_format(main),
        links=_links(main.table("links")),
        max_sms_segments=main.whole("max_sms_segments", 6, low=1, high=10),
        routes=routes(folder / "routes", environ, providers=providers, delivery=delivery),
        policy=policy(main.table("policy")),
    )
    main.finish()
    return settings


def find_config_dir(environ: Mapping[str, str]) -> Path:
    """Named by the environment, or `./config`, or the one beside the package.

    Raises:
        ConfigError: there is no such folder.
    """
    named = environ.get(CONFIG_DIR_VARIABLE)
    beside_package = Path(__file__).resolve().parents[2] / "config"
    places = [Path(named)] if named else [Path("config"), beside_package]
    for place in places:
        if (place / MAIN_FILE).is_file():
            return place.resolve()
    looked = " or ".join(str(place) for place in places)
    raise ConfigError(file="environment", key=CONFIG_DIR_VARIABLE, problem=f"no {MAIN_FILE} in {looked}")


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    env = Table(environ, file="environment", from_env=True)
    database_url = env.text("DATABASE_URL", "", blank=True)
    web_port = env.whole("DUECOURSE_WEB_PORT", 8080, low=_PORTS[0], high=_PORTS[1])
    return {
        "database_url": database_url,
        "owner_database_url": env.text("DATABASE_OWNER_URL", "", blank=True) or database_url,
        "redis_url": env.text("REDIS_URL", "", blank=True),
        "broker_url": _broker_url(env),
        "master_keys": keys.master_keys(environ),
        "index_key": keys.index_key(environ),
        "web_port": web_port,
        "public_url": _public_url(env, web_port),
        "virtual_clock": _virtual_clock(env),
    }


def _public_url(env: Table, web_port: int) -> str:
    url = env.text("DUECOURSE_PUBLIC_URL", f"http://127.0.0.1:{web_port}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.query or parts.fragment:
        raise env.error("DUECOURSE_PUBLIC_URL", "must be an http or https address without query")
    return url


def _broker_url(env: Table) -> str:
    url = env.text("BROKER_URL", "", blank=True)
    if url and (urlsplit(url).scheme not in _BROKERS or ";" in url):
        raise env.error("BROKER_URL", "must be one address: amqp, amqps, redis, rediss or unix")
    return url


def _virtual_clock(env: Table) -> bool:
    clock = env.text("DUECOURSE_CLOCK", "real")
    if clock not in {"real", "virtual"}:
        raise env.error("DUECOURSE_CLOCK", "must be real or virtual")
    return clock == "virtual"


def _quiet(table: Table) -> Quiet:
    quiet = Quiet(start=table.clock("start"), end=table.clock("end"))
    if quiet.start == quiet.end:
        raise table.error("end", "equals start: that would be no hour or every hour")
    table.finish()
    return quiet


def _allocation_order(main: Table) -> tuple[Component, ...]:
    default = (Component.PENALTY, Component.FEE, Component.INTEREST, Component.PRINCIPAL)
    order = main.choices("allocation_order", Component, default)
    missing = sorted(set(Component) - set(order))
    if missing:
        raise main.error("allocation_order", "leaves out " + ", ".join(missing))
    return order


def _log_format(main: Table) -> str:
    wanted = main.text("log_format", "auto")
    if wanted not in _LOG_FORMATS:
        raise main.error("log_format", "must be one of " + ", ".join(_LOG_FORMATS))
    return wanted


def _links(table: Table) -> Links:
    links = Links(pay=table.text("pay", Links().pay), help=table.text("help", Links().help))
    table.finish()
    for key, link in (("pay", links.pay), ("help", links.help)):
        try:
            link.format(public_url="", token="")
        except (KeyError, IndexError, ValueError) as exc:
            raise table.error(key, "may hold {public_url} and {token} only") from exc
    return links


def _delivery(table: Table) -> Delivery:
    base = Delivery()
    seconds = {
        name: table.number(name, getattr(base, name), low=0.05, high=_DAY_S)
        for name in Delivery.__dataclass_fields__
        if name.endswith("_s")
    }
    delivery = Delivery(
        **seconds,
        micro_batch=table.whole("micro_batch", base.micro_batch, low=1, high=1000),
        degraded_workers=table.whole("degraded_workers", base.degraded_workers, low=1, high=1000),
        max_failures=table.whole("max_failures", base.max_failures, low=1, high=1000),
    )
    table.finish()
    _check_timing(delivery, table)
    return delivery


def _check_timing(delivery: Delivery, table: Table) -> None:
    """The inequalities of exactly-once delivery. `margin` is what the lease leaves beyond deadline and call."""
    margin = delivery.lease_s - delivery.deadline_s - delivery.http_total_s
    if margin < delivery.settle_margin_s:
        raise table.error("lease_s", "must be at least deadline_s + http_total_s + settle_margin_s")
    if delivery.http_total_s >= delivery.deadline_s + margin:
        raise table.error("http_total_s", "must be less than half of lease_s")
    if delivery.deadline_s + delivery.http_total_s > delivery.job_budget_s:
        raise table.error("job_budget_s", "must be at least deadline_s + http_total_s")
    if delivery.job_budget_s >= HEARTBEAT_S:
        raise table.error("job_budget_s", f"must be less than the broker's heartbeat of {HEARTBEAT_S:g}")
    if delivery.backoff_cap_s < delivery.backoff_base_s:
        raise table.error("backoff_cap_s", "must be at least backoff_base_s")


def _providers(folder: Path, environ: Mapping[str, str], delivery: Delivery) -> tuple[Provider, ...]:
    return tuple(_provider(path, environ, delivery) for path in sorted(folder.glob("*.toml")))


def _provider(path: Path, environ: Mapping[str, str], delivery: Delivery) -> Provider:
    raw, file = read_toml(path), str(path)
    switch = fill({"enabled": raw.get("enabled", True)}, environ, file=file)
    enabled = Table(switch, file=file, from_env=True).flag("enabled")
    values = fill(raw, environ, file=file) if enabled else fill_known(raw, environ)
    table = Table(values | switch, file=file, from_env=True)
    rate = table.number("rate_per_s", low=0.001, high=1_000_000)
    provider = Provider(
        name=path.stem,
        adapter=table.text("adapter"),
        channel=table.choice("channel", ChannelKind),
        enabled=table.flag("enabled"),
        rate_per_s=rate,
        burst=table.whole("burst", max(1, int(rate)), low=1, high=1_000_000),
        max_batch=table.whole("max_batch", 1, low=1, high=10_000),
        resolution=table.choice("resolution", Resolution, Resolution.NONE),
        settle_s=table.number("settle_s", 60.0, low=0, high=_DAY_S),
        window_s=table.number("window_s", 0.0, low=0, high=365 * _DAY_S),
        horizon_s=table.number("horizon_s", _DAY_S, low=0, high=30 * _DAY_S),
        timeout_s=table.number("timeout_s", delivery.http_total_s, low=0.05, high=_DAY_S),
        max_in_flight=table.whole("max_in_flight", 1_000, low=1, high=100_000),
        options=table.mapping("options"),
        **provider_limits(table),
    )
    table.finish()
    _check_provider(provider, delivery, table)
    return provider


def _check_provider(provider: Provider, delivery: Delivery, table: Table) -> None:
    if provider.timeout_s > delivery.http_total_s:
        raise table.error("timeout_s", f"must be at most delivery.http_total_s ({delivery.http_total_s:g})")
    # A re-call must end well inside what the provider remembers of a key.
    if provider.resolution is Resolution.KEY and provider.window_s <= 2 * provider.settle_s:
        raise table.error("window_s", "must be more than twice settle_s where resolution is key")
