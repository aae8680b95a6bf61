"""Which provider a contact leaves through: by weight, alike each time, and never the one that just failed it."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from duecourse.routing.choice import Tried, rank, reconsider, weigh
from duecourse.routing.route import Lane

NOW = datetime(2018, 7, 10, 13, 0, tzinfo=UTC)
names = st.sampled_from(["acme", "bolt", "core", "dial"])
weights = st.dictionaries(names, st.floats(0.01, 1_000), min_size=1)


@settings(deadline=None)
@given(weights=weights, contact_id=st.integers(1, 2**53), chain=st.integers(0, 50))
def test_a_re_claim_chooses_the_same_provider_whatever_the_order_of_the_route(
    weights: dict[str, float], contact_id: int, chain: int
) -> None:
    turned = dict(reversed(weights.items()))
    assert rank(weights, contact_id, chain) == rank(turned, contact_id, chain)
    assert sorted(rank(weights, contact_id, chain)) == sorted(weights)


def test_each_provider_is_chosen_as_often_as_its_weight_says() -> None:
    weights = {"acme": 70.0, "bolt": 25.0, "core": 5.0}
    chosen = Counter(rank(weights, contact_id, 0)[0] for contact_id in range(1, 20_001))
    for name, weight in weights.items():
        assert abs(chosen[name] / 200 - weight) < 1.5


def test_the_next_chain_of_attempts_draws_anew() -> None:
    weights = {"acme": 1.0, "bolt": 1.0}
    moved = sum(rank(weights, contact_id, 0)[0] != rank(weights, contact_id, 1)[0] for contact_id in range(1, 2_001))
    assert 800 < moved < 1_200


@settings(deadline=None)
@given(contact_id=st.integers(1, 2**53), lowered=st.floats(0.01, 1))
def test_a_provider_that_loses_weight_takes_over_no_contact_of_another(contact_id: int, lowered: float) -> None:
    before = rank({"acme": 1.0, "bolt": 1.0, "core": 1.0}, contact_id, 0)[0]
    after = rank({"acme": lowered, "bolt": 1.0, "core": 1.0}, contact_id, 0)[0]
    assert after in {before, "bolt", "core"}
    assert before in {"acme", after}


@settings(deadline=None)
@given(shares=st.dictionaries(names, st.floats(0.01, 1)), weight=st.floats(0.1, 100))
def test_a_standby_carries_what_the_others_have_lost(shares: dict[str, float], weight: float) -> None:
    lanes = [Lane(provider="acme", weight=weight), Lane(provider="bolt", weight=0)]
    found = weigh(lanes, shares)
    lost = weight - found["acme"]
    assert abs(found["bolt"] - lost * shares.get("bolt", 1.0)) < 1e-9


def test_a_standby_of_healthy_providers_is_last_in_line() -> None:
    weights = weigh([Lane(provider="acme", weight=1), Lane(provider="bolt", weight=0)], {})
    assert all(rank(weights, contact_id, 0) == ["acme", "bolt"] for contact_id in range(1, 200))


def test_standbys_that_are_alone_share_alike() -> None:
    assert weigh([Lane(provider="acme", weight=0), Lane(provider="bolt", weight=0)], {}) == {"acme": 0.5, "bolt": 0.5}


def test_providers_drained_alike_keep_their_parts() -> None:
    lanes = [Lane(provider="acme", weight=3), Lane(provider="bolt", weight=1)]
    found = weigh(lanes, {"acme": 0.02, "bolt": 0.02})
    assert abs(found["acme"] / found["bolt"] - 3) < 1e-9


def test_after_a_failure_the_untried_come_first_and_the_last_tried_after_the_others() -> None:
    tried = Tried(first={"acme": NOW, "bolt": NOW}, last="acme")
    assert reconsider(["acme", "bolt", "core"], tried, now=NOW, provider_s=300) == ["core", "bolt", "acme"]


def test_a_provider_whose_time_with_the_contact_is_over_comes_last() -> None:
    tried = Tried(first={"acme": NOW - timedelta(seconds=301), "bolt": NOW}, last="bolt")
    assert reconsider(["acme", "bolt"], tried, now=NOW, provider_s=300) == ["bolt", "acme"]


def test_a_lane_serves_the_countries_it_names_and_all_where_it_names_none() -> None:
    abroad = Lane(provider="acme", countries=frozenset({"DE", "FR"}))
    assert abroad.serves("DE")
    assert not abroad.serves("US")
    assert not abroad.serves(None)
    assert Lane(provider="bolt").serves(None)
