"""What a number's first digits tell: evidence from the numbering plans, and nothing that they do not say."""

import pytest

from duecourse.domain.phone_prefix import prefix_of
from duecourse.domain.zones import find_zone


@pytest.mark.parametrize(
    ("phone", "country", "zones"),
    [
        ("+12125550100", "US", ("America/New_York",)),
        ("+13105550100", "US", ("America/Los_Angeles",)),
        ("+14165550100", "CA", ("America/Toronto",)),
        ("+8613800138000", "CN", ("Asia/Shanghai",)),
        ("+6591234567", "SG", ("Asia/Singapore",)),
        ("+5511987654321", "BR", ("America/Sao_Paulo",)),
    ],
)
def test_an_area_or_a_country_with_one_zone_names_it(phone: str, country: str, zones: tuple[str, ...]) -> None:
    assert prefix_of(phone) == (country, zones)


def test_a_mobile_number_of_a_wide_country_may_be_anywhere_in_it() -> None:
    country, zones = prefix_of("+61412345678")
    assert country == "AU"
    assert {"Australia/Perth", "Australia/Sydney"} <= set(zones)


def test_a_number_that_belongs_to_no_country_tells_nothing() -> None:
    assert prefix_of("+80012345678") == (None, ())


def test_what_is_no_number_tells_nothing() -> None:
    assert prefix_of("+0") == (None, ())
    assert prefix_of("+") == (None, ())


@pytest.mark.parametrize("phone", ["+79161234567", "+18005550100", "+447911123456", "+628123456789"])
def test_every_zone_named_is_one_that_the_zone_database_knows(phone: str) -> None:
    zones = prefix_of(phone).zones
    assert zones
    assert all(find_zone(zone) for zone in zones)


def test_a_country_that_shares_a_calling_code_keeps_to_its_own_zones() -> None:
    assert prefix_of("+13453231234") == ("KY", ("America/Cayman",))
    assert "Asia/Almaty" not in prefix_of("+79161234567").zones
