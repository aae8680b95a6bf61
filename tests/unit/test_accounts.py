"""What a process has open with an account, and when another provider had better take a contact."""

import pytest

from channels.fake import FakeChannel
from duecourse.ports import Grant, Way
from duecourse.routing.concurrency import Sample
from duecourse.usecases.accounts import MOST_IN_FLIGHT, Account, Accounts

NONE = Grant(granted=0, wait_s=0.1)


def account(most: int = 100) -> Account:
    return Account(FakeChannel(), most)


def test_what_is_open_leaves_less_room_and_gives_it_back_whatever_happens() -> None:
    one = account()
    with one.opened(30):
        assert one.room == 70

    def broken() -> None:
        with one.opened(30):
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    assert one.room == 100


def test_a_slow_provider_has_less_room_until_nothing_more_is_begun() -> None:
    one = account()
    with one.opened(90):
        one.saw(Sample(calls=90, latency_s=7.0, open=one.open), 10.0)
        assert one.room == 0
    assert one.room == 62


def test_a_short_grant_now_and_then_is_no_reason_to_pass_over_a_provider() -> None:
    one = account()
    one.heard(10, NONE, 0.0)
    assert not one.behind(2.0, 0.0)
    one.heard(10, Grant(granted=10), 1.0)
    one.heard(10, NONE, 2.5)
    assert not one.behind(2.0, 2.5)


def test_a_provider_that_falls_short_for_longer_is_behind_until_it_grants_all() -> None:
    one = account()
    for tenth in range(25):
        one.heard(10, Grant(granted=1, wait_s=0.1), tenth / 10)
    assert one.behind(2.0, 2.4)
    one.heard(10, Grant(granted=10), 2.5)
    assert not one.behind(2.0, 2.5)


def test_a_provider_that_nobody_asked_for_a_while_is_tried_again() -> None:
    one = account()
    for tenth in range(25):
        one.heard(10, NONE, tenth / 10)
    assert one.behind(2.0, 3.0)
    assert not one.behind(2.0, 5.0)
    one.heard(10, NONE, 5.0)
    assert not one.behind(2.0, 5.0)


def test_a_provider_that_asked_for_silence_is_behind_until_it_is_nearly_over() -> None:
    one = account()
    one.heard(10, Grant(granted=0, wait_s=30.0), 100.0)
    assert one.behind(2.0, 100.0)
    assert one.behind(2.0, 127.0)
    assert not one.behind(2.0, 129.0)


def test_what_was_decided_for_a_contact_is_told_once() -> None:
    one, way = account(), Way(elsewhere=True)
    one.ways.update({1: way, 2: way})
    assert one.take_ways([1, 3]) == {1: way}
    assert one.take_ways([1, 2]) == {2: way}
    assert one.take_ways([1, 2]) == {}


def test_each_account_is_made_once_and_has_the_bound_of_its_file() -> None:
    accounts = Accounts({"fake": 7})
    assert accounts.of(FakeChannel()) is accounts.of(FakeChannel())
    assert accounts.of(FakeChannel()).room == 7
    assert accounts.of(FakeChannel(name="other")).room == MOST_IN_FLIGHT
