"""The rate limit in one process: never above its bound, nothing wasted, and to each class its share."""

import math
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from channels.gcra import FALL, LOWEST, SECOND, Account, Limits, Pace, Rate, Recipients, Share, reserve_of

RATES = st.builds(Rate, per_s=st.floats(0.01, 5_000), burst=st.integers(1, 500))
SHARES = (Share(up_to=3, fraction=0.6), Share(up_to=6, fraction=0.2), Share(up_to=9, fraction=0.1))
URGENT, NORMAL, BULK = range(3)


def plain(rate: Rate) -> Limits:
    return Limits(account=rate)


def shared(rate: Rate, reserve: float = 0.5) -> Limits:
    return Limits(account=rate, shares=SHARES, reserve=reserve, endpoints={"slow": rate.share(0.5)})


LIMITS = st.one_of(st.builds(plain, RATES), st.builds(shared, RATES, st.sampled_from([0.0, 0.3, 0.5, 0.9])))
TURNS = st.integers(0, 2)
STEPS = st.lists(
    st.tuples(st.integers(0, 3 * SECOND), st.integers(1, 200), TURNS, st.sampled_from(["", "slow"])),
    min_size=1,
    max_size=50,
)
PAUSES = st.dictionaries(st.integers(0, 49), st.integers(0, 4 * SECOND), max_size=8)


def check_windows(rate: Rate, grants: list[tuple[int, int]]) -> None:
    for first, (start, _) in enumerate(grants):
        granted = 0
        for now, count in grants[first:]:
            granted += count
            assert granted <= rate.burst + (now - start) / rate.emission + 1e-6


@given(limits=LIMITS, steps=STEPS, pauses=PAUSES)
@settings(deadline=None)
def test_no_window_holds_more_than_rate_times_its_length_plus_burst(
    limits: Limits, steps: list[tuple[int, int, int, str]], pauses: dict[int, int]
) -> None:
    """Whatever classes, endpoints and complaints do in between."""
    account, now, grants, slow = Account(limits), 0, [], []
    for index, (gap, want, turn, endpoint) in enumerate(steps):
        now += gap
        if index in pauses:
            account.pause(now, pauses[index])
        granted = account.take(now, want, turn=turn, endpoint=endpoint)[0]
        grants.append((now, granted))
        if endpoint:
            slow.append((now, granted))
    check_windows(limits.account, grants)
    if limits.endpoints:
        check_windows(limits.endpoints["slow"], slow)


@given(limits=LIMITS, want=st.integers(1, 300), turn=TURNS, complaints=st.integers(0, 3))
@settings(deadline=None)
def test_asking_again_when_told_never_comes_in_vain(limits: Limits, want: int, turn: int, complaints: int) -> None:
    account, now = Account(limits), 0
    for _ in range(complaints):
        account.pause(now, SECOND)
        now += 2 * SECOND
    granted, wait = account.take(now, want, turn=turn)
    while granted < want:
        now += wait
        more, wait = account.take(now, want - granted, turn=turn)
        assert more > 0
        granted += more


@given(turn=TURNS, reserve=st.sampled_from([0.0, 0.5, 0.9]))
@settings(deadline=None, max_examples=9)
def test_a_class_that_is_alone_and_comes_when_told_uses_the_whole_rate(turn: int, reserve: float) -> None:
    account, now, granted = Account(shared(Rate(per_s=400, burst=40), reserve)), 0, 0
    while now < 10 * SECOND:
        count, wait = account.take(now, 100, turn=turn)
        granted += count
        now += wait
    assert granted >= 0.999 * 400 * 10


@given(rate=RATES, within=st.integers(0, 10 * SECOND), taken=st.integers(0, 100))
@settings(deadline=None)
def test_what_is_left_can_be_taken_then_as_far_as_the_burst_allows(rate: Rate, within: int, taken: int) -> None:
    account = Account(plain(rate))
    account.take(0, taken)
    left = account.left(0, within)
    assert account.take(within, 1_000_000)[0] == min(left, rate.burst)


@given(per_s=st.floats(0.01, 100), burst=st.integers(1, 50), within=st.integers(0, 2 * SECOND), classes=st.booleans())
@settings(deadline=None)
def test_an_eager_caller_gets_all_that_was_left(per_s: float, burst: int, within: int, *, classes: bool) -> None:
    rate = Rate(per_s=per_s, burst=burst)
    limits = shared(rate) if classes else plain(rate)
    account = Account(limits)
    left, had, now = account.left(0, within), 0, 0
    while now <= within:
        count, wait = account.take(now, 1_000_000)
        had, now = had + count, now + wait
    had += account.take(within, 1_000_000)[0]
    assert left - 1 <= had <= left + reserve_of(rate, limits)


