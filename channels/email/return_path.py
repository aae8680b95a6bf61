"""The mark that a message carries to wherever a bounce may start: our reference, and a seal that only we can make.

References can be guessed: without a seal whoever knows the return path could end somebody's emails by a forged bounce.
"""

import hmac
from collections.abc import Iterable, Sequence
from hashlib import sha256

#: Mail systems fold the case of local parts, and one of 64 characters must hold the reference too.
_SEAL_LENGTH = 16
_SEPARATOR = "="


def marked(reference: str, secrets: Sequence[str]) -> str:
    """The reference with its seal by the first secret; bare where there is none, as no bounce is believed then."""
    return f"{reference}{_SEPARATOR}{_seal(reference, secrets[0])}" if secrets else reference


def first_believed(marks: Iterable[str], secrets: Sequence[str]) -> str | None:
    """The reference of the first mark that one of the secrets has sealed."""
    for mark in marks:
        reference, _, seal = mark.rpartition(_SEPARATOR)
        if any(hmac.compare_digest(_seal(reference, secret), seal.lower()) for secret in secrets):
            return reference
    return None


def _seal(reference: str, secret: str) -> str:
    return hmac.digest(secret.encode(), f"return path {reference.lower()}".encode(), sha256).hex()[:_SEAL_LENGTH]
