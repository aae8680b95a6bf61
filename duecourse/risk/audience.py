"""Which audience a borrower's due date belongs to. The planning statement computes the same in SQL."""

from collections.abc import Collection

from duecourse.domain.vocabulary import Audience

#: So many instalments met in a row, none missed: a reminder changes nothing for such clients (Barboni, Cardenas and
#: de Roux 2022: a precise zero among 8,019 on-time clients). The number itself is judgement.
PROVEN_AFTER = 6


#: The riskiest first: the band of a due date is that of the riskiest loan that is due.
_RISKIEST_FIRST = (Audience.HIGH, Audience.STANDARD, Audience.LOW)


def classify(*, first: bool, missed: int, met: int, autopay: bool) -> Audience:
    """The band of one loan that is due: a simple rule until there is a score.

    Args:
        first: this is the loan's first instalment.
        missed: its earlier instalments that were met late or are still open.
        met: its earlier instalments that were met.
        autopay: the loan collects itself.
    """
    if first or missed > 0:
        return Audience.HIGH
    if autopay or met >= PROVEN_AFTER:
        return Audience.LOW
    return Audience.STANDARD


def riskiest(bands: Collection[Audience]) -> Audience:
    """The band of a borrower's due date, from those of all loans that are due.

    Raises:
        ValueError: nothing is due.
    """
    if not bands:
        raise ValueError("nothing is due")
    return min(bands, key=_RISKIEST_FIRST.index)
