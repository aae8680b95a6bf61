"""Where a receipt takes a contact: forward only, and only on evidence about the message that counts."""

from dataclasses import dataclass

from duecourse.domain.contact import TRANSITIONS, ContactState
from duecourse.domain.vocabulary import ReceiptKind

#: Whoever read it, answered it or complained of it has it.
_PROVES_DELIVERY = frozenset({
    ReceiptKind.DELIVERED, ReceiptKind.READ, ReceiptKind.REPLIED, ReceiptKind.COMPLAINED,
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a receipt does to a contact: `state` where it moves, or why it does not."""

    state: ContactState | None
    ignored: str | None = None
    """A reason worth an event; None where there is nothing to say."""


def progress(state: ContactState, kind: ReceiptKind, *, latest: bool) -> Progress:
    """Where `kind` takes a contact in `state`. `latest`: it speaks of the last message, not of an earlier try."""
    if kind in _PROVES_DELIVERY:
        target = ContactState.DELIVERED
    elif kind is ReceiptKind.UNDELIVERED:
        target = ContactState.UNDELIVERED
    else:
        return Progress(state=None)
    if target is state:
        # A second proof of what is known is news only where it is the receipt's whole message.
        return Progress(state=None, ignored=f"already-{state}" if kind.value == target.value else None)
    if target is ContactState.UNDELIVERED and not latest:
        return Progress(state=None, ignored="earlier-attempt")
    if target not in TRANSITIONS[state]:
        return Progress(state=None, ignored=f"after-{state}")
    return Progress(state=target)
