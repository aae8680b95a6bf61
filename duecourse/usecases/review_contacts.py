"""A person decides about a contact that the gate left to people. Everything else still binds, at the claim."""

from collections.abc import Iterable, Sequence

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.review import Decided, NewDecision, Review, ReviewDecision
from duecourse.policy.packs.model import Pack
from duecourse.policy.reviews import left_to_people
from duecourse.ports import Ledger


async def list_reviews(borrower: str | None, *, limit: int, ledger: Ledger, clock: Clock) -> Sequence[Review]:
    """What waits, that which ends first first; of one borrower (the lender's number) or of all."""
    times = await clock.read()
    async with ledger.transaction() as tx:
        found: Sequence[Review] = await tx.reviews.listed(borrower, now=times.business, limit=limit)
    return found


async def find_review(review_id: int, *, ledger: Ledger, clock: Clock) -> Review:
    """One, decided or not.

    Raises:
        InputError: there is none of this id.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        found: Review | None = await tx.reviews.find(review_id, now=times.business)
    return _there(review_id, found)


async def decide_review(
    review_id: int, decision: NewDecision, *, packs: Iterable[Pack], ledger: Ledger, clock: Clock, actor: str
) -> Decided:
    """Carry out what a person decided. The same again changes nothing.

    An allowed contact goes through the gate once more, within its not-after: what was allowed lifts the rules that left
    it to a person, and no other.

    Raises:
        InputError: no such review, one that was decided otherwise, one whose contact is over, or an allow of what no
            rule leaves to people.
    """
    times = await clock.read()
    async with ledger.transaction() as tx:
        review = _there(review_id, await tx.reviews.lock(review_id, now=times.business))
        if review.decision is not None:
            return _repeated(review, decision)
        if not review.waits:
            raise InputError(f"review {review_id}: its contact is {_end_of(review)}: nothing is left to decide")
        lifts = _lifted(review, decision, packs)
        await tx.reviews.decide(review, decision, lifts, times=times, actor=actor)
    return Decided(review=review, lifts=lifts)


def _there(review_id: int, review: Review | None) -> Review:
    if review is None:
        raise InputError(f"review {review_id}: there is none of this id")
    return review


def _repeated(review: Review, decision: NewDecision) -> Decided:
    if review.decision is not decision.decision:
        raise InputError(f"review {review.review_id}: was decided before: {review.decision} by {review.decided_by}")
    return Decided(review=review, lifts=review.lifts, repeated=True)


def _end_of(review: Review) -> str:
    return "past its not-after" if review.state == "planned" else review.state.value


def _lifted(review: Review, decision: NewDecision, packs: Iterable[Pack]) -> tuple[str, ...]:
    if decision.decision is not ReviewDecision.ALLOW:
        return ()
    lifts = left_to_people(review.rules, packs)
    if not lifts:
        raise InputError(
            f"review {review.review_id}: no person may allow what {', '.join(review.rules)} forbid: refuse it, or"
            " remove the cause and ask the gate again"
        )
    return lifts
