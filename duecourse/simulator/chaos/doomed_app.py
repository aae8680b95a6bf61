"""Composes a process of a deployment with live fault points: use cases get marked ledgers, channels, texts."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeVar, cast

from duecourse import bootstrap
from duecourse.bootstrap import App
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import Channel, Owner, Queue
from duecourse.settings import Settings
from duecourse.simulator.chaos.marks import Marked, MarkedChannel, MarkedLedger, MarkedTexts
from duecourse.simulator.chaos.points import Points
from duecourse.usecases.deliver import Deliver
from duecourse.usecases.plan_contacts import PlanContacts
from duecourse.usecases.release_contacts import ReleaseContacts
from duecourse.usecases.sweep import Sweep

UseCase = TypeVar("UseCase")
_open_app, _open_channels = bootstrap.open_app, bootstrap.open_channels


@dataclass(frozen=True, kw_only=True)
class DoomedApp(App):
    """An App whose use cases come by points: each has a ledger that knows its name."""

    points: Points

    def planning(self, actor: str = "scheduler") -> PlanContacts:
        return marked(super().planning(actor), self.points)

    def releasing(self, queue: Queue) -> ReleaseContacts:
        queue = cast("Queue", Marked(queue, self.points, "releasecontacts:queue."))
        return marked(super().releasing(queue), self.points)

    def sweeping(self, queue: Queue) -> Sweep:
        queue = cast("Queue", Marked(queue, self.points, "sweep:queue."))
        return marked(super().sweeping(queue), self.points)

    def delivering(self, kind: ChannelKind, channels: Mapping[str, Channel], owner: Owner) -> Deliver:
        return marked(super().delivering(kind, channels, owner), self.points)


def marked(use_case: UseCase, points: Points) -> UseCase:
    """The same with marks on its ledger and its texts, and on those of the use cases that it consists of."""
    label = type(use_case).__name__.lower()
    changed: dict[str, Any] = {}
    for field in fields(cast("Any", use_case)):
        part = getattr(use_case, field.name)
        if isinstance(part, MarkedLedger):
            changed[field.name] = part.labelled(label)
        elif field.name == "texts":
            changed[field.name] = MarkedTexts(part, points)
        elif is_dataclass(part) and type(part).__module__.startswith("duecourse.usecases"):
            below = marked(part, points)
            changed |= {} if below is part else {field.name: below}
    return cast("UseCase", replace(cast("Any", use_case), **changed)) if changed else use_case


def doom(points: Points) -> None:
    """From here on whoever composes an App of this process gets a doomed one."""

    @asynccontextmanager
    async def open_app(settings: Settings, **more: Any) -> AsyncIterator[App]:
        async with _open_app(settings, **more) as app:
            parts = {field.name: getattr(app, field.name) for field in fields(app) if field.init}
            ledger = MarkedLedger(app.ledger, points, "process")
            limiter = Marked(app.limiter, points, "limiter:")
            yield DoomedApp(**(parts | {"ledger": ledger, "limiter": limiter}), points=points)

    @asynccontextmanager
    async def open_channels(settings: Settings, kind: ChannelKind | None = None) -> AsyncIterator[dict[str, Channel]]:
        async with _open_channels(settings, kind) as channels:
            yield {key: cast("Channel", MarkedChannel(channel, points)) for key, channel in channels.items()}

    vars(bootstrap).update(open_app=open_app, open_channels=open_channels)
