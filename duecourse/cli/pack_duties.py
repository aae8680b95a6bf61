"""What `duecourse packs duties` tells: what every pack that applies asks for beside the contact itself, as one."""

from collections.abc import Iterator, Sequence

from duecourse.domain.errors import InputError
from duecourse.domain.territories import is_country
from duecourse.policy.packs.merge import Duties, Kept, LettingGo
from duecourse.policy.packs.model import Place
from duecourse.policy.rule_words import deadline_in_words, period_in_words

Line = tuple[str, Sequence[str]]
"""A demand, and the rules that make it where one may want to know."""


def read_place(text: str) -> Place:
    """`CN`, `BR-SP`.

    Raises:
        InputError: it is no country, or a part of none.
    """
    country, hyphen, part = text.partition("-")
    if not is_country(country) or bool(hyphen) != bool(part):
        raise InputError(f"{text!r} is no place: ISO 3166 in capitals, like US or BR-SP")
    return Place(country, part or None)


def duties_in_words(found: Duties) -> Iterator[Line]:
    """One after the other; what cannot all be kept comes last."""
    for kept in found.kept.values():
        yield _kept(kept), kept.rules
    for stage in found.complaint_stages:
        when = f" if {stage.condition.replace('_', ' ')}" if stage.condition else ""
        yield f"a complaint is answered in {deadline_in_words(stage.deadline)}{when}", ()
    for right, deadline in found.data_rights.items():
        yield f"a {right.replace('_', ' ')} is answered in {deadline_in_words(deadline)}", ()
    if found.letting_go:
        yield _letting_go(found.letting_go), found.letting_go.rules
    for conflict in found.conflicts:
        yield f"for a person to decide, as the rules contradict each other: {conflict.what}", conflict.rules


def _kept(kept: Kept) -> str:
    bounds = (("at least", kept.min), ("at most", kept.max))
    said = " and ".join(f"{word} {period_in_words(period)}" for word, period in bounds if period)
    return f"each {kept.object.replace('_', ' ')} is kept {said}"


def _letting_go(asked: LettingGo) -> str:
    within = f" within {deadline_in_words(asked.deadline)}" if asked.deadline else ""
    return f"whoever asks to stop is heard for the whole {asked.scope}{within}"
