"""One line of the ledger: something that happened."""

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from duecourse.domain.value import value


@value
class Event:
    """Something that happened. `data` holds ids, codes, counts and times only."""

    kind: str
    """`noun.verb`, past: `contact.accepted`."""
    contact_id: int | None = None
    borrower_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
