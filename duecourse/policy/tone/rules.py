"""A rule: words of these concepts, close together, none that excuses them, and a context in which that is wrong."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from duecourse.policy.tone.context import ToneContext
from duecourse.policy.tone.lexicon import Hit, Hits
from duecourse.policy.tone.vocabulary import (
    Category,
    LegalStatus,
    OfferExpiry,
    Recipient,
    Scope,
    Sender,
    Severity,
    ToneChannel,
)

#: These excuse their own clause only: who will not sue "but will tell your boss" denies the one and not the other.
_OF_ITS_CLAUSE = frozenset({"denial", "reported"})
_TURN = "turn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Circumstances:
    """In which contexts a rule holds; an empty set is every one."""

    recipient: frozenset[Recipient] = frozenset()
    channel: frozenset[ToneChannel] = frozenset()
    legal_status: frozenset[LegalStatus] = frozenset()
    sender: frozenset[Sender] = frozenset()
    offer_expiry: frozenset[OfferExpiry] = frozenset()

    def hold(self, context: ToneContext) -> bool:
        return (
            (not self.recipient or context.recipient in self.recipient)
            and (not self.channel or context.channel in self.channel)
            and (not self.legal_status or context.legal_status in self.legal_status)
            and (not self.sender or context.sender in self.sender)
            and (not self.offer_expiry or context.offer_expiry in self.offer_expiry)
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """`every`: one concept of each group must be there, within `within` characters of the normal text."""

    id: str
    category: Category
    severity: Severity
    every: tuple[tuple[str, ...], ...]
    unless: tuple[str, ...]
    within: int
    scope: Scope
    circumstances: Circumstances
    certain: bool
    """Whether the classifier may not overrule it: who reads it or which numbers stand there it cannot see."""

    def match(self, hits: Hits, breaks: Sequence[int]) -> Hit | None:
        """The first place where the rule is broken. `breaks`: where sentences end, ascending."""
        groups = []
        for concepts in self.every:
            found = [hit for concept in concepts for hit in hits.get(concept, ())]
            if not found:
                return None
            groups.append(found)
        groups.sort(key=len)
        return next((span for span in self._together(groups, breaks) if not self._is_excused(span, hits, breaks)), None)

    def _is_excused(self, span: Hit, hits: Hits, breaks: Sequence[int]) -> bool:
        turns = hits.get(_TURN, ())
        return any(
            _touches(excuse, span, breaks) and not (concept in _OF_ITS_CLAUSE and _parted(excuse, span, turns))
            for concept in self.unless
            for excuse in hits.get(concept, ())
        )

    def _together(self, groups: Sequence[Sequence[Hit]], breaks: Sequence[int]) -> Iterator[Hit]:
        """Around each word of the rarest group the nearest of every other."""
        for first in groups[0]:
            start, end = first
            for group in groups[1:]:
                near = self._nearest(first, group, breaks)
                if near is None:
                    break
                start, end = min(start, near.start), max(end, near.end)
            else:
                if end - start <= self.within:
                    yield Hit(start, end)

    def _nearest(self, first: Hit, group: Sequence[Hit], breaks: Sequence[int]) -> Hit | None:
        if self.scope is Scope.SENTENCE:
            group = [hit for hit in group if sentence(hit.start, breaks) == sentence(first.start, breaks)]
        return min(group, key=lambda hit: max(hit.start - first.end, first.start - hit.end), default=None)


def _touches(excuse: Hit, span: Hit, breaks: Sequence[int]) -> bool:
    """Whether it stands in the same sentence, or in one that the span touches."""
    return sentence(span.start, breaks) <= sentence(excuse.start, breaks) <= sentence(span.end - 1, breaks)


def _parted(one: Hit, other: Hit, turns: Sequence[Hit]) -> bool:
    """Whether a clause turns between the two."""
    start, end = (one.end, other.start) if one.start < other.start else (other.end, one.start)
    return any(start <= turn.start < end for turn in turns)


def sentence(place: int, breaks: Sequence[int]) -> int:
    """The number of the sentence that this place is in."""
    return bisect_right(breaks, place)
