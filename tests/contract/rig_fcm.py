"""FCM's rig. Its channel already has a token: what happens without one is in test_fcm.py."""

import json
import time
from typing import Any

from channels.push import fcm
from channels.push.google_token import _Token
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.ports import Channel
from tests.contract.fake_google import PEM, FakeGoogle, error
from tests.contract.rig import HttpRig, Reply, Rig, Say, Terms, provider
from tests.contract.wire import Request

ACCESS = "canary-access-token"
DEVICE = "canary-device-good"
GONE = "canary-device-gone"

_SAID: dict[Say, tuple[int, Any]] = {
    Say.REFUSE_CONTENT: (400, error(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.notification.title")),
    Say.UNAUTHORISED: (401, error(401, "UNAUTHENTICATED")),
    Say.THROTTLE: (429, error(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED")),
    Say.UNAVAILABLE: (503, error(503, "UNAVAILABLE", "UNAVAILABLE")),
    Say.SERVER_ERROR: (500, error(500, "INTERNAL", "INTERNAL")),
}


def _build(url: str, timeout_s: float) -> Channel:
    options = {"service_account": json.dumps(FakeGoogle(url=url).key_file()), "base_url": url}
    terms = Terms(channel=ChannelKind.PUSH, resolution=Resolution.NONE, options=options)
    channel = fcm.build(provider("fcm", "fcm", timeout_s, terms))
    assert isinstance(channel, fcm.FcmPush)
    now = time.monotonic()
    channel._tokens._current = _Token(secret=ACCESS, renew_at=now + 3600, ends_at=now + 3600)
    return channel


def _reply(say: Say, request: Request) -> Reply:
    if request.target == "/token":
        return 200, {}, json.dumps({"access_token": ACCESS, "expires_in": 3599}).encode()
    if say is Say.GARBAGE:
        return 200, {}, b"<html>Welcome to the canary hotel</html>"
    if say in _SAID:
        status, body = _SAID[say]
        return status, {"retry-after": "7"} if say is Say.THROTTLE else {}, json.dumps(body).encode()
    message = json.loads(request.body)["message"]
    if message["token"] == GONE:
        return 404, {}, json.dumps(error(404, "NOT_FOUND", "UNREGISTERED")).encode()
    return 200, {}, json.dumps({"name": f"projects/p/messages/{message['data']['ref']}"}).encode()


RIGS: tuple[Rig, ...] = (
    HttpRig(
        name="fcm",
        build=_build,
        reply=_reply,
        sign=lambda: None,
        secrets=(ACCESS, PEM[100:140]),
        says=frozenset({Say.ACCEPT, Say.GARBAGE, Say.HANG_UP, Say.SILENCE, *_SAID}),
        address=DEVICE,
        bad_address=GONE,
    ),
)
