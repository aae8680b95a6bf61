"""What the use cases need to heed what borrowers ask for: demands with proof, silent addresses, one confirmation."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from duecourse.domain.clock import Times
from duecourse.domain.demand import Answer, Demand, Intent, NewDemand, OpenDemand
from duecourse.domain.vocabulary import ChannelKind


class Demands(Protocol):
    async def locales(self, borrower_ids: Sequence[int]) -> dict[int, str]: ...

    async def record(self, demand: NewDemand, *, times: Times, actor: str) -> int: ...

    async def hold(self, borrower_id: int, channel: ChannelKind, *, times: Times, actor: str) -> int: ...

    async def last_said(self, borrower_id: int, intent: Intent, channel: ChannelKind) -> datetime | None: ...

    async def open(self, demand_id: int) -> OpenDemand | None: ...

    async def answer(self, demand: OpenDemand, answer: Answer, *, times: Times, actor: str) -> None: ...

    async def listed(self, borrower: str | None, *, unanswered: bool, limit: int, reveal: bool) -> list[Demand]: ...

    async def confirm(
        self, borrower_id: int, channel: ChannelKind, *, not_after: datetime, times: Times, actor: str
    ) -> int | None: ...


class Suppressions(Protocol):
    def index(self, channel: ChannelKind, address: str) -> bytes: ...

    async def remember(self, channel: ChannelKind, index: bytes, *, rule: str, times: Times) -> bool: ...

    async def silence_address(
        self, channel: ChannelKind, index: bytes, *, rule: str, times: Times, actor: str
    ) -> None: ...

    async def silence_borrower(
        self, borrower_id: int, channel: ChannelKind | None, *, rule: str, times: Times
    ) -> None: ...

    async def lift_of(self, borrower_id: int, channel: ChannelKind | None, *, times: Times, actor: str) -> bool: ...

    async def agree_again(
        self, borrower_id: int, channel: ChannelKind, index: bytes, *, source: str, times: Times, actor: str
    ) -> bool: ...
