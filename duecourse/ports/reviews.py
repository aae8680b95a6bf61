"""What a use case may do with contacts that wait for a person."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from duecourse.domain.clock import Times
from duecourse.domain.review import NewDecision, Review
from duecourse.ports.delivery import Judged


class Reviews(Protocol):
    async def ask(self, judged: Sequence[Judged], *, times: Times) -> None: ...

    async def listed(self, borrower: str | None, *, now: datetime, limit: int) -> Sequence[Review]: ...

    async def find(self, review_id: int, *, now: datetime) -> Review | None: ...

    async def lock(self, review_id: int, *, now: datetime) -> Review | None: ...

    async def decide(
        self, review: Review, decision: NewDecision, lifts: Collection[str], *, times: Times, actor: str
    ) -> None: ...
