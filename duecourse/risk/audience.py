"""Which audience a borrower's due date belongs to. The planning statement computes the same in SQL."""

from duecourse.domain.vocabulary import Audience

#: So many instalments met in a row, none missed: a reminder changes nothing for such clients (Barboni, Cardenas and
#: de Roux 2022: a precise zero among 8,019 on-time clients). The number itself is judgement.
PROVEN_AFTER = 6


def classify(*, first: bool, missed: int, met: int, autopay: bool) -> Audience:
    """A simple rule until there is a score, from the default ladder's own definition of high risk.

    Args:
        first: the first instalment of any of the loans that are due.
        missed: earlier instalments of those loans that were met late or are still open.
        met: earlier instalments of the loan that was paid for the shortest time.
        autopay: every loan that is due collects itself.
    """
    if first or missed > 0:
        return Audience.HIGH
    if autopay or met >= PROVEN_AFTER:
        return Audience.LOW
    return Audience.STANDARD
