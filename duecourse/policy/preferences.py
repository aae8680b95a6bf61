"""How a borrower wishes to be reached. It narrows what the law and the house allow, and never widens it."""

from dataclasses import dataclass

from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Medium


@dataclass(frozen=True, kw_only=True, slots=True)
class Preferences:
    """Empty parts ask for nothing."""

    locale: str | None = None
    """The language of texts; None: as the lender's book has it."""
    channels: tuple[ChannelKind, ...] = ()
    """The only ones that are wanted, the best first."""
    hours: tuple[Hours, ...] = ()
    """By the borrower's clock; on no other hours."""

    @property
    def media(self) -> frozenset[Medium]:
        """The channels in the words of the law. Who wants calls may be called by a person, too."""
        return frozenset(medium for channel in self.channels for medium in _MEDIA[channel])


_MEDIA: dict[ChannelKind, tuple[Medium, ...]] = {
    ChannelKind.SMS: (Medium.SMS,),
    ChannelKind.PUSH: (Medium.PUSH,),
    ChannelKind.EMAIL: (Medium.EMAIL,),
    ChannelKind.IM: (Medium.IM,),
    ChannelKind.VOICE: (Medium.IVR, Medium.CALL, Medium.VOICEMAIL),
}
NOTHING_ASKED = Preferences()
