"""What stands where providers, Redis, Dramatiq and the wall clock would: in this process, and without a delay."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from channels.base import capability_of
from channels.fake import FakeChannel
from channels.limits import FakeLimiter
from duecourse.domain.clock import Clock
from duecourse.domain.message import Outbound, Outcome, Rendered
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass, Urgency
from duecourse.ports import TextRequest, Texts
from duecourse.settings import Provider
from duecourse.simulator.forward.acts import Touch


class Hints:
    """A queue whose other end is the same loop."""

    def __init__(self) -> None:
        self._waiting: dict[ChannelKind, list[int]] = {}

    async def hint(
        self,
        channel: ChannelKind,
        urgency: Urgency,  # noqa: ARG002 - nothing has to wait for anything
        contact_ids: Sequence[int],
    ) -> None:
        self._waiting.setdefault(channel, []).extend(contact_ids)

    async def hint_inbox(self) -> None: ...

    def taken(self) -> dict[ChannelKind, list[int]]:
        """What was hinted since the last call."""
        taken, self._waiting = self._waiting, {}
        return taken


class OpenFor(FakeLimiter):
    """Has room for some classes only."""

    def __init__(self, classes: Collection[Urgency]) -> None:
        super().__init__()
        self._classes = classes

    async def left(self, provider: str, within_s: float, *, priority: int = 5, endpoint: str = "") -> int:
        room = await super().left(provider, within_s, priority=priority, endpoint=endpoint)
        return room if Urgency.of(priority) in self._classes else 0


class OneOwner:
    """The only process there is."""

    async def current(self) -> int:
        return 1


@dataclass(frozen=True, kw_only=True)
class Overheard:
    """Texts as they are, and a note of what each says: whether it names the borrower is read off its words."""

    texts: Texts
    clock: Clock
    notes: dict[int, tuple[TextRequest, Rendered]] = field(default_factory=dict)
    """By contact."""

    def render(self, request: TextRequest) -> Rendered:
        rendered = self.texts.render(request)
        self.notes[request.contact_id] = (request, rendered)
        return rendered

    async def touch(self, contact_id: int) -> Touch:
        """The message that this contact became; its note is forgotten."""
        request, rendered = self.notes.pop(contact_id)
        words = " ".join(filter(None, (rendered.subject, rendered.text)))
        return Touch(
            contact_id=contact_id,
            channel=request.channel,
            template=request.template,
            due_on=request.due_on,
            loans=tuple(item.loan_reference for item in request.items),
            named=bool(request.name) and request.name.split()[0] in words,
            segments=rendered.segments,
            at=(await self.clock.read()).business,
        )


def phones(provider: Provider, refuses: Callable[[int], bool]) -> FakeChannel:
    """A provider account that takes what it is given, unless `refuses` says so of the contact."""

    def answer(message: Outbound) -> Outcome | None:
        if not refuses(message.contact_id):
            return None
        return Outcome(kind=OutcomeClass.REJECTED, code="invalid_address", address_invalid=True)

    # Every provider of a simulation tells of receipts and answers.
    capability = capability_of(provider, receipts=True, replies=True)
    return FakeChannel(name=provider.name, capability=capability, answer=answer)


def taken_by(channel: FakeChannel) -> Mapping[int, str]:
    """References of what it accepted since the last call, by contact; it forgets them."""
    accepted = {int(reference.partition("-")[0]): reference for reference in channel.accepted}
    channel.accepted.clear()
    channel.sent.clear()
    return accepted
