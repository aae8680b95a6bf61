"""The composition root: settings in, joined objects out. Every entry point passes through here and nowhere else."""

import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial

from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from channels.health import RedisHealth
from channels.limits import RedisLimiter, connect, rates_of
from channels.registry import build
from duecourse.bell import RedisBell
from duecourse.cadence.files import load_cadences
from duecourse.cadence.rung import Cadence
from duecourse.domain.clock import Clock
from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.clock import LedgerClock
from duecourse.ledger.crypto import Vault
from duecourse.ledger.database import PostgresLedger, open_ledger
from duecourse.ledger.migrate import pending
from duecourse.policy.disposition import Backoff
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.span import days_back
from duecourse.policy.terms import Terms
from duecourse.policy.text_gate import judge_text
from duecourse.ports import Channel, Health, Limiter, Owner, ProviderTerms, Queue
from duecourse.routing.checks import check_deadlines, check_needs
from duecourse.routing.route import Route
from duecourse.routing.sightings import memory_s
from duecourse.settings import Settings
from duecourse.settings.inbound import load_lexicon
from duecourse.settings.packs import load_pack_set
from duecourse.texts import JinjaTexts
from duecourse.usecases.accounts import Accounts
from duecourse.usecases.apply_inbox import ApplyInbox
from duecourse.usecases.arm import Arm
from duecourse.usecases.ask_gate import AskGate
from duecourse.usecases.choose_providers import ChooseProviders
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.judge_providers import JudgeProviders
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.pull_contacts import PullContacts
from duecourse.usecases.recipients import Recipients
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.report_receipts import ReportReceipts
from duecourse.usecases.settle import Settle
from duecourse.usecases.sweep import Sweep
from duecourse.usecases.trial import Trial


@dataclass(frozen=True, kw_only=True)
class App:
    """What a process of Duecourse works with."""

    settings: Settings
    ledger: PostgresLedger
    clock: Clock
    redis: "Redis" = field(repr=False)
    limiter: Limiter
    health: Health
    bell: RedisBell

    @cached_property
    def packs(self) -> PackSet:
        """The rules that bind this deployment: the chosen packs and the house's.

        Raises:
            ConfigError: a pack is wrong, or the settings name one that is not there.
        """
        return load_pack_set(self.settings.config_dir, self.settings.policy, self.settings.quiet)

    @property
    def gate(self) -> Callable[[ContactFacts, datetime], Verdict]:
        return partial(decide, packs=self.packs)

    @property
    def terms(self) -> Terms:
        policy = self.settings.policy
        return Terms(
            lender_country=policy.lender_country,
            lender_type=policy.lender_type,
            lender_role=policy.lender_role,
            days_back=days_back(self.packs.packs),
        )

    def asking(self, actor: str) -> AskGate:
        """For calls and visits by people."""
        return AskGate(ledger=self.ledger, clock=self.clock, gate=self.gate, terms=self.terms, actor=actor)

    @property
    def cadences(self) -> tuple[Cadence, ...]:
        return load_cadences(self.settings.config_dir)

    def planning(self, actor: str = "scheduler") -> PlanContacts:
        return PlanContacts(
            ledger=self.ledger,
            clock=self.clock,
            cadences=self.cadences,
            horizon=timedelta(hours=self.settings.plan_horizon_h),
            actor=actor,
        )

    def releasing(self, queue: Queue) -> ReleaseContacts:
        delivery = self.settings.delivery
        return ReleaseContacts(
            ledger=self.ledger,
            clock=self.clock,
            limiter=self.limiter,
            queue=queue,
            providers={kind: self.settings.route_of(kind).providers for kind in self.kinds},
            window_s=delivery.release_window_s,
            stale_after=timedelta(seconds=delivery.rehint_after_s),
            batch=delivery.micro_batch,
        )

    def pulling(self, kind: ChannelKind) -> PullContacts:
        """What a worker of this channel fetches by itself while the broker is away."""
        return PullContacts(
            ledger=self.ledger,
            clock=self.clock,
            limiter=self.limiter,
            channel=kind,
            providers=self.settings.route_of(kind).providers,
            most=self.settings.delivery.micro_batch,
        )

    def sweeping(self, queue: Queue) -> Sweep:
        terms = [
            ProviderTerms(
                provider=p.name,
                resolution=p.resolution,
                settle_s=p.settle_s,
                window_s=p.window_s,
                horizon_s=p.horizon_s,
            )
            for p in self.settings.providers
        ]
        return Sweep(
            ledger=self.ledger,
            clock=self.clock,
            queue=queue,
            channels=self.kinds,
            terms=terms,
            reservation=timedelta(hours=self.settings.policy.reservation_hours),
            batch=self.settings.delivery.micro_batch,
        )

    def delivering(self, kind: ChannelKind, channels: Mapping[str, Channel], owner: Owner) -> Deliver:
        """`channels`: the opened accounts of this kind.

        Raises:
            ConfigError: a provider of the route cannot do what the route needs, or a rung is too short for it.
        """
        delivery, actor = self.settings.delivery, f"worker:{kind.value}"
        route = self._checked_route(kind, channels)
        choose = ChooseProviders(ledger=self.ledger, clock=self.clock, health=self.health, route=route)
        arm = Arm(
            ledger=self.ledger,
            clock=self.clock,
            gate=self.gate,
            terms=self.terms,
            reader=partial(judge_text, packs=self.packs),
            texts=JinjaTexts.from_settings(self.settings),
            owner=owner,
            channels=channels,
            lease=timedelta(seconds=delivery.lease_s),
            actor=actor,
            recipients=Recipients(limiter=self.limiter),
        )
        return Deliver(
            ledger=self.ledger,
            clock=self.clock,
            limiter=self.limiter,
            channel=channels[route.providers[0]],
            trial=Trial(ledger=self.ledger, owner=owner),
            choose=choose if route.shared else None,
            accounts=Accounts({provider.name: provider.max_in_flight for provider in self.settings.providers}),
            arm=arm,
            settle=self._settling(actor),
            micro_batch=delivery.micro_batch,
            budget_s=delivery.job_budget_s,
            deadline_s=delivery.deadline_s,
            monotonic=time.monotonic,
        )

    def _checked_route(self, kind: ChannelKind, channels: Mapping[str, Channel]) -> Route:
        route = self.settings.route_of(kind).among(channels)
        check_needs(route, {name: channel.capability for name, channel in channels.items()})
        check_deadlines([route], self.cadences)
        return route

    def _settling(self, actor: str) -> Settle:
        delivery = self.settings.delivery
        backoff = Backoff(
            base_s=delivery.backoff_base_s, cap_s=delivery.backoff_cap_s, max_failures=delivery.max_failures
        )
        return Settle(ledger=self.ledger, clock=self.clock, backoff=backoff, jitter=_jitter, actor=actor)

    def judging(self) -> JudgeProviders:
        return JudgeProviders(
            ledger=self.ledger, clock=self.clock, health=self.health, routes=list(self._shared_routes.values())
        )

    def reading(self, channels: Mapping[str, Channel], stopping: Callable[[], bool] = lambda: False) -> ApplyInbox:
        """`channels`: the opened accounts of all kinds."""
        report = ReportReceipts(health=self.health, routes=self._shared_routes)
        return ApplyInbox(
            ledger=self.ledger,
            clock=self.clock,
            channels=channels,
            lexicon=load_lexicon(self.settings.config_dir),
            stopping=stopping,
            report=report,
        )

    @property
    def _shared_routes(self) -> dict[ChannelKind, Route]:
        routes = (self.settings.route_of(kind) for kind in self.kinds)
        return {route.channel: route for route in routes if route.shared}

    @property
    def kinds(self) -> tuple[ChannelKind, ...]:
        """The channels that have an enabled provider."""
        return tuple(kind for kind in ChannelKind if self.settings.providers_of(kind))


