"""E-mail as the tests of SMTP send it."""

from collections.abc import Callable
from typing import Any

from channels.email.smtp import SmtpEmail
from duecourse.domain.message import Outbound, Rendered
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.settings import Provider
from tests.contract import rig

TO = "ms.canary@example.com"
PASSWORD = "canary-password"
TOKEN = "canary-webhook-token"

Make = Callable[..., SmtpEmail]


def provider(*, timeout_s: float = 5.0, **options: Any) -> Provider:
    """With these options changed; None takes one away."""
    base = {
        "host": "127.0.0.1",
        "security": "none",
        "from_name": "Harbour Lending",
        "from_address": "due@mail.example.org",
        "webhook_token": TOKEN,
    }
    given = {key: value for key, value in {**base, **options}.items() if value is not None}
    terms = rig.Terms(channel=ChannelKind.EMAIL, resolution=Resolution.NONE, options=given)
    return rig.provider("smtp", "smtp", timeout_s, terms)


def outbound(**changed: Any) -> Outbound:
    text = "canary text\n.a line with a dot\n..and two"
    body = Rendered(text=text, subject="canary subject", html="<p>canary</p>")
    return rig.outbound(**{"to": TO, "body": body, **changed})
