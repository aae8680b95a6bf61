"""Which server carries the hints is one address, and its mistakes are told in one line."""

import sys
from pathlib import Path

import dramatiq
import pytest

from duecourse.domain.errors import ConfigError
from duecourse.settings import load
from duecourse.settings.masked import masked
from workers.broker import make_broker
from workers.environment import broker_of_process

REPOSITORY = Path(__file__).parents[2]
KEYS = {
    "DUECOURSE_MASTER_KEY": "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    "DUECOURSE_INDEX_KEY": "Hx4dHBsaGRgXFhUUExIREA8ODQwLCgkIBwYFBAMCAQA=",
}


def shown(**environ: str) -> object:
    return masked(load(KEYS | environ, REPOSITORY / "config"))["broker_url"]


def test_hints_take_redis_unless_a_broker_is_named() -> None:
    assert shown(REDIS_URL="redis://cache/0") == "redis://cache/0"
    assert shown(REDIS_URL="redis://cache/0", BROKER_URL="amqps://mq/%2F") == "amqps://mq/%2F"


def test_a_brokers_password_is_never_shown() -> None:
    settings = load(KEYS | {"BROKER_URL": "amqp://u:canary@mq/v"}, REPOSITORY / "config")
    assert "canary" not in repr(settings)
    assert masked(settings)["broker_url"] == "amqp://u:***@mq/v"


@pytest.mark.parametrize("url", ["http://mq", "mq:5672", "amqp://a;amqp://b"])
def test_what_is_no_broker_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="BROKER_URL"):
        load(KEYS | {"BROKER_URL": url}, REPOSITORY / "config")


def test_an_address_that_cannot_be_read_is_refused_without_its_words() -> None:
    with pytest.raises(ConfigError, match="BROKER_URL: is no address that pika can read") as refused:
        make_broker("amqp://u:canary@mq:port/")
    assert "canary" not in str(refused.value)


def test_without_rabbitmqs_client_a_worker_ends_with_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pika", None)
    monkeypatch.delitem(sys.modules, "workers.rabbitmq", raising=False)
    settings = load(KEYS | {"BROKER_URL": "amqp://mq"}, REPOSITORY / "config")

    with pytest.raises(SystemExit) as ended:
        broker_of_process(settings)

    assert ended.value.code == 2
    assert "install duecourse[rabbitmq]" in capsys.readouterr().err


@pytest.mark.parametrize(("told", "every_ms"), [(None, 100), ("40", 1000)])
def test_a_worker_without_work_looks_for_hints_ten_times_a_second_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch, told: str | None, every_ms: int
) -> None:
    monkeypatch.delenv("dramatiq_worker_timeout", raising=False)
    if told:
        monkeypatch.setenv("dramatiq_worker_timeout", told)
    broker = make_broker("redis://cache/0")
    # Dramatiq reads its variable once, when it is imported: here that is done, and the default in force.
    worker = dramatiq.Worker(broker, worker_timeout=1000)

    broker.emit_before("worker_boot", worker)
    broker.emit_after("worker_shutdown", worker)

    assert worker.worker_timeout == every_ms
