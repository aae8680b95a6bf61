"""The web process' answers, over its real stores."""

import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from channels import signatures
from channels.fake import FAKE_SECRET, FakeChannel
from duecourse.bell import RedisBell
from duecourse.bootstrap import App, open_app, redis_client
from duecourse.domain.message import WebhookRequest
from duecourse.domain.tokens import make_token, token_key
from duecourse.settings import Settings
from duecourse.web import health, metrics, webhooks
from duecourse.web.app import create_app
from duecourse.web.pages import words_for

EVENT = json.dumps({"events": [{"event_id": "e1", "type": "delivered", "reference": "7-1"}]}).encode()
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
NOWHERE = "redis://127.0.0.1:1/0"


class Remembering(FakeChannel):
    def __init__(self) -> None:
        super().__init__()
        self.verified: list[WebhookRequest] = []

    def verify(self, request: WebhookRequest) -> bool:
        self.verified.append(request)
        return super().verify(request)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(replace(settings, public_url="https://lender.example/in")) as opened:
        yield opened


@pytest.fixture
def provider() -> Remembering:
    return Remembering()


Client = Callable[[App], httpx.AsyncClient]


@pytest.fixture
async def client_of(provider: Remembering) -> AsyncIterator[Client]:
    opened: list[httpx.AsyncClient] = []

    def make(app: App) -> httpx.AsyncClient:
        transport = httpx.ASGITransport(create_app(app, {"fake": provider}), raise_app_exceptions=False)
        opened.append(httpx.AsyncClient(transport=transport, base_url="http://forged.example"))
        return opened[-1]

    yield make
    for client in opened:
        await client.aclose()


@pytest.fixture
def client(app: App, client_of: Client) -> httpx.AsyncClient:
    return client_of(app)


def signed(body: bytes, webhook_id: str = "w1") -> dict[str, str]:
    stamp = signatures.Signed(webhook_id=webhook_id, timestamp=int(time.time()), body=body)
    return signatures.signed_headers([FAKE_SECRET], stamp)


async def test_a_verified_call_is_stored_before_it_is_answered(client: httpx.AsyncClient, outreach: Any) -> None:
    answer = await client.post("/webhooks/fake?a=1&b=%20", content=EVENT, headers=signed(EVENT))

    assert (answer.status_code, answer.content) == (200, b"")
    rows = await outreach.rows("SELECT provider, processed_at, raw_sealed FROM inbox")
    assert [row[:2] for row in rows] == [("fake", None)]
    assert b"delivered" not in bytes(rows[0][2])


async def test_the_url_that_is_verified_comes_from_the_settings(
    client: httpx.AsyncClient, provider: Remembering
) -> None:
    headers = signed(EVENT) | {"host": "evil.example", "x-forwarded-host": "evil.example"}
    await client.post("/webhooks/fake?a=1&b=%2B", content=EVENT, headers=headers)

    assert [call.url for call in provider.verified] == ["https://lender.example/in/webhooks/fake?a=1&b=%2B"]
    assert provider.verified[0].body == EVENT


async def test_the_same_call_again_is_answered_and_stored_once(client: httpx.AsyncClient, outreach: Any) -> None:
    answers = [await client.post("/webhooks/fake", content=EVENT, headers=signed(EVENT)) for _ in range(3)]
    other = await client.post("/webhooks/fake", content=EVENT, headers=signed(EVENT, "w2"))

    assert [answer.status_code for answer in (*answers, other)] == [200] * 4
    assert await outreach.value("SELECT count(*) FROM inbox") == 2


