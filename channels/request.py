"""What is written of a request before its body. Each line is checked by itself, so that none can hold another."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import httpx

from channels.causes import Cause, Unanswered
from channels.connecting import Origin

_PORTS = {"http": 80, "https": 443}
_LAST_PORT = 65_535
#: Headers that follow from the address and the body, whatever the request says of them.
_OURS = frozenset({"host", "content-length", "transfer-encoding"})
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")

Lines = Mapping[str, bytes]
"""A request's headers as they are written, each under its name in lower case."""


class Address(NamedTuple):
    """A URL, as far as a request is concerned."""

    origin: Origin
    path: bytes
    host: bytes


@lru_cache(maxsize=256)
def address_of(url: str) -> Address | None:
    """None where nothing can be asked at such a URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return None
    port = _PORTS.get(parsed.scheme, 0) if parsed.port is None else parsed.port
    # The resolver would take a port too high for another one.
    if parsed.scheme not in _PORTS or not parsed.host or not 0 < port <= _LAST_PORT:
        return None
    origin = Origin(parsed.raw_host.decode(), port, parsed.scheme == "https")
    return Address(origin, parsed.raw_path, parsed.netloc)


def lines_of(headers: Mapping[str, str]) -> Lines:
    """Raises Unanswered where a name or a value is none."""
    return {key: _line(name, value) for name, value in headers.items() if (key := name.lower()) not in _OURS}


def head_of(method: str, address: Address, lines: Lines, length: int) -> bytes:
    """The request's line and headers, for a body of `length` bytes.

    Raises:
        Unanswered: the method is no word.
    """
    first = _first_lines(method, address.path, address.host)
    return b"%b%d\r\n%b\r\n" % (first, length, b"".join(lines.values()))


@lru_cache(maxsize=256)
def _first_lines(method: str, path: bytes, host: bytes) -> bytes:
    """Up to where the body's length is written."""
    if not (method.isascii() and method.isalpha() and _is_plain((path + host).decode("latin-1"))):
        raise Unanswered(Cause.BAD_REQUEST, written=False)
    return b"%b %b HTTP/1.1\r\nhost: %b\r\ncontent-length: " % (method.encode(), path, host)


#: Most headers are those of every request.
@lru_cache(maxsize=1024)
def _line(name: str, value: str) -> bytes:
    if not (_TOKEN.fullmatch(name) and _is_plain(value)):
        raise Unanswered(Cause.BAD_REQUEST, written=False)
    return f"{name}: {value}\r\n".encode()


def _is_plain(text: str) -> bool:
    return text.isascii() and not ("\n" in text or "\r" in text or "\0" in text)
