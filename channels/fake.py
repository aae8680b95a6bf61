"""A channel that goes nowhere: does what it is told and remembers what it was given. For tests of use cases."""

from collections import deque
from collections.abc import Callable, Sequence

from channels import dialect, signatures
from channels.base import wall_clock
from duecourse.domain.message import Capability, Outbound, Outcome, Receipt, WebhookRequest
from duecourse.domain.vocabulary import ChannelKind, OutcomeClass

FAKE_SECRET = "fake-secret"  # noqa: S105 - it guards nothing
_TAKEN = frozenset({OutcomeClass.ACCEPTED, OutcomeClass.DUPLICATE})


class FakeChannel:
    """Accepts everything, de-duplicates by key, and answers look-ups, unless `outcomes` or `answer` say otherwise.

    `outcomes` are used up one per message; `answer` decides of each message after that (None: accept).
    `sent` is every message in order; `accepted` maps references to message ids.
    """

    def __init__(
        self,
        *outcomes: Outcome,
        name: str = "fake",
        capability: Capability | None = None,
        answer: Callable[[Outbound], Outcome | None] | None = None,
        now: Callable[[], float] = wall_clock,
    ) -> None:
        self.name = name
        self.capability = capability or Capability(channel=ChannelKind.SMS, max_batch=100, receipts=True, replies=True)
        self.script = deque(outcomes)
        self.answer = answer
        self.sent: list[Outbound] = []
        self.accepted: dict[str, str] = {}
        self.looked_up: list[str] = []
        self.opened = False
        self._keys: dict[str, str] = {}
        self._now = now

    async def open(self) -> None:
        self.opened = True

    async def aclose(self) -> None:
        self.opened = False

    async def send(self, batch: Sequence[Outbound]) -> list[Outcome]:
        return [self._send_one(message) for message in batch]

    def _send_one(self, message: Outbound) -> Outcome:
        self.sent.append(message)
        told = self.script.popleft() if self.script else self.answer and self.answer(message)
        outcome = told or self._accept(message)
        if outcome.kind in _TAKEN and outcome.provider_message_id:
            self.accepted[message.reference] = outcome.provider_message_id
        return outcome

    def _accept(self, message: Outbound) -> Outcome:
        seen = self._keys.get(message.idempotency_key)
        if seen is not None:
            return Outcome(kind=OutcomeClass.DUPLICATE, provider_message_id=seen)
        message_id = self._keys[message.idempotency_key] = f"{self.name}-{len(self._keys) + 1}"
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=message_id)

    async def look_up(self, message: Outbound) -> Outcome | None:
        """Knows what it accepted; `accepted` may be changed to make it forget."""
        self.looked_up.append(message.reference)
        message_id = self.accepted.get(message.reference)
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=message_id) if message_id else None

    def verify(self, request: WebhookRequest) -> bool:
        """Signed with FAKE_SECRET."""
        return signatures.verify(request.headers, request.body, secrets=(FAKE_SECRET,), now=self._now())

    def parse(self, request: WebhookRequest) -> list[Receipt]:
        return dialect.read_events(request.body)
