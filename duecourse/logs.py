"""Logs: events named `noun.verb` with ids. Whatever else reaches a log line is masked before it is written.

JSON in production, pretty on a terminal. Other libraries' records go through the same processors, and lose the
arguments of their messages: nobody can know what a library puts there.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePath
from types import TracebackType
from typing import Any, TextIO
from uuid import UUID

import structlog
from structlog.contextvars import bound_contextvars, merge_contextvars
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor

from duecourse.domain.errors import DuecourseError

#: Whose INFO is written. Everybody else's begins at WARNING: httpx logs URLs, dramatiq messages, uvicorn callers.
OURS = ("duecourse", "channels", "workers")
LOUD = ("httpx", "httpcore", "aiohttp", "uvicorn.access", "uvicorn.error", "dramatiq", "psycopg.pool", "asyncio")

MASK = "***"

# A key is masked if one of its words is in the first set, or its last word in the second:
# `home_phone_2` and `template_text` are, `text_segments` and `event_key` are not.
_SECRET_WORDS = frozenset({"phone", "password", "secret", "token", "authorization", "cookie", "credential", "dsn"})
_PERSONAL_NAMES = frozenset({
    "address", "args", "body", "content", "email", "exception", "headers", "html", "kwargs", "mail", "message",
    "mobile", "name", "names", "payload", "query", "raw", "recipient", "sender", "subject", "text", "title", "to",
    "uri", "url",
})  # fmt: skip

_EMAIL = re.compile(r"[^\s@<>\"'=,;:]+@[^\s@<>\"',;:]+\.[^\s@<>\"',;:]+")
# Seven to fifteen digits (E.164 allows no more, and a contact id has sixteen), also behind a percent-encoded plus.
# A calendar date is none, nor are the seconds of a time.
_PHONE = re.compile(
    r"(?:(?<![0-9A-Za-z])|(?<=%2B))(?!\d{4}-\d{2}-\d{2}(?!\d)|(?<=\d:)\d{2}\.\d{3,6}(?!\d))"
    r"\+?\d(?:[ ().-]{0,2}\d){6,14}(?![ ().-]?\d|[A-Za-z])"
)
_WORDS = re.compile(r"[a-z]+|[A-Z][a-z]*|\d+")
_DEEPEST = 6
_SMALLEST_PHONE = 1_000_000

bind = bound_contextvars
"""`with bind(contact_id=..., batch_id=...)`: every line written inside carries them."""


def configure(log_format: str, *, level: str = "INFO", stream: TextIO | None = None) -> None:
    """Set up this process' logs: once, before anything is logged. Replaces the handlers that others installed.

    `log_format` is `json`, `pretty`, or `auto`: pretty where `stream` (default: standard error) is a terminal.
    """
    out = stream or sys.stderr
    pretty = log_format == "pretty" or (log_format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_foreign, *_SHARED],
            processors=[ProcessorFormatter.remove_processors_meta, *_renderers(pretty=pretty)],
            use_get_message=False,
            pass_foreign_args=True,
        )
    )
    _route(handler, level)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _route(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for name in (*OURS, "__main__"):
        logging.getLogger(name).setLevel(level)
    for name in LOUD:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Mask what may be personal: by the name of its key, and whatever looks like a phone number or an e-mail."""
    return {key: _masked(key, value) for key, value in event.items()}


def mask_text(text: str) -> str:
    """`text` without what looks like an e-mail address or a phone number."""
    return _PHONE.sub(MASK, _EMAIL.sub(MASK, text))


def is_personal(key: str) -> bool:
    """True where a key of this name may hold personal data or a secret."""
    return is_secret(key) or not _PERSONAL_NAMES.isdisjoint(_words(key)[-1:])


def is_secret(key: str) -> bool:
    """True where not even a number may be shown."""
    return not _SECRET_WORDS.isdisjoint(_words(key))


def _words(key: str) -> tuple[str, ...]:
    return tuple(word.casefold() for word in _WORDS.findall(key))


def _masked(key: str, value: Any, depth: int = 0) -> Any:
    if value is None or isinstance(value, bool) or key.startswith("_"):
        return value
    if depth > _DEEPEST or is_secret(key) or (is_personal(key) and not _is_count(value)):
        return MASK
    return _masked_value(key, value, depth)


def _is_count(value: Any) -> bool:
    """`email=3` counts e-mails; a number of seven digits may be somebody's."""
    return isinstance(value, int | float) and abs(value) < _SMALLEST_PHONE


def _masked_value(key: str, value: Any, depth: int) -> Any:
    if isinstance(value, int | float):
        return value
    if isinstance(value, str | date | Decimal | UUID | PurePath):
        return mask_text(str(value))
    if isinstance(value, Mapping):
        return {mask_text(str(name)): _masked(str(name), item, depth + 1) for name, item in value.items()}
    if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray):
        return [_masked(key, item, depth + 1) for item in value]
    if isinstance(value, BaseException):
        return describe_error(value)
    # What else can be printed may print anything.
    return f"<{type(value).__name__}>"


def tell_failure(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Turn an exception into its types and our frames. Its message is kept only if it is ours: see domain/errors."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = describe_error(error)
    event.pop("stack_info", None)
    return event


def describe_error(error: BaseException) -> dict[str, Any]:
    """An exception without its words: type, places in our code, and the types of what caused it."""
    causes = [type(cause).__name__ for cause in _causes(error)]
    told: dict[str, Any] = {"type": type(error).__name__, "at": _frames(error.__traceback__)}
    if isinstance(error, DuecourseError):
        told["problem"] = mask_text(str(error))
    return told | ({"caused_by": causes} if causes else {})


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen = {id(error)}
    cause = error.__cause__ or error.__context__
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _frames(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if _is_ours(frame.filename)] or frames[-1:]
    return [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in ours]


_ROOT = Path(__file__).resolve().parent.parent


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(_ROOT) and path.relative_to(_ROOT).parts[0] in OURS


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(_ROOT)) if _is_ours(filename) else path.name


def _foreign(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Another library's record: the first line of its message, only the numbers of its arguments."""
    args = event.pop("positional_args", None) or ()
    args = args if isinstance(args, tuple) else ()
    text = str(event["event"])
    numbers = tuple(arg if isinstance(arg, int | float) else _Hidden() for arg in args)
    with suppress(TypeError, ValueError):
        text = text % numbers if numbers else text
    # asyncio puts the exception's own words on the second line.
    return {**event, "event": text.split("\n", 1)[0]}


class _Hidden:
    def __repr__(self) -> str:
        return MASK


_SHARED: list[Processor] = [
    merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    tell_failure,
    redact,
    # After the masking: a time stamp is no phone number.
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def _renderers(*, pretty: bool) -> list[Processor]:
    if pretty:
        return [structlog.dev.ConsoleRenderer(colors=True, pad_event_to=28)]
    return [structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
