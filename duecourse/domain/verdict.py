"""What the gate says of one contact, and why."""

import hashlib
from dataclasses import field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from duecourse.domain.value import value
from duecourse.domain.vocabulary import Decision


class Citation(NamedTuple):
    """Where a rule that decided comes from."""

    rule: str
    pack: str
    """`id@version`."""
    source: str
    """Its title: `GB/T 45251-2025 ...`."""
    pinpoint: str | None
    grade: str


class RuleList(tuple[str, ...]):  # noqa: SLOT001 - the digest stays on it
    """Ids of rules that many verdicts name together: the ledger keeps the list once, under its digest."""

    @cached_property
    def digest(self) -> str:
        return hashlib.sha256("\n".join(self).encode()).hexdigest()[:16]


@value
class Verdict:
    """An answer with its reasons. `rules` names what decided; for an allow, what was passed."""

    decision: Decision
    rules: tuple[str, ...]
    until: datetime | None = None
    """For a defer: the first instant that is itself allowed."""
    next_channel: bool = False
    """For a suppress: the rung may be tried on its next channel."""
    packs: tuple[str, ...] = ()
    """`name@version` of each rule pack consulted."""
    citations: tuple[Citation, ...] = ()
    """For what was not allowed: the sources of `rules`, where a pack holds them."""
    evidence: tuple[str, ...] = ()
    """Ids of the agreements and consents that lifted a rule."""
    requires: tuple[str, ...] = ()
    """For an allow: what the text or the talk must keep to, as `demand:rule-id`, such as `disclosure:us.opt_out`."""
    warnings: tuple[str, ...] = ()
    """Ids of rules that merely advise, and would have it otherwise."""
    facts: dict[str, Any] = field(default_factory=dict)
    """What decided it, in ids, codes, counts and times: no personal data. JSON-ready."""

    def as_json(self) -> dict[str, Any]:
        """In full."""
        return self._with({"rules": list(self.rules)})

    def kept(self) -> dict[str, Any]:
        """As an event keeps it: a `RuleList` by its digest, as `passed`."""
        if isinstance(self.rules, RuleList):
            return self._with({"passed": self.rules.digest})
        return self.as_json()

    def _with(self, rules: dict[str, Any]) -> dict[str, Any]:
        return {
            "decision": self.decision,
            **rules,
            "until": self.until.isoformat() if self.until else None,
            "packs": list(self.packs),
            **self._named(),
            "facts": self.facts,
        }

    def _named(self) -> dict[str, Any]:
        """What is seldom there, and only then."""
        lists = {"evidence": self.evidence, "requires": self.requires, "warnings": self.warnings}
        named: dict[str, Any] = {name: list(said) for name, said in lists.items() if said}
        if self.citations:
            named["citations"] = [one._asdict() for one in self.citations]
        return named
