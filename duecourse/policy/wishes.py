"""What a receipt says about being contacted: in words, by a complaint, or by the provider's own word."""

from duecourse.domain.demand import Intent, Meaning, Scope
from duecourse.domain.message import Receipt
from duecourse.domain.vocabulary import ReceiptKind
from duecourse.policy.intents import Lexicon

#: A complaint ends its channel: nobody complains to get more.
_BY_KIND = {
    ReceiptKind.COMPLAINED: Meaning(intent=Intent.STOP, scope=Scope.CHANNEL, sure=True, rule="complaint"),
    ReceiptKind.OPTED_OUT: Meaning(intent=Intent.STOP, scope=Scope.CHANNEL, sure=True, rule="provider"),
}
#: The borrower followed the link in one of our messages.
BY_LINK = Meaning(intent=Intent.STOP, scope=Scope.CHANNEL, sure=True, rule="link")

#: The provider refused to send because it has the borrower's opt-out, of which nobody told us.
BY_REFUSAL = Meaning(intent=Intent.STOP, scope=Scope.CHANNEL, sure=True, rule="provider-refusal")


def may_wish(receipt: Receipt) -> bool:
    """Is there anything to be read in it?"""
    return receipt.kind in _BY_KIND or (receipt.kind is ReceiptKind.REPLIED and bool(receipt.text))


def wish_of(receipt: Receipt, lexicon: Lexicon, locale: str) -> Meaning | None:
    """What it asks for; None where it asks for nothing. A wider demand in words widens what the provider took."""
    plain = _BY_KIND.get(receipt.kind)
    words = lexicon.understand(receipt.text, locale) if receipt.text and may_wish(receipt) else None
    if plain is None:
        return words
    wider = words and words.intent is Intent.STOP and words.sure and words.scope.width > plain.scope.width
    return words if wider else plain
