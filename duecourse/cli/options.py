"""What several commands make of their options, and who gave them."""

import os
from collections.abc import Callable
from typing import TypeVar

from duecourse.domain.errors import InputError

T = TypeVar("T")


def terminal_actor() -> str:
    """Who did it, in the ledger's events. The account's number: a name would be personal data."""
    return f"cli:uid-{os.getuid()}"


def checked(option: str, read: Callable[[str], T], text: str) -> T:
    """The option's value.

    Raises:
        InputError: with the option's name before the reason.
    """
    try:
        return read(text)
    except InputError as exc:
        raise InputError(f"{option}: {exc}") from exc
