"""The provider files that we ship: off until they are asked for, complete when they are."""

import json
from pathlib import Path

import pytest

from channels import registry
from duecourse.domain.errors import ConfigError
from duecourse.ports import Channel
from duecourse.settings import load
from tests.contract.fake_google import FakeGoogle

CONFIG = Path(__file__).resolve().parents[2] / "config"
KEYS = {
    "DUECOURSE_MASTER_KEY": "1:" + "A" * 43 + "=",
    "DUECOURSE_INDEX_KEY": "B" * 43 + "=",
}
ENVIRONMENT = {
    "twilio": {
        "TWILIO_ACCOUNT_SID": "AC" + "0a" * 16,
        "TWILIO_AUTH_TOKEN": "canary-auth-token",
        "TWILIO_FROM": "+15005550006",
    },
    "fcm": {"DUECOURSE_FCM_KEY": json.dumps(FakeGoogle(url="https://t").key_file())},
    "smtp": {"SMTP_HOST": "mx.example.net", "SMTP_FROM_ADDRESS": "due@mail.example.org"},
}
REAL = sorted(ENVIRONMENT)


def _built(name: str, environ: dict[str, str]) -> Channel:
    return registry.build(next(provider for provider in load(environ, CONFIG).providers if provider.name == name))


@pytest.mark.parametrize("name", REAL)
def test_a_real_provider_is_off_until_it_is_asked_for(name: str) -> None:
    provider = load(KEYS, CONFIG).provider(name)

    assert provider is not None
    assert not provider.enabled


@pytest.mark.parametrize("name", REAL)
def test_a_real_provider_is_built_from_its_file_and_environment(name: str) -> None:
    switched_on = {f"DUECOURSE_{name.upper()}": "true", "DUECOURSE_PUBLIC_URL": "https://due.example.com"}
    provider = load(KEYS | switched_on | ENVIRONMENT[name], CONFIG).provider(name)

    assert provider is not None
    assert provider.enabled
    channel = registry.build(provider)
    assert channel.name == name
    assert channel.capability.channel is provider.channel


@pytest.mark.parametrize("name", REAL)
def test_a_real_provider_without_its_variables_is_refused_by_file_and_key(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        _built(name, KEYS | {f"DUECOURSE_{name.upper()}": "true"})

    assert caught.value.file.endswith(f"providers/{name}.toml")
    assert caught.value.key.startswith("options.")
