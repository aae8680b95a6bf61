"""What the gate has to know of the lender and its packs, the same for every contact."""

from dataclasses import dataclass

from duecourse.policy.packs.vocabulary import ActorRole, LenderType

#: What a claim reads where nobody says how far back the packs look.
LONGEST = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    lender_country: str | None = None
    """The lender's seat, ISO 3166-1 alpha-2; None where it says nothing about the law."""
    lender_type: LenderType | None = None
    """None is unknown: the rules of every type bind."""
    lender_role: ActorRole = ActorRole.FIRST_PARTY
    """In whose name loans are collected that say nothing of it themselves."""
    days_back: int = LONGEST
    """How far back the rules look: see `packs.span`."""