@pytest.mark.parametrize("headers", [{}, {"webhook-id": "w1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}])
async def test_a_bad_signature_is_refused_before_anything_is_read(
    headers: dict[str, str], client: httpx.AsyncClient, outreach: Any
) -> None:
    answer = await client.post("/webhooks/fake", content=b"\xff not json", headers=headers)

    assert answer.status_code == 400
    assert await outreach.value("SELECT count(*) FROM inbox") == 0


async def test_a_signature_over_another_body_is_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/fake", content=EVENT + b" ", headers=signed(EVENT))).status_code == 400


async def test_a_call_of_nobody_we_know_is_not_found(client: httpx.AsyncClient) -> None:
    assert (await client.post("/webhooks/nobody", content=EVENT, headers=signed(EVENT))).status_code == 404
    assert (await client.get("/webhooks/fake")).status_code == 405


@pytest.mark.parametrize("way", ["declared", "streamed"])
async def test_a_body_that_is_too_long_is_refused_while_it_is_read(
    way: str, client: httpx.AsyncClient, provider: Remembering
) -> None:

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 16_384

    body: Any = b"x" * (webhooks.MAX_BODY + 1) if way == "declared" else endless()
    answer = await client.post("/webhooks/fake", content=body)

    assert answer.status_code == 413
    assert provider.verified == []
    exact = b"x" * webhooks.MAX_BODY
    assert (await client.post("/webhooks/fake", content=exact, headers=signed(exact))).status_code == 200


async def test_a_fault_of_ours_makes_the_provider_call_again(
    app: App, client: httpx.AsyncClient, owner_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(health, "_PATIENCE_S", 0.3)
    monkeypatch.setattr(metrics, "_PATIENCE_S", 0.3)
    close_database(owner_database_url)

    answer = await client.post("/webhooks/fake", content=EVENT, headers=signed(EVENT))
    ready = await client.get("/readyz")
    scraped = await client.get("/metrics")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert (ready.status_code, ready.json()["checks"]) == (503, {"postgres": "unreachable", "redis": "ok"})
    assert (await client.get("/healthz")).status_code == 200
    assert "duecourse_figures_up 0.0" in scraped.text
    assert 'duecourse_webhooks_total{provider="fake",result="unavailable"} 1.0' in scraped.text


def close_database(owner_url: str) -> None:
    """Nobody gets in any more, and who is in is thrown out."""
    name = urlsplit(owner_url).path.strip("/")
    with psycopg.connect(urlsplit(owner_url)._replace(path="/postgres").geturl(), autocommit=True) as conn:
        conn.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))


async def test_without_redis_a_call_is_stored_all_the_same(app: App, client_of: Client, outreach: Any) -> None:
    away = redis_client(NOWHERE)
    client = client_of(replace(app, redis=away, bell=RedisBell(away)))

    answer = await client.post("/webhooks/fake", content=EVENT, headers=signed(EVENT))
    ready = await client.get("/readyz")
    await away.aclose()

    assert answer.status_code == 200
    assert await outreach.value("SELECT count(*) FROM inbox") == 1
    assert (ready.status_code, ready.json()["checks"]) == (503, {"postgres": "ok", "redis": "unreachable"})


async def test_a_stored_call_rings_the_bell(app: App, client: httpx.AsyncClient) -> None:
    await client.post("/webhooks/fake", content=EVENT, headers=signed(EVENT))

    assert await app.bell.wait(1.0) == "inbox"


async def test_ready_means_stores_and_schema(client: httpx.AsyncClient, owner_database_url: str) -> None:
    before = await client.get("/readyz")
    with psycopg.connect(owner_database_url) as conn:
        conn.execute("DELETE FROM schema_migrations WHERE name LIKE '0003%'")
    after = await client.get("/readyz")

    assert (before.status_code, before.json()) == (200, {"ready": True, "checks": {"postgres": "ok", "redis": "ok"}})
    assert (after.status_code, after.json()["checks"]["postgres"]) == (503, "migrations pending")


async def test_the_link_asks_and_only_the_button_stops(app: App, client: httpx.AsyncClient, outreach: Any) -> None:
    borrower = await outreach.borrower(email="ada@example.com")
    contact = await outreach.contact(borrower, channel="email")
    pending = await outreach.contact(borrower, "planned", channel="email")
    link = f"/u/{make_token(token_key(app.settings.index_key), contact)}"

    page = await client.get(link)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<form method="post">' in page.text
    assert await outreach.value("SELECT count(*) FROM opt_outs") == 0

    for _ in range(2):
        assert (await client.post(link, data=ONE_CLICK)).status_code == 200
    assert await outreach.rows("SELECT borrower_id, channel, source FROM opt_outs") == [(borrower, "email", "link")]
    assert await outreach.state(pending) == "suppressed"
    assert "set-cookie" not in page.headers


async def test_one_click_may_come_as_form_data(app: App, client: httpx.AsyncClient, outreach: Any) -> None:
    contact = await outreach.contact(await outreach.borrower())
    link = f"/u/{make_token(token_key(app.settings.index_key), contact)}"

    answer = await client.post(link, files={"List-Unsubscribe": (None, "One-Click")})

    assert answer.status_code == 200
    assert await outreach.value("SELECT channel FROM opt_outs") == "sms"


@pytest.mark.parametrize("body", [b"", b"List-Unsubscribe=No", b"x=List-Unsubscribe=One-Click-Not", b"y" * 5000])
async def test_a_post_without_the_field_stops_nothing(
    body: bytes, app: App, client: httpx.AsyncClient, outreach: Any
) -> None:
    contact = await outreach.contact(await outreach.borrower())
    link = f"/u/{make_token(token_key(app.settings.index_key), contact)}"

    assert (await client.post(link, content=body)).status_code == 400
    assert await outreach.value("SELECT count(*) FROM opt_outs") == 0


async def test_a_link_that_nobody_gave_is_not_found(app: App, client: httpx.AsyncClient, outreach: Any) -> None:
    contact = await outreach.contact(await outreach.borrower())
    forged = make_token(token_key(b"x" * 32), contact)
    nobodys = make_token(token_key(app.settings.index_key), contact + 999)

    for token in (forged, "x", "%00", forged[:-1]):
        assert (await client.get(f"/u/{token}")).status_code == 404
        assert (await client.post(f"/u/{token}", data=ONE_CLICK)).status_code == 404
    assert (await client.post(f"/u/{nobodys}", data=ONE_CLICK)).status_code == 404
    assert await outreach.value("SELECT count(*) FROM opt_outs") == 0


async def test_pages_come_in_the_reader_s_language_and_are_locked_down(app: App, client: httpx.AsyncClient) -> None:
    page = await client.get("/u/x", headers={"accept-language": "zh-CN,zh;q=0.9,en;q=0.8"})

    assert '<html lang="zh-CN">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert page.headers["referrer-policy"] == "no-referrer"
    assert not re.search(r"https?://|<script|<img", page.text)


@pytest.mark.parametrize(
    ("header", "language"),
    [("", "en"), ("fr", "en"), ("zh", "zh-CN"), ("en;q=0.2, zh-TW;q=0.9", "zh-CN"), ("zh;q=x,en;q=0.1", "en")],
)
def test_the_first_wish_that_we_can_meet_decides(header: str, language: str) -> None:
    assert words_for(header).language == language


async def test_the_process_tells_nothing_about_itself(client: httpx.AsyncClient) -> None:
    for path in ("/docs", "/openapi.json", "/redoc", "/"):
        assert (await client.get(path)).status_code == 404
