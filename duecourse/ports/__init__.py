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
from duecourse.ports.routing import STRAIGHT, Health, Past, Routing, Share, Way

__all__ = [
    "STRAIGHT",
    "Answered",
    "Armed",
    "Channel",
    "Claimable",
    "Grant",
    "Health",
    "Held",
    "Judged",
    "Ledger",
    "Limiter",
    "Owner",
    "Past",
    "PlanPage",
    "PlanWindow",
    "Postponed",
    "ProviderTerms",
    "Queue",
    "Routing",
    "Settled",
    "Settlement",
    "Share",
    "TextRequest",
    "Texts",
    "Transaction",
    "Way",
]
