"""Which rules bind whom, and when: where people are, in whose name, on what grade and in what force."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.headings import Grade, Link, PackKind, SourceStatus
from duecourse.policy.packs.model import Applicability, Pack, Place, Rule, Source
from duecourse.policy.packs.vocabulary import ActorRole, DebtorType, LenderType, Medium, Purpose

ENFORCED_GRADES = frozenset({Grade.A, Grade.B})
#: A law's day begins in UTC+14 and ends in UTC-12: from the first of it to the last, anywhere, its rule binds.
_EARLIEST, _LATEST = timedelta(hours=14), timedelta(hours=12)


class Days(NamedTuple):
    """What date it is at one instant, at the two ends of the earth."""

    latest: date
    earliest: date

    @classmethod
    def at(cls, moment: datetime) -> "Days":
        return cls((moment + _EARLIEST).date(), (moment - _LATEST).date())


class Kind(NamedTuple):
    """All that decides which rules bind a contact: contacts of one kind share their rules."""

    medium: Medium
    purpose: Purpose
    actor_role: ActorRole
    lender_type: LenderType | None
    debtor_type: DebtorType
    residence: Place | None
    present: Place | None
    lender_country: str | None
    carrier_country: str | None


def why_not_enforced(rule: Rule, source: Source, days: Days) -> str | None:
    """Why a rule is reported only; None where it is enforced. Does not know of the house, nor of opting in."""
    grade = rule.grade or source.grade
    if grade not in ENFORCED_GRADES:
        return f"grade {grade}"
    status = rule.status or source.status
    if status is not SourceStatus.IN_FORCE:
        return status.value
    return _out_of_time(rule, source, days)


def _out_of_time(rule: Rule, source: Source, days: Days) -> str | None:
    since = rule.effective_from or source.effective_from
    if since is not None and days.latest < since:
        return f"from {since.isoformat()}"
    until = rule.effective_to or source.effective_to
    if until is not None and days.earliest >= until:
        return f"until {until.isoformat()}"
    return None


def reaches(pack: Pack, kind: Kind) -> bool:
    """Does the pack's jurisdiction have anything to say about such contacts?"""
    if not _who(pack.applies_to, kind):
        return False
    if pack.kind is PackKind.HOUSE:
        return True
    if kind.residence is None and kind.present is None:
        return True
    return any(_tied(pack, kind, link) for link in pack.applies_to.links)


def is_there(pack: Pack, kind: Kind) -> bool:
    """Does the borrower surely live or stay in the pack's jurisdiction?"""
    return any(_within(pack, place) for place in (kind.residence, kind.present))


def binds(rule: Rule, kind: Kind) -> bool:
    """Is the rule about such contacts?"""
    return (
        (not rule.channels or kind.medium in rule.channels)
        and (not rule.purposes or kind.purpose in rule.purposes)
        and (not rule.actor_roles or kind.actor_role in rule.actor_roles)
        and _listed(rule.lender_types, kind.lender_type)
    )


def kind_of(facts: ContactFacts) -> Kind:
    return Kind(
        MEDIUM_OF[facts.channel],
        facts.purpose,
        facts.actor_role,
        facts.lender_type,
        facts.debtor_type,
        facts.residence,
        facts.present,
        facts.lender_country,
        facts.carrier_country,
    )


#: By the word of a channel or of a medium.
MEDIUM_OF: dict[str, Medium] = {**{medium.value: medium for medium in Medium}, "voice": Medium.IVR}


def _who(applies_to: Applicability, kind: Kind) -> bool:
    return (
        (not applies_to.actor_roles or kind.actor_role in applies_to.actor_roles)
        and (not applies_to.debtor_types or kind.debtor_type in applies_to.debtor_types)
        and _listed(applies_to.lender_types, kind.lender_type)
    )


def _listed(listed: Iterable[LenderType], known: LenderType | None) -> bool:
    """An unknown type may be any of them."""
    types = frozenset(listed)
    return not types or known is None or known in types


def _tied(pack: Pack, kind: Kind, link: Link) -> bool:
    match link:
        case Link.RESIDENCE:
            return _within(pack, kind.residence)
        case Link.PRESENT:
            return _within(pack, kind.present)
        case Link.LENDER_SEAT:
            return _whole(pack, kind.lender_country)
        case Link.CARRIER:
            return _whole(pack, kind.carrier_country)


def _within(pack: Pack, place: Place | None) -> bool:
    """Somebody of whom only the country is known may live in any part of it."""
    if place is None or not _has(pack, place.country):
        return False
    return pack.subdivision is None or place.subdivision is None or place.subdivision == pack.subdivision


def _whole(pack: Pack, country: str | None) -> bool:
    """A lender's or a carrier's seat is known by country, and says nothing about the law of a part of it."""
    return country is not None and pack.subdivision is None and _has(pack, country)


def _has(pack: Pack, country: str) -> bool:
    return country == pack.country or country in pack.countries
