"""Addresses come into one form, or are refused without being repeated."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.address import index_form, parse_address, parse_phone
from duecourse.domain.errors import InputError
from duecourse.domain.vocabulary import ChannelKind

REGIONS = sorted(phonenumbers.SUPPORTED_REGIONS)


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+1 (212) 555-0123", None, "+12125550123"),
        ("212-555-0123", "US", "+12125550123"),
        ("+12125550123", "GB", "+12125550123"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("+390236618300", "IT", "+390236618300"),
    ],
)
def test_phone_numbers_become_e164(text: str, country: str | None, expected: str) -> None:
    assert parse_phone(text, country) == expected


@pytest.mark.parametrize(
    "text", ["", "12", "hello", "+1212555012", "+121255501234567", "+999123456789", "٠٠٠", "+", "+1 911", "\udcff1"]
)
def test_what_is_no_phone_number_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_phone(text, "US")
    assert not text or text not in str(caught.value)


@given(st.sampled_from(REGIONS), st.sampled_from(["", "0", "1"]), st.integers(-3, 3))
def test_the_short_way_agrees_with_the_library(region: str, inserted: str, change: int) -> None:
    example = phonenumbers.example_number(region)
    assert example is not None
    text = f"+{example.country_code}{inserted}{(example.national_number or 0) + change}"
    number = phonenumbers.parse(text, None)
    if phonenumbers.is_valid_number(number):
        assert parse_phone(text, None) == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    else:
        with pytest.raises(InputError):
            parse_phone(text, None)


@pytest.mark.parametrize(
    "text",
    [
        "a@b",
        "@example.com",
        "a b@example.com",
        "a@example..com",
        "a@b@example.com",
        "a@.com",
        "x" * 250 + "@example.com",
        "<a@example.com>",
        "a@example.com\n",
    ],
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="e-mail"):
        parse_address(ChannelKind.EMAIL, text, None)


def test_a_mailbox_keeps_its_local_part_and_is_found_whatever_the_case() -> None:
    stored = parse_address(ChannelKind.EMAIL, "Ada.B+x@Example.COM", None)
    assert stored == "Ada.B+x@example.com"
    assert index_form(stored) == index_form("ada.b+X@example.com")


@pytest.mark.parametrize("text", ["", "two words", "naïve", "x" * 4_097])
def test_a_token_must_be_printable_ascii(text: str) -> None:
    with pytest.raises(InputError, match="token"):
        parse_address(ChannelKind.PUSH, text, None)
