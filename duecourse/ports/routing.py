"""What a use case needs to choose among a channel's providers: their health, and what was tried before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from duecourse.domain.clock import Times
from duecourse.domain.vocabulary import ChannelKind
from duecourse.routing.choice import UNTRIED, Tried
from duecourse.routing.health import Change, Standing, Tally
from duecourse.routing.sightings import Sightings


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """What follows for a contact on a shared route if this attempt surely is not processed."""

    elsewhere: bool = False
    """Another provider was not tried yet: it may go there at once."""
    give_up_at: datetime | None = None
    """Business time: a try later than this is worth less than the rung's next channel."""
    closed: bool = False
    """No provider of the route serves it."""


STRAIGHT = Way()
"""One provider and no deadline but the contact's own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """What the ledger knows of a contact that is to be sent or resolved."""

    contact_id: int
    country: str
    """The borrower's, ISO 3166-1 alpha-2."""
    attempts: int
    tried: Tried = UNTRIED
    held_by: str | None = None
    """Who may have processed it: only there can that be resolved."""
    more_channels: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Share:
    """A provider's share as it is recorded."""

    provider: str
    standing: Standing
    version: int
    """0 where nothing was ever changed."""
    reason: str = ""
    changed_at: datetime | None = None


class Health(Protocol):
    """How the providers of a channel do, shared by all workers. A hint: what nobody tells of is healthy."""

    async def shares(self, channel: ChannelKind) -> Mapping[str, float]:
        """The parts of their weights that providers are given; healthy ones may be left out."""
        ...

    async def see(self, channel: ChannelKind, provider: str, calls: Tally, *, sent: int = 0) -> None:
        """Report how calls ended, and of how many messages a receipt is to be expected."""
        ...

    async def see_timely(self, channel: ChannelKind, provider: str, ages_s: Iterable[float]) -> None:
        """Report receipts that came in time: how long ago, in seconds, each of the messages was sent."""
        ...

    async def read(self, channel: ChannelKind, provider: str) -> Sightings | None:
        """What was seen; None where nobody can tell now."""
        ...

    async def tell(self, channel: ChannelKind, shares: Mapping[str, float]) -> None:
        """Tell all workers what is in force."""
        ...


class Routing(Protocol):
    """The routes' part of a transaction. What each call does stands on `duecourse.ledger.routing`."""

    async def past(self, contact_ids: Sequence[int]) -> list[Past]: ...

    async def shares(self, channel: ChannelKind, providers: Sequence[str], *, times: Times) -> list[Share]: ...

    async def change(self, channel: ChannelKind, share: Share, change: Change, *, times: Times) -> bool: ...
