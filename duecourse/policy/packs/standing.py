"""May a rule be enforced on a day? Its grade, status and dates say, and the house's own rules always may."""

from dataclasses import dataclass
from datetime import date

from duecourse.policy.packs.model import Pack, Rule, Source
from duecourse.policy.packs.vocabulary import Grade, PackKind, SourceStatus

#: Checked well enough to refuse a contact for it: the text was read, or two reports agree.
VERIFIED = frozenset({Grade.A, Grade.B})


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What is known of a rule: its own word where it has one, else its source's."""

    source: Source
    grade: Grade
    status: SourceStatus
    effective_from: date | None
    effective_to: date | None
    house: bool

    @property
    def verified(self) -> bool:
        return self.grade in VERIFIED

    def why_not(self, on: date) -> str | None:
        """Why it is only reported on that day; None where it is enforced."""
        if self.status is not SourceStatus.IN_FORCE:
            return self.status.value
        if self.effective_from and on < self.effective_from:
            return f"from {self.effective_from}"
        if self.effective_to and on >= self.effective_to:
            return f"until {self.effective_to}"
        return None if self.house or self.verified else f"grade {self.grade}"

    def enforced(self, on: date) -> bool:
        return self.why_not(on) is None


def standing(pack: Pack, rule: Rule) -> Standing:
    """The rule's standing in its pack."""
    source = pack.sources[rule.source]
    return Standing(
        source=source,
        grade=rule.grade or source.grade,
        status=rule.status or source.status,
        effective_from=rule.effective_from or source.effective_from,
        effective_to=rule.effective_to or source.effective_to,
        house=pack.kind is PackKind.HOUSE,
    )
