"""What the use cases need of the world, as Protocols. Adapters implement them; `bootstrap` joins the two."""

from duecourse.ports.delivery import (
    Answered,
    Armed,
    Claimable,
    Held,
    Judged,
    PlanPage,
    PlanWindow,
    Postponed,
    Settled,
    Settlement,
)
from duecourse.ports.edges import Channel, Grant, Limiter, Owner, ProviderTerms, Queue, TextRequest, Texts
from duecourse.ports.ledger import Ledger, Transaction

__all__ = [
    "Answered",
    "Armed",
    "Channel",
    "Claimable",
    "Grant",
    "Held",
    "Judged",
    "Ledger",
    "Limiter",
    "Owner",
    "PlanPage",
    "PlanWindow",
    "Postponed",
    "ProviderTerms",
    "Queue",
    "Settled",
    "Settlement",
    "TextRequest",
    "Texts",
    "Transaction",
]
