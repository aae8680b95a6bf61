"""What a mail server's reply means for one message: the code table of SMTP, shared by the sender and by bounces.

The enhanced code (RFC 3463) is preferred over the basic one (RFC 5321), as it names the party that is at fault.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum

from channels.base import Code, CodeTable
from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass

_MISCONFIGURED = Code(kind=OutcomeClass.MISCONFIGURED)
_BAD_ADDRESS = Code(kind=OutcomeClass.REJECTED, address_invalid=True)
_REFUSED = Code(kind=OutcomeClass.REJECTED)
_THROTTLED = Code(kind=OutcomeClass.THROTTLED)
_TRANSIENT = Code(kind=OutcomeClass.TRANSIENT)

#: Enhanced codes, whole ones before their first two parts.
ENHANCED: CodeTable = {
    "4.3.2": _THROTTLED,  # the system is not accepting messages
    "4.7.28": _THROTTLED,  # Gmail: unusual rate from this address of ours
    "5.1.7": _MISCONFIGURED,  # bad sender address
    "5.1.8": _MISCONFIGURED,  # the sender's domain does not exist
    "5.2.1": _BAD_ADDRESS,  # mailbox disabled
    "5.2.2": _TRANSIENT,  # mailbox full: said as permanent, yet it passes
    "5.7.8": _MISCONFIGURED,  # credentials invalid
    "5.7.9": _MISCONFIGURED,  # mechanism too weak
    "5.7.11": _MISCONFIGURED,  # encryption required
    "5.1": _BAD_ADDRESS,  # no such mailbox, domain or syntax
    "5.7": _REFUSED,  # policy, spam, authentication of the domain
}
#: These speak of our session, whatever the enhanced code adds.
OURS: CodeTable = dict.fromkeys(("500", "502", "503", "504", "530", "534", "535", "538", "555"), _MISCONFIGURED)
#: Basic codes. 550 alone may mean policy as well as no mailbox (RFC 5321, 4.2.3), so it flags no address.
BASIC: CodeTable = {
    "421": _THROTTLED,  # service not available, closing: what large receivers say to a sender that is too fast
    "450": _TRANSIENT,  # mailbox busy, greylisted
    "451": _TRANSIENT,  # local error
    "452": _TRANSIENT,  # storage
    "454": _THROTTLED,  # Amazon SES: "454 Throttling failure"
    "501": _MISCONFIGURED,  # syntax
    "550": _REFUSED,
    "551": _BAD_ADDRESS,  # user not local
    "552": _TRANSIENT,  # mailbox full
    "553": _BAD_ADDRESS,  # mailbox name not allowed
    "554": _REFUSED,
}
#: SMTP names no time to wait.
PAUSE_S = 60.0
_ENHANCED = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?!\d)")
#: As Postfix, Exim and SES word it. Nothing else of a reply's text is kept: it may quote the address.
_QUEUE_ID = re.compile(r"(?:queued as |\bid=|^(?:2\.\d\.\d )?Ok )([A-Za-z0-9-]{6,80})\b", re.IGNORECASE)


class Stage(StrEnum):
    """How far a message got. Only from CONTENT on may the server have it."""

    WAIT = "wait"
    """For one of our connections."""
    CONNECT = "connect"
    """Greeting, TLS and login too."""
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    CONTENT = "content"


_ABOUT_US = frozenset({Stage.CONNECT, Stage.MAIL})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """The reply that ended the conversation about one message."""

    stage: Stage
    code: int
    text: str = field(repr=False)


def outcome_of(reply: Reply) -> Outcome:
    """A reply is an answer: a refusal of the content, too, says that the server does not have it."""
    digit = reply.code // 100
    if digit == 2 and reply.stage is Stage.CONTENT:  # noqa: PLR2004 - 2yz: the server has taken it over
        found = _QUEUE_ID.search(reply.text)
        return Outcome(kind=OutcomeClass.ACCEPTED, provider_message_id=found[1] if found else None)
    if digit not in {4, 5}:
        kind = OutcomeClass.UNKNOWN if reply.stage is Stage.CONTENT else OutcomeClass.TRANSIENT
        return Outcome(kind=kind, code="garbage")
    enhanced = enhanced_code(reply.text, digit)
    meaning = _meaning(reply, enhanced)
    return Outcome(
        kind=meaning.kind,
        code=enhanced or str(reply.code),
        retry_after_s=PAUSE_S if meaning.kind is OutcomeClass.THROTTLED else None,
        address_invalid=meaning.address_invalid,
    )


def enhanced_code(text: str, digit: int) -> str | None:
    """The enhanced code at the start of a reply's text, if it agrees with the basic code's first digit."""
    found = _ENHANCED.match(text.strip())
    return found[0] if found and found[1] == str(digit) else None


def by_enhanced(code: str) -> Code | None:
    """By the whole code, then by its first two parts."""
    return ENHANCED.get(code) or ENHANCED.get(code.rpartition(".")[0])


def _meaning(reply: Reply, enhanced: str | None) -> Code:
    """Before a recipient was named, a refusal is about our account or sender."""
    permanent = reply.code >= 500  # noqa: PLR2004 - 5yz
    if reply.stage in _ABOUT_US:
        return _before_recipient(reply, permanent=permanent)
    code = str(reply.code)
    by_prefix = by_enhanced(enhanced) if enhanced else None
    fallback = _REFUSED if permanent else _TRANSIENT
    return ENHANCED.get(enhanced or "") or OURS.get(code) or by_prefix or BASIC.get(code) or fallback


def _before_recipient(reply: Reply, *, permanent: bool) -> Code:
    if permanent:
        return _MISCONFIGURED
    # 454 while logging in or starting TLS is a passing fault (RFC 4954, RFC 3207), not a rate.
    throttled = reply.code == 421 or (reply.code == 454 and reply.stage is Stage.MAIL)  # noqa: PLR2004 - as above
    return _THROTTLED if throttled else _TRANSIENT
