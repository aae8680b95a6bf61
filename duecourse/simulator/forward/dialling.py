"""Whom the lender's people call, and when: the calls of our reference's ladder, which no worker of ours makes.

A person calls three days after the due date where the risk is high, after seven where it is standard, and after fifteen
those with low or standard risk (collections.md 4.5: Laudenbach et al.; van de Geer et al. 2018). The gate is asked at
the moment of each call, and what is paid by then is not called about.
"""

from collections.abc import Iterable, Iterator
from datetime import time, timedelta

from duecourse.domain.vocabulary import Audience
from duecourse.domain.zones import instant
from duecourse.simulator.forward.acts import Act, Deed
from duecourse.simulator.forward.crowd import Standing
from duecourse.simulator.forward.latent import zone_of
from duecourse.simulator.sandbox.chance import Chance

LADDER = ((3, Audience.HIGH), (7, Audience.STANDARD), (15, Audience.LOW), (15, Audience.STANDARD))
#: The hours in which people dial, by the borrower's clock: off the hours in which most ring.
HOURS = (10, 17)


def dials(people: Iterable[Standing], chance: Chance) -> Iterator[Act]:
    """Every call that would be made if nobody paid; the hour is the same under every policy."""
    for one in people:
        owed = one.owed
        for days, audience in LADDER:
            if audience is one.audience:
                hour = int(chance.between(*HOURS, "dial", owed.loan, owed.due_on.isoformat(), days))
                yield Act(
                    at=instant(owed.due_on + timedelta(days=days), time(hour), zone_of(owed)),
                    deed=Deed.DIAL,
                    borrower=owed.borrower,
                    loan=owed.loan,
                    due_on=owed.due_on,
                    cause=f"T+{days}",
                )
