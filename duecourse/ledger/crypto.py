"""Encryption of personal data at rest: AES-256-GCM, a data key per borrower wrapped by a master key.

Layout of a sealed value: one format byte, a random 96-bit nonce, the ciphertext with its tag.
The associated data is the format byte and the *place*, so a value that was moved to another row or column stays shut.
"""

import hashlib
import hmac
import os
from collections.abc import Mapping
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from duecourse.domain.errors import SealBroken

_FORMAT = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_HEAD_BYTES = len(_FORMAT) + _NONCE_BYTES
_CACHED_KEYS = 4_096


class DataKey:
    """An opened data key. It shows nothing of itself and cannot be pickled into a queue or a log."""

    __slots__ = ("_cipher",)

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)

    def __repr__(self) -> str:
        return "DataKey(***)"

    def __reduce__(self) -> str:
        raise TypeError("a data key stays in its process")


class Vault:
    """Makes, wraps and opens data keys; seals and opens values; computes the blind index.

    Safe to share between threads. `master_keys` maps a version to 32 bytes: the highest seals, all open.
    """

    def __init__(self, master_keys: Mapping[int, bytes], index_key: bytes) -> None:
        if not master_keys or any(len(key) != _KEY_BYTES for key in master_keys.values()):
            raise ValueError(f"master keys: at least one, each of {_KEY_BYTES} bytes")
        if len(index_key) < _KEY_BYTES:
            raise ValueError(f"the index key needs at least {_KEY_BYTES} bytes")
        self._masters = {version: AESGCM(key) for version, key in master_keys.items()}
        self._index_mac = hmac.new(index_key, digestmod=hashlib.sha256)
        self._newest = max(master_keys)
        self._opened = lru_cache(maxsize=_CACHED_KEYS)(self._open_key)

    @property
    def newest(self) -> int:
        """The master key version that new data keys are wrapped with."""
        return self._newest

    def new_key(self) -> tuple[DataKey, bytes, int]:
        """A fresh data key, the same wrapped for storage, and the master version that wrapped it."""
        secret = os.urandom(_KEY_BYTES)
        return DataKey(secret), self._wrap(secret), self.newest

    def open_key(self, wrapped: bytes, master_version: int) -> DataKey:
        """The data key inside `wrapped`; the last few thousand are kept open.

        Raises:
            SealBroken: the master key is missing or is not the one that wrapped it.
        """
        return self._opened(wrapped, master_version)

    def _open_key(self, wrapped: bytes, master_version: int) -> DataKey:
        return DataKey(self._unwrap(wrapped, master_version))

    def rewrap(self, wrapped: bytes, master_version: int) -> tuple[bytes, int]:
        """The same data key under the newest master key: what it sealed stays as it is.

        Raises:
            SealBroken: the master key of `master_version` is missing or wrong.
        """
        return self._wrap(self._unwrap(wrapped, master_version)), self.newest

    def seal(self, key: DataKey, place: str, text: str) -> bytes:
        """Encrypt `text` for one place, such as `borrowers|name|17`."""
        return self.seal_bytes(key, place, text.encode())

    def open(self, key: DataKey, place: str, blob: bytes) -> str:
        """Decrypt what `seal` made.

        Raises:
            SealBroken: another key, another place, or altered bytes.
        """
        return self.open_bytes(key, place, blob).decode()

    def seal_bytes(self, key: DataKey, place: str, data: bytes) -> bytes:
        return _seal(key._cipher, place, data)  # noqa: SLF001 - one module: only the vault looks inside a key

    def open_bytes(self, key: DataKey, place: str, blob: bytes) -> bytes:
        """As `open`, for raw bytes."""
        return _open(key._cipher, place, blob)  # noqa: SLF001 - as above

    def index(self, kind: str, value: str) -> bytes:
        """The blind index: 32 bytes, equal for equal normalised values of one kind (`sms`, `email`, ...)."""
        mac = self._index_mac.copy()
        mac.update(f"{kind}\0{value}".encode())
        return mac.digest()

    def _wrap(self, secret: bytes) -> bytes:
        return _seal(self._masters[self.newest], _wrap_place(self.newest), secret)

    def _unwrap(self, wrapped: bytes, version: int) -> bytes:
        master = self._masters.get(version)
        if master is None:
            raise SealBroken(f"master key version {version} is not configured")
        return _open(master, _wrap_place(version), wrapped)


def name_place(data_key_id: int) -> str:
    """Where a borrower's name is sealed."""
    return f"borrowers|name|{data_key_id}"


def address_place(data_key_id: int, channel: str, address_index: bytes) -> str:
    """Where an address of a contact point is sealed."""
    return f"contact_points|address|{data_key_id}|{channel}|{address_index.hex()}"


def body_place(data_key_id: int, reference: str) -> str:
    """Where the frozen body of an attempt is sealed."""
    return f"attempts|body|{data_key_id}|{reference}"


def _wrap_place(version: int) -> str:
    return f"data_keys|wrapped|{version}"


def _seal(cipher: AESGCM, place: str, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _FORMAT + nonce + cipher.encrypt(nonce, data, _FORMAT + place.encode())


def _open(cipher: AESGCM, place: str, blob: bytes) -> bytes:
    if blob[:1] != _FORMAT:
        raise SealBroken("not a sealed value of a known format")
    try:
        return cipher.decrypt(blob[1:_HEAD_BYTES], blob[_HEAD_BYTES:], _FORMAT + place.encode())
    except (InvalidTag, ValueError) as exc:
        raise SealBroken("a sealed value does not belong where it stands") from exc
