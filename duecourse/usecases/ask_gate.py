"""May this borrower be called, visited or written to by somebody who is no worker of ours? A yes is a reservation."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from duecourse.domain.clock import Clock
from duecourse.domain.errors import InputError
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import Decision
from duecourse.policy.facts import ContactFacts
from duecourse.policy.history import REVIEWED, Allowance
from duecourse.policy.terms import Terms
from duecourse.ports import Ledger
from duecourse.ports.evidence import Answer, Question


@dataclass(frozen=True, kw_only=True)
class AskGate:
    ledger: Ledger
    clock: Clock
    gate: Callable[[ContactFacts, datetime], Verdict]
    """Pure and total: any failure inside is a verdict that says no."""
    terms: Terms
    actor: str

    async def __call__(self, question: Question) -> Answer:
        """Ask by the rules that bind our own messages. What is allowed counts against every cap from now on.

        The same question again is the same reservation. Record what came of it, or release it.

        Raises:
            InputError: no reference, no such borrower or loan, a time that is past, an address that can be none, a
                reference that was used before for something else, or who would do it allowed it, too.
        """
        if not question.reference.strip():
            raise InputError("reference: must not be empty")
        if question.approved and question.approved.by == question.agent:
            raise InputError("approved_by: must be somebody else than who would do it")
        times = await self.clock.read()
        at = question.at or times.business
        if at < times.business:
            raise InputError("at: is past: record what happened instead")
        judge = partial(self._judge, at, question)
        async with self.ledger.transaction() as tx:
            answer: Answer = await tx.book.questions.ask(
                question, judge, times=times, terms=self.terms, actor=self.actor
            )
        return answer

    def _judge(self, at: datetime, question: Question, facts: ContactFacts) -> Verdict:
        """Once more, where rules left it to people and somebody allowed it: it lifts these rules and no others."""
        verdict = self.gate(facts, at)
        if question.approved is None or verdict.decision is not Decision.REVIEW:
            return verdict
        allowed = Allowance(id=f"{REVIEWED}:{question.reference}", rules=frozenset(verdict.rules))
        return self.gate(replace(facts, allowances=(allowed,)), at)
