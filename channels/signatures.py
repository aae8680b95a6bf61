"""Signs and verifies webhooks as the Standard Webhooks specification 1.0 says (standardwebhooks.com)."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

#: How far a time stamp may lie from our clock, either way: bounds a replay.
TOLERANCE_S = 300
#: More than this is nobody's rotation of secrets, but somebody's try.
_MAX_SIGNATURES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Signed:
    """What a signature covers."""

    webhook_id: str
    timestamp: int
    body: bytes = field(repr=False)

    @property
    def content(self) -> bytes:
        return f"{self.webhook_id}.{self.timestamp}.".encode() + self.body


def signature(secret: str, signed: Signed) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`."""
    return "v1," + b64encode(hmac.digest(_key(secret), signed.content, sha256)).decode()


def signed_headers(secrets: Sequence[str], signed: Signed) -> dict[str, str]:
    """The three headers, with a signature by each secret."""
    return {
        "webhook-id": signed.webhook_id,
        "webhook-timestamp": str(signed.timestamp),
        "webhook-signature": " ".join(signature(secret, signed) for secret in secrets),
    }


def verify(headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str], now: float) -> bool:
    """True where one of the signatures is by one of `secrets` and the time stamp is near `now` (unix seconds).

    `headers` have lower-case names. Compares in constant time and reads nothing of the body.
    """
    webhook_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not webhook_id or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > len("253402300799"):
        return False
    if abs(now - int(stamp)) > TOLERANCE_S:
        return False
    signed = Signed(webhook_id=webhook_id, timestamp=int(stamp), body=body)
    given = headers.get("webhook-signature", "").split()[:_MAX_SIGNATURES]
    return any(_equal(signature(secret, signed), candidate) for secret in secrets for candidate in given)


def _equal(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode())


def _key(secret: str) -> bytes:
    """The specification's `whsec_` form holds base64; any other secret is taken as it stands."""
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix("whsec_"), validate=True)
    except Base64Error:
        return secret.encode()
