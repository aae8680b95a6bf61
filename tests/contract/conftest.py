"""An SMTP server, and channels that speak to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from channels.email.smtp import SmtpEmail, build
from tests.contract.fake_smtp import FakeSmtp
from tests.contract.mailing import Make, provider


@pytest.fixture
async def server() -> AsyncIterator[FakeSmtp]:
    fake = FakeSmtp()
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def make(server: FakeSmtp) -> AsyncIterator[Make]:
    made: list[SmtpEmail] = []

    def _make(**options: Any) -> SmtpEmail:
        channel = build(provider(**{"port": server.port, **options}))
        assert isinstance(channel, SmtpEmail)
        made.append(channel)
        return channel

    yield _make
    for channel in made:
        await channel.aclose()
