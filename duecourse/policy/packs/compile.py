"""All packs of an operator, asked which rules bind a contact: the answer is made once per kind of contact and day."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.binding import Days, Kind, binds, kind_of, reaches, why_not_enforced
from duecourse.policy.packs.headings import PackKind
from duecourse.policy.packs.model import Pack, Rule
from duecourse.policy.packs.regime import Regime, make_regime

#: Kinds of contact and days that are kept; a book in many countries has some hundreds a day.
_KEPT = 4_096


class Reported(NamedTuple):
    """A rule that is known and not enforced."""

    pack: str
    rule: Rule
    why: str
    """`draft`, `superseded`, `grade C`, `from 2027-01-31`, ..."""


class PackSet:
    """The operator's packs. Any number of contacts may be asked about at once; nothing in it changes.

    Args:
        packs: at most one version of each.
        opt_in: ids of rules that are enforced although they are drafts, superseded or not well verified.

    Raises:
        ValueError: two packs have one id, a rule names no source of its pack, or `opt_in` names no rule.
    """

    def __init__(self, packs: Iterable[Pack], *, opt_in: Iterable[str] = ()) -> None:
        self.packs = tuple(packs)
        self.opt_in = frozenset(opt_in)
        self.names = tuple(pack.name for pack in self.packs)
        self._regimes: dict[tuple[Kind, Days], Regime] = {}
        self._check()

    def applying(self, facts: ContactFacts, now: datetime) -> Regime:
        """The rules that bind this contact, if it is made now."""
        return self.regime(kind_of(facts), days_at(now))

    def regime(self, kind: Kind, days: Days) -> Regime:
        found = self._regimes.get((kind, days))
        if found is None:
            packs = [pack for pack in self.packs if reaches(pack, kind)]
            found = make_regime(kind, packs, self._binding(packs, kind, days), self.opt_in)
            if len(self._regimes) >= _KEPT:
                self._regimes.clear()
            self._regimes[kind, days] = found
        return found

    def reported(self, now: datetime) -> tuple[Reported, ...]:
        """What is in the packs and would not be enforced now."""
        days = days_at(now)
        every = ((pack, rule, self._why_not(pack, rule, days)) for pack in self.packs for rule in pack.rules)
        return tuple(Reported(pack.name, rule, why) for pack, rule, why in every if why is not None)

    def enforced(self, now: datetime) -> tuple[tuple[Pack, Rule], ...]:
        """Every rule that is enforced now for somebody."""
        days = days_at(now)
        return tuple(
            (pack, rule) for pack in self.packs for rule in pack.rules if self._why_not(pack, rule, days) is None
        )

    def _binding(self, packs: Iterable[Pack], kind: Kind, days: Days) -> list[tuple[Pack, Rule]]:
        return [
            (pack, rule)
            for pack in packs
            for rule in pack.rules
            if binds(rule, kind) and self._why_not(pack, rule, days) is None
        ]

    def _why_not(self, pack: Pack, rule: Rule, days: Days) -> str | None:
        if pack.kind is PackKind.HOUSE or rule.id in self.opt_in:
            return None
        return why_not_enforced(rule, pack.sources[rule.source], days)

    def _check(self) -> None:
        ids = [pack.id for pack in self.packs]
        rules = [(pack, rule) for pack in self.packs for rule in pack.rules]
        known = {rule.id for _, rule in rules}
        if len(set(ids)) < len(ids):
            raise ValueError("two packs have one id")
        if len(known) < len(rules):
            raise ValueError("two rules have one id")
        if unknown := sorted(self.opt_in - known):
            raise ValueError(f"opt_in: no such rule: {', '.join(unknown)}")
        for pack, rule in rules:
            if rule.source not in pack.sources:
                raise ValueError(f"{pack.id}: {rule.id}: no such source: {rule.source}")


@lru_cache(maxsize=256)
def days_at(moment: datetime) -> Days:
    """What dates it is at that instant."""
    return Days.at(moment)
