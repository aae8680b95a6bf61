"""Reads the key file of a Google service account; no complaint about it shows any of its content."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from channels.base import json_object, text_of
from duecourse.domain.table import Table

#: What Google checks as the audience, wherever the request itself is sent: google-auth does the same.
AUDIENCE = "https://oauth2.googleapis.com/token"


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceAccount:
    """What a key file says."""

    project_id: str
    email: str
    key_id: str
    key: RSAPrivateKey = field(repr=False)
    token_uri: str


def read_account(table: Table) -> ServiceAccount:
    """By `service_account_file`, or by `service_account`: the same JSON as text.

    Raises:
        ConfigError: neither or both are set, or it is no key.
    """
    path = table.text("service_account_file", "", blank=True)
    inline = table.text("service_account", "", blank=True)
    if bool(path) == bool(inline):
        raise table.error("service_account_file", "set either service_account_file or service_account")
    key = "service_account_file" if path else "service_account"
    content = _content(Path(path), table) if path else inline.encode()
    values = json_object(content)
    if values is None:
        raise table.error(key, "is no JSON object")
    texts = {name: text_of(values.get(name)) for name in ("project_id", "client_email", "private_key_id")}
    missing = [name for name, value in texts.items() if value is None]
    if missing:
        raise table.error(key, f"lacks {missing[0]}")
    return ServiceAccount(
        project_id=texts["project_id"] or "",
        email=texts["client_email"] or "",
        key_id=texts["private_key_id"] or "",
        key=_private_key(values, table, key),
        token_uri=_token_uri(values, table, key),
    )


def _content(path: Path, table: Table) -> bytes:
    try:
        return path.read_bytes()
    except OSError as exc:
        raise table.error("service_account_file", f"cannot be read: {exc.strerror}") from exc


def _private_key(values: Mapping[str, Any], table: Table, key: str) -> RSAPrivateKey:
    try:
        private_key = load_pem_private_key((text_of(values.get("private_key")) or "").encode(), password=None)
    except (ValueError, TypeError):
        raise table.error(key, "private_key is no PEM key") from None  # the cause may quote the key
    if not isinstance(private_key, RSAPrivateKey):
        raise table.error(key, "private_key is no RSA key")
    return private_key


def _token_uri(values: Mapping[str, Any], table: Table, key: str) -> str:
    uri = text_of(values.get("token_uri")) or AUDIENCE
    parts = urlsplit(uri)
    if parts.scheme != "https" and parts.hostname != "127.0.0.1":
        raise table.error(key, "token_uri must be https")
    return uri
