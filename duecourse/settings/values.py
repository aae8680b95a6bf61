"""Configuration as typed values, built once from `config/` and the environment and passed in.

Secrets come from the environment or from files named there, and never show in a `repr`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from duecourse.domain.vocabulary import ChannelKind, Component, Resolution
from duecourse.policy.packs.vocabulary import ActorRole, LenderType
from duecourse.policy.quiet_hours import Quiet
from duecourse.routing.route import Lane, Route


@dataclass(frozen=True, kw_only=True, slots=True)
class Classes:
    """How a provider's rate is divided by priority: what each class surely gets; the rest is the most urgent's."""

    urgent: float = 0.6
    normal: float = 0.2
    bulk: float = 0.1
    reserve: float = 0.5
    """The part of a burst that only guaranteed shares may use, so that they find it there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A limit of a part of an account: a sender, a region, a kind of call."""

    rate_per_s: float
    burst: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RecipientLimit:
    """What the provider takes for a single recipient: one message every so many seconds, `burst` at once."""

    every_s: float
    burst: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Provider:
    """One provider account: `config/providers/<name>.toml`."""

    name: str
    adapter: str
    """The entry point in the `duecourse.channels` group that builds it."""
    channel: ChannelKind
    enabled: bool
    rate_per_s: float
    burst: int
    max_batch: int
    resolution: Resolution
    settle_s: float
    window_s: float
    horizon_s: float
    timeout_s: float
    options: Mapping[str, Any] = field(repr=False)
    """What only the adapter understands: addresses, senders, secrets."""
    classes: Classes = field(default_factory=Classes)
    endpoints: Mapping[str, Endpoint] = field(default_factory=dict)
    recipient: RecipientLimit | None = None
    max_in_flight: int = 1_000
    """Calls that a worker process may have open at most; fewer while the provider is slow or throttles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """The timing of a delivery, in seconds. See docs/decisions for the inequalities between them."""

    deadline_s: float = 2.0
    """From the claim to the last moment at which a first byte may be written."""
    http_total_s: float = 8.0
    """The whole of one provider call."""
    lease_s: float = 30.0
    settle_margin_s: float = 5.0
    job_budget_s: float = 15.0
    micro_batch: int = 200
    release_window_s: float = 5.0
    """How many seconds of a provider's capacity may be released ahead."""
    rehint_after_s: float = 10.0
    """A released contact nobody claimed is released again after this."""
    degraded_workers: int = 2
    """How many workers of a channel share a provider's rate by themselves while Redis is away."""
    max_failures: int = 6
    backoff_base_s: float = 30.0
    backoff_cap_s: float = 3_600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """Where a text sends the borrower. `{public_url}` and `{token}` (opaque, one per contact) are filled in."""

    pay: str = "{public_url}/pay/{token}"
    help: str = "{public_url}/help/{token}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Which law binds this deployment, as far as files can know: the rest is known of each borrower."""

    packs: tuple[str, ...] = ()
    """Ids of the packs that count, beside the house's; empty is all of `config/packs`."""
    opt_in: tuple[str, ...] = ()
    """Ids of rules that are enforced although their source is not verified, or not in force."""
    lender_country: str | None = None
    """ISO 3166-1 alpha-2 of the lender's seat."""
    lender_role: ActorRole = ActorRole.FIRST_PARTY
    lender_type: LenderType | None = None
    """None: unknown, so rules for any type bind."""
    reservation_hours: float = 24.0
    """How long after its time a call or visit that was asked for may go unrecorded, before people are told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    database_url: str = field(repr=False)
    owner_database_url: str = field(repr=False)
    """Migrations run here, as the schema's owner; the same server and database."""
    redis_url: str = field(repr=False)
    config_dir: Path
    master_keys: Mapping[int, bytes] = field(repr=False)
    """Version to 32 bytes; the highest version seals, the others still open."""
    index_key: bytes = field(repr=False)
    """Keys the blind index; separate from the master keys, as it cannot be rotated without a rebuild."""
    public_url: str
    """Where providers and borrowers reach the web process: no trailing slash."""
    virtual_clock: bool
    lender: str
    quiet: Quiet
    allocation_order: tuple[Component, ...]
    delivery: Delivery
    providers: tuple[Provider, ...]
    plan_horizon_h: float
    log_format: str
    """`json`, `pretty`, or `auto`: pretty on a terminal."""
    broker_url: str = field(default="", repr=False)
    """Carries the hints from scheduler to workers instead of Redis: `amqp://` or `amqps://`. Empty: Redis does."""
    web_port: int = 8080
    links: Links = field(default_factory=Links)
    max_sms_segments: int = 6
    """A longer SMS is refused: it costs its number of segments."""
    routes: tuple[Route, ...] = ()
    """As their files say, providers that are switched off among them."""
    policy: Policy = field(default_factory=Policy)

    def providers_of(self, channel: ChannelKind) -> tuple[Provider, ...]:
        """Enabled ones, in the order of their files' names."""
        return tuple(p for p in self.providers if p.enabled and p.channel is channel)

    def route_of(self, channel: ChannelKind) -> Route:
        """Whom new messages leave through: enabled providers of the channel's route, or else the first there is."""
        names = [provider.name for provider in self.providers_of(channel)]
        usable = [route.among(names) for route in self.routes if route.channel is channel]
        if usable and usable[0].lanes:
            return usable[0]
        return Route(channel=channel, lanes=tuple(Lane(provider=name) for name in names[:1]))

    def provider(self, name: str) -> Provider | None:
        return next((p for p in self.providers if p.name == name), None)

    def with_stores(
        self, *, database_url: str | None = None, owner_database_url: str | None = None, redis_url: str | None = None
    ) -> "Settings":
        """A copy that points elsewhere. Migrations follow the application's database unless told otherwise."""
        return replace(
            self,
            database_url=self.database_url if database_url is None else database_url,
            owner_database_url=owner_database_url or database_url or self.owner_database_url,
            redis_url=self.redis_url if redis_url is None else redis_url,
        )
