"""Who is due: generated borrowers, whose data can be recognised wherever it should not be."""

from collections.abc import Iterator

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.chaos import Debtor
from duecourse.simulator.chaos.wishes import DUE, SHARES, ChaosWishes

MARKS = (b"+1555", b"Quintessa", b"@chaos.example", b"chaos-token-")
"""One of them is in every name and address, and in nothing else."""

#: The audience, and with it the rung, follows from the instalment's number.
_INSTALMENT = {ChannelKind.SMS: 3, ChannelKind.PUSH: 9, ChannelKind.EMAIL: 1}


def debtors(wishes: ChaosWishes, *, first: int = 0) -> Iterator[Debtor]:
    """As many for each channel as wished, numbered from `first` on."""
    number = first
    for channel in SHARES:
        for _ in range(wishes.count(channel)):
            yield _debtor(number, channel)
            number += 1


def _debtor(number: int, channel: ChannelKind) -> Debtor:
    return Debtor(
        number=number,
        name=f"Quintessa {number}",
        points={
            "sms": f"+1555{number:07d}",
            "push": f"chaos-token-{number}",
            "email": f"borrower{number}@chaos.example",
        },
        instalment=_INSTALMENT[channel],
        due_on=DUE,
        minor=10_000,
    )
