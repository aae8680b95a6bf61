"""What a person writes to a borrower is read before it leaves; what is only doubtful, a supervisor may release."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.event import Event
from duecourse.policy.tone import Finding, Severity, ToneContext, ToneGuard
from duecourse.ports import Ledger


class TextVerdict(StrEnum):
    PASSED = "passed"
    RELEASABLE = "releasable"
    """Every finding is advisory: a supervisor may release it."""
    BLOCKED = "blocked"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextReview:
    """The verdict and its reasons."""

    verdict: TextVerdict
    findings: tuple[Finding, ...]


def review_text(text: str, context: ToneContext, *, guard: ToneGuard) -> TextReview:
    """Whether this text may leave as it stands. Pure; an empty text passes."""
    findings = guard.lint(text, context)
    if any(finding.severity is Severity.BLOCKING for finding in findings):
        return TextReview(verdict=TextVerdict.BLOCKED, findings=findings)
    return TextReview(verdict=TextVerdict.RELEASABLE if findings else TextVerdict.PASSED, findings=findings)


@dataclass(frozen=True, kw_only=True)
class ReleaseText:
    """Releases a text in spite of advisory findings, and records who took the responsibility.

    `fingerprint` makes a keyed digest of a text: the event names the text without holding a word of it. `supervisors`
    are the lender's: each one's staff number to the accounts they release from.
    """

    ledger: Ledger
    clock: Clock
    guard: ToneGuard
    fingerprint: Callable[[str], str]
    supervisors: Mapping[str, frozenset[str]]

    async def release(
        self, text: str, context: ToneContext, *, borrower: str, supervisor: str, actor: str
    ) -> TextReview:
        """The review that was overruled. `borrower` is the lender's number, `actor` the account it is done from.

        Raises:
            InputError: no supervisor of this lender or not from this account, a blocking finding, nothing to release,
                or no such borrower.
        """
        review = review_text(text, context, guard=self.guard)
        _check(review)
        self._check_supervisor(supervisor, actor)
        data = {
            "supervisor": supervisor,
            "text": self.fingerprint(text),
            "rules": [finding.rule for finding in review.findings],
            "categories": [finding.category.value for finding in review.findings],
        }
        times = await self.clock.read()
        async with self.ledger.transaction() as tx:
            borrower_id = await tx.book.opt_outs.borrower_id(borrower)
            await tx.events.append(times, actor, [Event(kind="text.released", borrower_id=borrower_id, data=data)])
        return review

    def _check_supervisor(self, supervisor: str, actor: str) -> None:
        accounts = self.supervisors.get(supervisor)
        if accounts is None:
            raise InputError(f"supervisor: {supervisor!r} is none: config/tone/release.toml lists who releases a text")
        if actor not in accounts:
            raise InputError(f"supervisor: {supervisor!r} does not release from {actor}: see config/tone/release.toml")


def _check(review: TextReview) -> None:
    if review.verdict is TextVerdict.PASSED:
        raise InputError("text: nothing is wrong with it: there is nothing to release")
    if review.verdict is TextVerdict.BLOCKED:
        blocking = [finding.rule for finding in review.findings if finding.severity is Severity.BLOCKING]
        raise InputError(f"text: blocked by {', '.join(blocking)}: nobody can release that")