def test_what_was_given_back_can_be_taken_again_but_never_more_than_the_burst() -> None:
    account = Account(plain(Rate(per_s=10, burst=5)))
    assert account.take(0, 5) == (5, 0)
    account.give(0, 3)
    assert account.take(0, 9)[0] == 3
    account.give(0, 1_000)
    assert account.take(0, 9)[0] == 5


def test_a_pause_grants_nothing_until_it_is_over_and_a_shorter_one_does_not_end_it() -> None:
    account = Account(plain(Rate(per_s=10, burst=5)))
    account.pause(0, 2 * SECOND)
    account.pause(0, SECOND)
    assert account.take(SECOND, 1) == (0, SECOND)
    assert account.left(SECOND, SECOND // 2) == 0
    # Five at once when it ends, and a second at 0.7 of the rate that climbs by 2 %.
    assert account.left(SECOND, 2 * SECOND) == 12
    assert account.take(2 * SECOND, 9)[0] == 5


@given(rate=RATES, workers=st.integers(1, 16))
@settings(deadline=None)
def test_local_shares_add_up_to_less_than_the_rate(rate: Rate, workers: int) -> None:
    part = shared(rate).part(0.8 / workers)
    for whole, own in ((rate, part.account), (shared(rate).endpoints["slow"], part.endpoints["slow"])):
        assert own.per_s * workers <= whole.per_s
        assert own.burst >= 1


def test_an_endpoints_limit_holds_besides_the_accounts() -> None:
    limits = Limits(
        account=Rate(per_s=1, burst=10), endpoints={"a": Rate(per_s=1, burst=4), "b": Rate(per_s=1, burst=9)}
    )
    account = Account(limits)
    assert account.take(0, 9, endpoint="a")[0] == 4
    assert account.take(0, 9, endpoint="b")[0] == 6
    account.give(0, 2, endpoint="a")
    assert account.take(0, 9, endpoint="elsewhere")[0] == 2
    assert account.left(0, 0, endpoint="a") == 0


def test_a_priority_belongs_to_the_first_class_that_reaches_it() -> None:
    limits = shared(Rate(per_s=1, burst=1))
    assert [limits.turn(priority) for priority in range(10)] == [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert plain(Rate(per_s=1, burst=1)).turn(7) == 0


def test_borrowing_leaves_the_reserve_and_a_guarantee_may_use_it() -> None:
    account = Account(shared(Rate(per_s=100, burst=40)))
    assert account.take(0, 100, turn=BULK)[0] == 20 + 4
    assert account.take(0, 100, turn=NORMAL)[0] == 8
    assert account.take(0, 100, turn=URGENT)[0] == 8


def test_what_is_left_over_goes_to_the_most_urgent_who_waits_and_to_others_when_nobody_does() -> None:
    account = Account(shared(Rate(per_s=100, burst=40), reserve=0.0))
    granted, wait = account.take(0, 100, turn=URGENT)
    assert (granted, wait) == (40, 120_001)
    assert account.take(wait, 100, turn=BULK)[0] == 4
    assert account.take(wait, 8, turn=URGENT) == (8, 0)
    assert account.take(wait + SECOND, 100, turn=BULK)[0] == 40


def test_while_the_urgent_wait_no_more_than_its_share_is_left_for_a_campaign() -> None:
    account = Account(shared(Rate(per_s=100, burst=40)))
    assert account.left(0, 5 * SECOND, turn=BULK) == 5 * 100 + 40 - 20
    account.take(0, 100, turn=URGENT)
    assert account.left(0, 5 * SECOND, turn=BULK) == 5 * 10 + 4
    assert account.left(0, 5 * SECOND, turn=URGENT) == 5 * 100 - 20


@given(
    flood=st.lists(st.tuples(st.sampled_from([NORMAL, BULK]), st.integers(1, 500)), min_size=1, max_size=6),
    per_s=st.floats(5, 5_000),
    burst=st.integers(20, 400),
)
@settings(deadline=None, max_examples=40)
def test_a_flood_of_lesser_mail_never_delays_what_is_urgent_within_its_share(
    flood: list[tuple[int, int]], per_s: float, burst: int
) -> None:
    """One at a time at its guaranteed rate: each is granted at once, though all others ask for more all the time."""
    account, now = Account(shared(Rate(per_s=per_s, burst=burst))), 0
    for number in range(300):
        for turn, want in flood:
            account.take(now, want, turn=turn)
        assert account.take(now, 1, turn=URGENT) == (1, 0)
        now = math.ceil((number + 1) * SECOND / (0.6 * per_s))


@given(
    order=st.permutations([URGENT, NORMAL, BULK, BULK, BULK, NORMAL]),
    wants=st.lists(st.integers(1, 300), min_size=6, max_size=6),
    per_s=st.floats(20, 5_000),
)
@settings(deadline=None, max_examples=30)
def test_under_saturation_each_class_gets_its_share_and_the_account_is_used_to_the_full(
    order: list[int], wants: list[int], per_s: float
) -> None:
    rate = Rate(per_s=per_s, burst=max(10, int(per_s / 5)))
    account, end = Account(shared(rate)), int(2_000 * rate.emission)
    due = [0] * len(order)
    got: Counter[int] = Counter()
    while (now := min(due)) < end:
        caller = due.index(now)
        granted, wait = account.take(now, wants[caller], turn=order[caller])
        got[order[caller]] += granted
        due[caller] = now + max(wait, math.ceil(rate.emission))
    assert all(got[turn] >= 0.98 * share.fraction * 2_000 for turn, share in enumerate(SHARES))
    assert sum(got.values()) >= 0.98 * 2_000


def test_a_complaint_slows_all_down_once_per_window_and_the_rate_comes_back_two_per_cent_a_second() -> None:
    pace = Pace()
    pace.pause(0, 0)
    pace.pause(SECOND // 2, 0)
    assert pace.factor(SECOND // 2) == FALL + 0.01
    pace.pause(SECOND, 0)
    assert math.isclose(pace.factor(SECOND), (FALL + 0.02) * FALL)
    assert math.isclose(pace.factor(11 * SECOND), (FALL + 0.02) * FALL + 0.2)
    assert pace.factor(100 * SECOND) == 1.0


def test_the_rate_does_not_climb_in_a_pause_and_a_complaint_in_a_pause_does_not_lower_it() -> None:
    pace = Pace()
    pace.pause(0, 10 * SECOND)
    pace.pause(5 * SECOND, 10 * SECOND)
    assert pace.silence(5 * SECOND) == 10 * SECOND
    assert pace.factor(15 * SECOND) == FALL
    assert math.isclose(pace.factor(16 * SECOND), FALL + 0.02)


def test_endless_complaints_leave_a_little() -> None:
    pace = Pace()
    for second in range(100):
        pace.pause(second * SECOND, 0)
    assert pace.factor(99 * SECOND) >= LOWEST


@given(pauses=st.lists(st.tuples(st.integers(0, 9 * SECOND), st.integers(0, 5 * SECOND)), max_size=12))
@settings(deadline=None)
def test_the_cells_time_never_runs_backwards_and_never_faster_than_the_real_one(
    pauses: list[tuple[int, int]],
) -> None:
    pace, now, before = Pace(), 0, 0
    for gap, span in pauses:
        now += gap
        assert before <= pace.clock(now) <= before + gap + 1
        before = pace.clock(now)
        pace.pause(now, span)
        assert pace.clock(now) == before


@given(burst=st.integers(1, 5), gaps=st.lists(st.integers(0, 90 * SECOND), max_size=40))
@settings(deadline=None)
def test_a_recipient_gets_no_more_than_the_provider_takes_for_one(burst: int, gaps: list[int]) -> None:
    recipients, now, grants = Recipients(Rate(per_s=1 / 60, burst=burst)), 0, []
    for gap in gaps:
        now += gap
        mine, other = recipients.take(now, ["mine", str(now)])
        grants.append((now, int(mine)))
        assert other or gap < 60 * SECOND
    check_windows(Rate(per_s=1 / 60, burst=burst), grants)


def test_recipients_who_are_idle_are_forgotten() -> None:
    recipients = Recipients(Rate(per_s=1, burst=1))
    recipients.take(0, [str(number) for number in range(10_001)])
    assert recipients.take(2 * SECOND, ["1"]) == [True]
    assert len(recipients._tats) == 1