@asynccontextmanager
async def open_app(
    settings: Settings, *, pool_size: int = 8, wait_s: float = 10.0, by_key: bool = False
) -> AsyncIterator[App]:
    """Connect and compose. Redis is asked only when something needs it: without it, everything else still works.

    `by_key` is for who runs the same few statements for ever, see `open_ledger`.

    Raises:
        ConfigError: the address of a store is not set.
        StoreUnavailable: Postgres cannot be reached within `wait_s`.
    """
    require_stores(settings)
    vault = Vault(settings.master_keys, settings.index_key)
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(
            open_ledger(settings.database_url, vault, max_size=pool_size, timeout_s=wait_s, by_key=by_key)
        )
        clock = LedgerClock(ledger, virtual=settings.virtual_clock)
        await _make_ready(ledger, clock)
        redis = redis_client(settings.redis_url)
        stack.push_async_callback(redis.aclose)
        limiter = RedisLimiter(
            connect(settings.redis_url),
            rates_of(settings.providers),
            expected_workers=settings.delivery.degraded_workers,
        )
        stack.push_async_callback(limiter.aclose)
        memory = {kind: memory_s(settings.route_of(kind).health) for kind in ChannelKind}
        health = RedisHealth(connect(settings.redis_url), memory)
        stack.push_async_callback(health.aclose)
        yield App(
            settings=settings,
            ledger=ledger,
            clock=clock,
            redis=redis,
            limiter=limiter,
            health=health,
            bell=RedisBell(redis),
        )


@asynccontextmanager
async def open_channels(settings: Settings, kind: ChannelKind | None = None) -> AsyncIterator[dict[str, Channel]]:
    """The enabled provider accounts of one channel, or of all, by name, opened in this event loop.

    Raises:
        ConfigError: an adapter is unknown or refuses its options.
    """
    async with AsyncExitStack() as stack:
        channels = {}
        for provider in settings.providers:
            if provider.enabled and kind in {None, provider.channel}:
                channel = build(provider)
                await channel.open()
                stack.push_async_callback(channel.aclose)
                channels[provider.name] = channel
        yield channels


def require_stores(settings: Settings) -> None:
    """Refuse to start without stores.

    Raises:
        ConfigError: the address of Postgres or Redis is not set.
    """
    for variable, url in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url)):
        if not url:
            problem = "not set: name a server of your own, or run `duecourse up`, which brings one"
            raise ConfigError(file="environment", key=variable, problem=problem)


async def _make_ready(ledger: PostgresLedger, clock: LedgerClock) -> None:
    """A schema of another version is refused; the months that can be written now are made."""
    async with ledger.transaction() as tx:
        missing = await pending(tx.conn)
    if missing:
        raise StoreUnavailable(f"Postgres: {len(missing)} migrations are missing: run `duecourse migrate`")
    times = await clock.read()
    async with ledger.transaction() as tx:
        await tx.planning.ensure_months(times)


def _jitter() -> float:
    return random.random()  # noqa: S311 - it spreads retries and guards nothing


def redis_client(url: str) -> "Redis":
    """A client that never retries by itself: our commands are not idempotent, redis-py's default repeats them."""
    return Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_timeout=5, socket_connect_timeout=2)
