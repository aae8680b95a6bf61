"""What the use cases need to keep how borrowers wish to be reached."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.preferences import Preferences


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferenceRecord:
    """What is in force for a borrower, as it is shown."""

    borrower: str
    """The lender's own id."""
    locale: str | None
    channels: list[ChannelKind]
    hours: list[str]
    source: str | None
    """How it reached us; None: nothing was ever set."""
    set_at: datetime | None
    set_by: str | None


class PreferenceBook(Protocol):
    async def current(self, borrower: str) -> tuple[int, Preferences]: ...

    async def write(
        self, borrower_id: int, preferences: Preferences, *, source: str, times: Times, actor: str
    ) -> bool: ...

    async def shown(self, borrower: str) -> PreferenceRecord: ...
