"""Adapters are found by the name a provider's file gives, and a wrong file is told from a wrong adapter."""

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from channels import registry
from channels.sandbox import Sandbox
from channels.webhook import Webhook
from duecourse.domain.errors import ConfigError
from duecourse.settings import Provider
from tests.contract.rig import Terms, provider

SANDBOX = {"base_url": "http://sandbox:8099/", "account": "sms", "api_key": "k", "webhook_secret": "s"}
WEBHOOK = {"url": "https://lender.example/outreach", "secret": "s"}


def named(adapter: str, **options: Any) -> Provider:
    return provider("acme", adapter, 5.0, Terms(options=options))


def test_our_own_adapters_are_known() -> None:
    assert {"fcm", "sandbox", "smtp", "twilio", "webhook"} <= set(registry.adapters())


def test_a_provider_becomes_its_adapters_channel() -> None:
    channel = registry.build(named("sandbox", **SANDBOX))
    assert isinstance(channel, Sandbox)
    assert (channel.name, channel.capability.settle_s) == ("acme", 3.0)
    assert isinstance(registry.build(named("webhook", **WEBHOOK)), Webhook)


def test_an_unknown_adapter_is_refused_by_file_and_the_known_are_named() -> None:
    with pytest.raises(ConfigError, match=r"config/providers/acme\.toml: adapter: unknown: 'twillio'.*twilio"):
        registry.build(named("twillio"))


@pytest.mark.parametrize(
    ("adapter", "options", "complaint"),
    [
        ("sandbox", SANDBOX | {"base_url": "sandbox"}, "options.base_url: must be an http or https address"),
        ("sandbox", SANDBOX | {"acount": "x"}, "options.acount: unknown key; did you mean 'account'?"),
        ("sandbox", {**SANDBOX, "api_key": 7}, "options.api_key: must be text"),
        ("sandbox", {k: v for k, v in SANDBOX.items() if k != "account"}, "options.account: is missing"),
        ("webhook", WEBHOOK | {"url": "http://lender.example"}, "options.url: must be https"),
        ("webhook", WEBHOOK | {"secret": ""}, "options.secret: must not be empty"),
    ],
)
def test_a_wrong_option_is_named_with_its_file(adapter: str, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        registry.build(named(adapter, **options))
    assert str(caught.value).startswith(f"config/providers/acme.toml: {complaint}")


def test_a_webhook_takes_one_message_per_call() -> None:
    with pytest.raises(ConfigError, match=r"acme\.toml: max_batch: must be 1"):
        registry.build(provider("acme", "webhook", 5.0, Terms(max_batch=10, options=WEBHOOK)))


def test_a_webhook_without_a_receipt_secret_takes_no_receipts() -> None:
    assert not registry.build(named("webhook", **WEBHOOK)).capability.receipts
    assert registry.build(named("webhook", **WEBHOOK, receipt_secret="r")).capability.receipts


def test_a_webhook_over_plain_http_must_be_asked_for() -> None:
    options = WEBHOOK | {"url": "http://lender.internal/x", "allow_http": "true"}
    assert isinstance(registry.build(named("webhook", **options)), Webhook)


@pytest.mark.parametrize("value", ["no_such_module:build", "channels.sandbox:no_such_factory"])
def test_an_adapter_that_cannot_be_loaded_is_told_so(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _installed(monkeypatch, EntryPoint("broken", value, registry.GROUP))
    with pytest.raises(ConfigError, match=r"acme\.toml: adapter: .* cannot be loaded"):
        registry.build(named("broken"))


def test_two_packages_that_claim_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("twice", value, registry.GROUP) for value in ("channels.sandbox:build", "other.sandbox:build")]
    _installed(monkeypatch, *points)
    with pytest.raises(ConfigError, match=r"claimed by channels\.sandbox:build and other\.sandbox:build"):
        registry.build(named("twice"))


def test_a_package_that_is_found_twice_on_the_path_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("sandbox", "channels.sandbox:build", registry.GROUP)
    _installed(monkeypatch, point, point)
    assert isinstance(registry.build(named("sandbox", **SANDBOX)), Sandbox)


def _installed(monkeypatch: pytest.MonkeyPatch, *points: EntryPoint) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)
