"""Where a borrower may be, and what that makes of a contact: from evidence to the facts that rules are asked with."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import lru_cache

from duecourse.policy.packs.model import Place
from duecourse.policy.packs.vocabulary import Purpose

#: What a borrower or a device of theirs said; every other source is a phone, by its prefix.
_SAID = ("stated", "device")
_PART = re.compile(r"[A-Z0-9]{1,3}")


def other_zones(address: str | None, evidence: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Every zone that the evidence points to beside the address', in order.

    A phone's prefix names all zones where its holder may live. Where one of them is known from elsewhere it tells
    nothing new; where none is, the holder may be in any.

    Args:
        address: the address' own zone; None where it is unknown.
        evidence: zones by what speaks of them: `stated`, `device`, or a phone channel.
    """
    known = [zone for source in _SAID for zone in evidence.get(source, ())]
    anchors = {address, *known}
    for source in sorted(evidence):
        if source not in _SAID and anchors.isdisjoint(evidence[source]):
            known += evidence[source]
    return tuple(zone for zone in dict.fromkeys(known) if zone != address)


@lru_cache(maxsize=4096)
def place(country: str | None, region: str | None) -> Place | None:
    """A country with its part. A region that is no code of ISO 3166-2 is none: every part's rules bind."""
    if country is None:
        return None
    code = (region or "").strip().upper().removeprefix(f"{country}-")
    return Place(country, code if _PART.fullmatch(code) else None)


def days_past_due(oldest_unmet: date | None, today: date) -> int:
    """Of the oldest unmet instalment; 0 where nothing is overdue."""
    return 0 if oldest_unmet is None else max((today - oldest_unmet).days, 0)


def purpose_of(due_on: date, today: date, dpd: int) -> Purpose:
    """A reminder before anything is overdue is no collection."""
    return Purpose.PRE_DUE_REMINDER if due_on >= today and dpd == 0 else Purpose.COLLECTION_INFORMATIONAL


def only(values: Iterable[str | None]) -> str | None:
    """The one value that all share; None where they differ or there is none."""
    found = set(values)
    return found.pop() if len(found) == 1 else None
