"""What the judgement of a text needs and the text cannot say: the same words are true to one reader only."""

from dataclasses import dataclass

from duecourse.policy.tone.vocabulary import LegalStatus, OfferExpiry, Recipient, Sender, ToneChannel


@dataclass(frozen=True, kw_only=True, slots=True)
class ToneContext:
    """Unknown counts as no: a legal step that nobody vouches for is not claimed, an offer that may recur not ended."""

    recipient: Recipient = Recipient.DEBTOR
    channel: ToneChannel = ToneChannel.UNKNOWN
    legal_status: LegalStatus = LegalStatus.UNKNOWN
    sender: Sender = Sender.UNKNOWN
    offer_expiry: OfferExpiry = OfferExpiry.UNKNOWN
