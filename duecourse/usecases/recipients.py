"""What a provider takes for a single recipient: who got too much of it lately is asked again a little later."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from duecourse.domain.contact import AttemptKind, ContactState
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.ports import Armed, Judged, Limiter, Postponed

Decided = Armed | Judged | Postponed


@dataclass(frozen=True, kw_only=True)
class Recipients:
    """It keeps providers happy and is not the law: the gate has said yes already, and counts for itself."""

    limiter: Limiter

    async def spare(self, decided: Sequence[Decided], now: datetime) -> list[Decided]:
        """The same contacts in the same order, with those deferred to whom the provider takes nothing just now.

        Asks nobody where the provider has no such limit. `now` is business time.
        """
        refused = {id(armed) for armed in await self._refused(decided)}
        return [self._deferred(one, now) if isinstance(one, Armed) and id(one) in refused else one for one in decided]

    async def _refused(self, decided: Sequence[Decided]) -> list[Armed]:
        sends: dict[str, list[Armed]] = defaultdict(list)
        for one in decided:
            if isinstance(one, Armed) and one.kind is AttemptKind.SEND and self._span(one) is not None:
                sends[one.provider].append(one)
        refused = []
        for provider, armed in sends.items():
            free = await self.limiter.take_recipients(provider, [_key(one) for one in armed])
            refused += [one for one, yes in zip(armed, free, strict=True) if not yes]
        return refused

    def _deferred(self, armed: Armed, now: datetime) -> Judged:
        verdict = Verdict(
            decision=Decision.DEFER,
            rules=("provider-recipient-limit",),
            until=now + timedelta(seconds=self._span(armed) or 0),
            facts={"provider": armed.provider},
        )
        return Judged(armed.contact, verdict, ContactState.PLANNED)

    def _span(self, armed: Armed) -> float | None:
        return self.limiter.recipient_every_s(armed.provider)


def _key(armed: Armed) -> str:
    if armed.contact.point is None:
        raise ValueError(f"contact {armed.contact.contact_id} is armed and has no address")
    return armed.contact.point.index.hex()
