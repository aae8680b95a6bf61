"""A loopback token endpoint and FCM: one token at a time, assertions checked by google-auth."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import google.auth.jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

_jwt: Any = google.auth.jwt
PROJECT = "harbour-test"
EMAIL = "sender@harbour-test.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef"
AUDIENCE = "https://oauth2.googleapis.com/token"
_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
PEM = _KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
PUBLIC_PEM = _KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

Scripted = tuple[int, Any, dict[str, str]] | None


@dataclass
class FakeGoogle:
    """`tokens` and `answers` script what is said next; None closes the connection unanswered."""

    url: str = ""
    assertions: list[str] = field(default_factory=list)
    token_forms: list[tuple[dict[str, str], dict[str, str]]] = field(default_factory=list)
    sends: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    tokens: list[Scripted] = field(default_factory=list)
    answers: list[Scripted] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)

    async def start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_post("/token", self._token)
        app.router.add_post("/v1/projects/{project}/messages:send", self._send)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return runner

    def key_file(self, **changes: Any) -> dict[str, Any]:
        content = {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": KEY_ID,
            "private_key": PEM,
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        return {name: value for name, value in {**content, **changes}.items() if value is not None}

    async def _token(self, request: web.Request) -> web.StreamResponse:
        form = dict(parse_qsl((await request.read()).decode(), strict_parsing=True))
        self.token_forms.append((form, {name.lower(): value for name, value in request.headers.items()}))
        self.assertions.append(form["assertion"])
        if self.tokens:
            return self._scripted(request, self.tokens.pop(0))
        try:
            _jwt.decode(form["assertion"], certs=PUBLIC_PEM, audience=AUDIENCE)
        except ValueError:
            return web.json_response({"error": "invalid_grant"}, status=400)
        token = f"canary-access-{len(self.assertions)}"
        self.valid = {token}
        return web.json_response({"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    async def _send(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.sends.append((request.path, headers, await request.json()))
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.valid:
            return web.json_response(error(401, "UNAUTHENTICATED"), status=401)
        if self.answers:
            return self._scripted(request, self.answers.pop(0))
        return web.json_response({"name": f"projects/{PROJECT}/messages/0:{len(self.sends)}"})

    def _scripted(self, request: web.Request, answer: Scripted) -> web.StreamResponse:
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        status, body, headers = answer
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers, content_type="application/json")


def error(status: int, word: str, code: str | None = None, field_name: str | None = None) -> dict[str, Any]:
    """Google's error body, as firebase-admin's issues quote it."""
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code})
    if field_name:
        violation = {"field": field_name, "description": "Invalid value"}
        details.append({"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]})
    return {"error": {"code": status, "message": "canary-device", "status": word, "details": details}}
