"""Judging again what was judged before: the same facts under the same packs must give the same verdict, always."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from duecourse.domain.verdict import Verdict
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide
from duecourse.policy.packs.binding import Days, kind_of
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.regime import Regime
from duecourse.policy.record import facts_from_record


class Again(StrEnum):
    """What came of judging again."""

    SAME = "same"
    DIFFERENT = "different"
    OTHER_PACKS = "other_packs"
    """A version that decided is not at hand, so there is nothing to compare with."""
    NOT_JUDGED = "not_judged"
    """No verdict of the gate on facts: no text, no route, a fault of ours."""
    UNREADABLE = "unreadable"
    """Its facts are not what facts are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """A verdict as the ledger of events keeps it."""

    event_id: int
    at: datetime
    contact_id: int
    borrower_id: int
    record: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    kept: Kept
    again: Again
    verdict: Verdict | None = None
    """What the gate says now; None where it was not asked."""
    differences: tuple[str, ...] = ()
    """Names of what is not the same: `decision`, `rules`, `until`, ..."""


class LawOf(PackSet):
    """The packs as they bind on one day, whenever a contact is made."""

    def __init__(self, packs: Iterable[Pack], *, opt_in: Iterable[str], day: date) -> None:
        super().__init__(packs, opt_in=opt_in)
        self._days = Days(day, day)

    def applying(self, facts: ContactFacts, now: datetime) -> Regime:  # noqa: ARG002 - the law's day, not the contact's
        return self.regime(kind_of(facts), self._days)


class Archive:
    """The packs at hand, put together for each verdict as they were when it was given."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._packs = {pack.name: pack for pack in packs}
        self._sets: dict[tuple[frozenset[str], frozenset[str]], PackSet] = {}

    def replay(self, kept: Kept) -> Replayed:
        """Judge again by the very packs that decided, with the rules that were opted in then."""
        names = frozenset(kept.record.get("packs", ()))
        if not _is_judged(kept.record):
            return Replayed(kept=kept, again=Again.NOT_JUDGED)
        if not names <= self._packs.keys():
            return Replayed(kept=kept, again=Again.OTHER_PACKS)
        return judge_again(kept, self._set(names, frozenset(kept.record["facts"].get("opt_in", ()))))

    def _set(self, names: frozenset[str], opt_in: frozenset[str]) -> PackSet:
        found = self._sets.get((names, opt_in))
        if found is None:
            packs = [pack for name, pack in self._packs.items() if name in names]
            known = opt_in & {rule.id for pack in packs for rule in pack.rules}
            found = self._sets[names, opt_in] = PackSet(packs, opt_in=known)
        return found


def judge_again(kept: Kept, packs: PackSet) -> Replayed:
    """Put the facts of the verdict to the gate under these packs, at the time at which it was given."""
    if not _is_judged(kept.record):
        return Replayed(kept=kept, again=Again.NOT_JUDGED)
    known = kept.record["facts"]
    try:
        facts = facts_from_record(known, contact_id=kept.contact_id, borrower_id=kept.borrower_id)
    except (KeyError, TypeError, ValueError):
        return Replayed(kept=kept, again=Again.UNREADABLE)
    verdict = decide(facts, datetime.fromisoformat(known["now"]), packs)
    found = _differences(kept.record, verdict.as_json())
    return Replayed(kept=kept, again=Again.DIFFERENT if found else Again.SAME, verdict=verdict, differences=found)


def _is_judged(record: Mapping[str, Any]) -> bool:
    known = record.get("facts") or {}
    return "now" in known and "not_after" in known


def _differences(was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, ...]:
    """Of everything but the facts, which are the question and not the answer."""
    names = dict.fromkeys((*was, *now))
    return tuple(name for name in names if name != "facts" and _value(was, name) != _value(now, name))


def _value(record: Mapping[str, Any], name: str) -> Any:
    found = record.get(name)
    if name == "until" and found:
        return datetime.fromisoformat(found)
    if name == "packs":
        return sorted(found or ())
    return found or None
