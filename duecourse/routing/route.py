"""A channel's route: the provider accounts that may carry it, in which proportion, for whom and at what price."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from duecourse.domain.message import Capability
from duecourse.domain.vocabulary import ChannelKind, Resolution
from duecourse.routing.health import HealthTerms

SPILL_S = 2.0


class Need(StrEnum):
    """What a route may ask of every provider on it."""

    RECEIPTS = "receipts"
    REPLIES = "replies"
    RESOLVABLE = "resolvable"
    """What was perhaps sent can be found out: by the same key again, or by a look-up."""

    def met_by(self, capability: Capability) -> bool:
        if self is Need.RESOLVABLE:
            return capability.resolution is not Resolution.NONE
        return capability.receipts if self is Need.RECEIPTS else capability.replies


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One provider account on a route."""

    provider: str
    weight: float = 1.0
    """Its part is weight / sum of weights. 0 is a standby: it carries only what others lose or fail to take."""
    cost_minor: Decimal | None = None
    """Of one message, in minor units of `currency`; fractions are usual: 0.79 cents."""
    currency: str | None = None
    countries: frozenset[str] = frozenset()
    """Of the borrowers it serves, ISO 3166-1 alpha-2. Empty: all."""

    def serves(self, country: str | None) -> bool:
        return not self.countries or country in self.countries


@dataclass(frozen=True, kw_only=True, slots=True)
class Deadlines:
    """How long a contact may be tried, in seconds of business time since its first try. Nested: see docs/routing.md."""

    provider_s: float = 300.0
    """With one provider, while there is another."""
    channel_s: float = 1_800.0
    """On this channel, before the rung's next one is taken."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    channel: ChannelKind
    lanes: tuple[Lane, ...]
    needs: tuple[Need, ...] = ()
    deadlines: Deadlines | None = None
    """None where no file says so: then only the contact's own not-after ends it."""
    spill_s: float = SPILL_S
    """A contact waits this long for its provider's turn; then the next provider may take it."""
    health: HealthTerms = field(default_factory=HealthTerms)

    @property
    def shared(self) -> bool:
        """There is a choice to make."""
        return len(self.lanes) > 1

    @property
    def providers(self) -> tuple[str, ...]:
        return tuple(lane.provider for lane in self.lanes)

    def among(self, providers: Collection[str]) -> "Route":
        """The same with those providers only."""
        return replace(self, lanes=tuple(lane for lane in self.lanes if lane.provider in providers))
