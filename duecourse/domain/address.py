"""Addresses in the one form that is stored, compared and sent to. Reasons never repeat the address."""

import re
from typing import NewType

import phonenumbers

from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind

DebtorAddress = NewType("DebtorAddress", str)
"""Where the debtor is reached, and nobody else. Letters and calls to providers take nothing else as a recipient.

Made in two places only: `ContactPoint.debtor_address`, and where a frozen letter is read again.
"""

#: RFC 5321 4.5.3.1: the longest path is 256 octets with its brackets.
_LONGEST_EMAIL = 254
#: FCM's tokens have no documented length; the longest seen is far below this.
_LONGEST_TOKEN = 4_096

_EMAIL = re.compile(r"[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,64}@(?:[^\s@.<>\"(),:;\\\[\]\x00-\x1f\x7f]+\.)+[^\s@.]{2,}")
_TOKEN = re.compile(r"[!-~]+")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")


def parse_address(channel: ChannelKind, text: str, country: str | None) -> str:
    """The stored form of an address.

    Args:
        channel: what kind of address it is.
        text: as somebody wrote it.
        country: ISO 3166 alpha-2: how to read a phone number without an international prefix.

    Raises:
        InputError: it can be no such address.
    """
    if channel in {ChannelKind.SMS, ChannelKind.VOICE}:
        return parse_phone(text, country)
    return parse_email(text) if channel is ChannelKind.EMAIL else parse_token(text)


def parse_phone(text: str, country: str | None) -> str:
    """E.164, such as `+12125550123`.

    Raises:
        InputError: not a number, or one that its country's plan does not have.
    """
    if _is_e164(text):
        return text
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException as exc:
        raise InputError("not a phone number") from exc
    if not phonenumbers.is_valid_number(number):
        raise InputError("not a number in its country's numbering plan")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _is_e164(text: str) -> bool:
    """Valid as it stands: spares the cost of parsing. Calling codes are prefix-free.

    A national number that begins with a zero takes the long way: Italy keeps it, others drop it.
    """
    if not _E164.fullmatch(text):
        return False
    digits = text[1:]
    length = next((n for n in (1, 2, 3) if int(digits[:n]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), 0)
    if not length or digits[length] == "0":
        return False
    return bool(
        phonenumbers.is_valid_number(
            phonenumbers.PhoneNumber(country_code=int(digits[:length]), national_number=int(digits[length:]))
        )
    )


def parse_email(text: str) -> str:
    """The address with its domain in lower case; the local part is the mailbox owner's to interpret.

    Raises:
        InputError: not of the form `local@domain.tld`.
    """
    if len(text) > _LONGEST_EMAIL or not _EMAIL.fullmatch(text):
        raise InputError("not an e-mail address")
    local, _, domain = text.rpartition("@")
    return f"{local}@{domain.lower()}"


def parse_token(text: str) -> str:
    """A device token or messaging id: opaque, but printable ASCII without spaces.

    Raises:
        InputError: empty, too long, or not printable ASCII.
    """
    if len(text) > _LONGEST_TOKEN or not _TOKEN.fullmatch(text):
        raise InputError("not a token of printable ASCII")
    return text


def index_form(address: str) -> str:
    """What the blind index is computed over: mailboxes differ in case on paper only."""
    return address.casefold() if "@" in address else address
