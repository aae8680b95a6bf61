"""Opaque signed names of contacts, for links in texts: nobody can make one, none tells anything but an id."""

import base64
import binascii
import hashlib
import hmac
from functools import lru_cache

#: Contact ids stay below 2^53.
_ID_BYTES = 7
#: 88 bits: guessing is only possible by asking our own server.
_MAC_BYTES = 11
_LENGTH = (_ID_BYTES + _MAC_BYTES) * 4 // 3


def token_key(index_key: bytes) -> bytes:
    """The key of tokens, derived from the index key: one secret to keep, two keys that do not know each other."""
    return hmac.digest(index_key, b"duecourse contact token 1", "sha256")


def make_token(key: bytes, contact_id: int) -> str:
    """24 characters that are safe in a URL. `key` comes from `token_key`."""
    name = contact_id.to_bytes(_ID_BYTES, "big")
    return base64.urlsafe_b64encode(name + _mac(key, name)).decode("ascii")


def read_token(key: bytes, token: str) -> int | None:
    """The contact's id; None where the token is not surely ours."""
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    name, mac = raw[:_ID_BYTES], raw[_ID_BYTES:]
    if len(token) != _LENGTH or not hmac.compare_digest(mac, _mac(key, name)):
        return None
    return int.from_bytes(name, "big")


def _mac(key: bytes, name: bytes) -> bytes:
    mac = _keyed(key).copy()
    mac.update(name)
    return mac.digest()[:_MAC_BYTES]


@lru_cache(maxsize=4)
def _keyed(key: bytes) -> hmac.HMAC:
    """Taking in the key is half of the work."""
    return hmac.new(key, digestmod=hashlib.sha256)
