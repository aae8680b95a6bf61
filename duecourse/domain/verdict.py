"""What the gate says of one contact, and why."""

from dataclasses import field
from datetime import datetime
from typing import Any

from duecourse.domain.value import value
from duecourse.domain.vocabulary import Decision


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
    facts: dict[str, Any] = field(default_factory=dict)
    """What decided it, in ids, codes, counts and times: no personal data. JSON-ready."""

    def as_json(self) -> dict[str, Any]:
        return {
            "decision": self.decision,
            "rules": list(self.rules),
            "until": self.until.isoformat() if self.until else None,
            "packs": list(self.packs),
            "facts": self.facts,
        }
