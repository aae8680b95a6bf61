"""Why a call has no answer: one word, decided by the exception underneath and never by its wrapper's name."""

import errno
import socket
import ssl
from enum import StrEnum

import httpx


class Cause(StrEnum):
    """Why a call has no usable response. The words that reach logs, attempts and metrics."""

    DEADLINE = "deadline"
    POOL_TIMEOUT = "pool_timeout"
    CONNECT_TIMEOUT = "connect_timeout"
    CONNECT_REFUSED = "connect_refused"
    UNREACHABLE = "unreachable"
    CONNECT_ERROR = "connect_error"
    DNS = "dns"
    TLS = "tls"
    BAD_REQUEST = "bad_request"
    """The request cannot be expressed: a malformed URL, or a line break in a header."""
    READ_TIMEOUT = "read_timeout"
    DISCONNECTED = "disconnected"
    RESET = "reset"
    TRUNCATED = "truncated"
    GARBAGE = "garbage"
    TOO_LARGE = "too_large"
    UNEXPECTED = "unexpected"
    """Not in the table below: always taken for perhaps sent."""


class Unanswered(httpx.TransportError):
    """A request that ended without a whole response."""

    def __init__(self, cause: Cause, *, written: bool) -> None:
        super().__init__(cause.value)
        self.cause = cause
        self.written = written
        """Whether a byte of it may have left."""


class DeadlinePassed(Exception):
    """Raised at the first byte to keep it from being written."""


#: What the way to a connection raises, most specific first: the first match along the chain of causes wins.
_CAUSES: tuple[tuple[type[BaseException], Cause], ...] = (
    (socket.gaierror, Cause.DNS),
    (ssl.SSLError, Cause.TLS),
    (ConnectionRefusedError, Cause.CONNECT_REFUSED),
    # Our patience, and the kernel's.
    (TimeoutError, Cause.CONNECT_TIMEOUT),
    (OSError, Cause.CONNECT_ERROR),
    # A name that cannot be one, such as a label of more than 63 letters.
    (UnicodeError, Cause.BAD_REQUEST),
)
_ERRNO = {
    errno.ECONNREFUSED: Cause.CONNECT_REFUSED,
    errno.ENETUNREACH: Cause.UNREACHABLE,
    errno.EHOSTUNREACH: Cause.UNREACHABLE,
    errno.ETIMEDOUT: Cause.CONNECT_TIMEOUT,
}


def connect_cause(exc: BaseException) -> Cause:
    """Why there is no connection, by the first known class along the chain of causes."""
    link: BaseException | None = exc
    while link is not None:
        for known, cause in _CAUSES:
            if isinstance(link, known):
                return _refined(link, cause)
        link = link.__cause__
    return Cause.UNEXPECTED


def _refined(exc: BaseException, cause: Cause) -> Cause:
    if cause is not Cause.CONNECT_ERROR or not isinstance(exc, OSError):
        return cause
    return _ERRNO.get(exc.errno or 0, cause)
