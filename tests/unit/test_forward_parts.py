"""The parts of a simulation that compute: intervals, rounds, the desk, policies by name, and the page."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.errors import ConfigError, InputError
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.forward import Owed, Place
from duecourse.settings import Settings, load
from duecourse.settings.keys import with_stand_ins
from duecourse.simulator.forward.acts import Talk, Touch
from duecourse.simulator.forward.chart import bars, columns
from duecourse.simulator.forward.crowd import Crowd
from duecourse.simulator.forward.desk import desk_zone, staffing
from duecourse.simulator.forward.dialling import HOURS, dials
from duecourse.simulator.forward.interval import difference
from duecourse.simulator.forward.month import rounds
from duecourse.simulator.forward.page import figure, signed
from duecourse.simulator.forward.policy import Policy, check_policy, find_cadence, parse_policy, under
from duecourse.simulator.forward.report import by_day
from duecourse.simulator.sandbox.chance import Chance

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def shipped() -> Settings:
    return load(with_stand_ins({}), REPOSITORY / "config")


def test_a_difference_of_pairs_has_students_interval() -> None:
    """Gaps 1, 2, 3: mean 2, standard error 0.57735, t of 2 degrees 4.303."""
    gap = difference([10, 20, 30], [11, 22, 33])
    assert gap.mean == 2
    assert gap.low == pytest.approx(2 - 4.303 * 0.57735, abs=1e-4)
    assert gap.high == pytest.approx(2 + 4.303 * 0.57735, abs=1e-4)
    assert not gap.clear


def test_a_difference_beyond_chance_is_clear() -> None:
    assert difference([1.0, 2.0, 3.0], [11.0, 12.1, 12.9]).clear


def test_one_pair_says_nothing_about_chance() -> None:
    gap = difference([1], [5])
    assert (gap.mean, gap.low, gap.high, gap.clear) == (4, None, None, False)


def test_results_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="as many"):
        difference([1, 2], [1])


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 28), st.integers(1, 3)), unique=True, max_size=60))
def test_no_round_asks_a_borrower_twice_and_none_is_left_out(found: list[tuple[int, int, int]]) -> None:
    places = {
        number: Place(borrower_id=borrower, due_on=date(2018, 7, day), rung="T-1", step=step)
        for number, (borrower, day, step) in enumerate(found)
    }
    made = rounds(places)
    assert sorted(one for some in made for one in some) == sorted(places)
    for some in made:
        borrowers = [places[one].borrower_id for one in some]
        assert len(borrowers) == len(set(borrowers))


def test_rounds_do_not_depend_on_ids() -> None:
    places = [Place(borrower_id=b, due_on=date(2018, 7, 1), rung=r, step=1) for b in (1, 2) for r in ("T-1", "T0")]
    one, other = dict(enumerate(places)), dict(enumerate(reversed(places)))
    assert [[one[n] for n in some] for some in rounds(one)] == [[other[n] for n in some] for some in rounds(other)]


def test_staff_are_counted_by_the_desks_own_hours() -> None:
    zone = ZoneInfo("America/New_York")
    nine = datetime(2018, 7, 2, 13, 5, tzinfo=UTC)
    rang = [nine, nine, nine + timedelta(days=1), nine + timedelta(hours=2)]
    talks = [Talk(at, 360, rang=True, spoke=True) for at in rang]
    first, last = staffing(talks, zone, days=2, call_s=360)
    assert (first["hour"], first["calls"], first["calls_a_day"], first["busiest_day"]) == (9, 3, 1.5, 2)
    assert (last["hour"], last["busiest_day"]) == (11, 1)
    assert first["people_busiest"] >= first["people_usually"] >= 1
    assert first["answered_in_time"] >= 0.8


def test_a_friday_evening_is_not_counted_as_saturday() -> None:
    friday = datetime(2018, 6, 30, 1, 30, tzinfo=UTC)
    touch = Touch(
        contact_id=1,
        channel=ChannelKind.PUSH,
        template="due_soon",
        due_on=date(2018, 7, 2),
        loans=("L-1",),
        named=True,
        segments=1,
        at=friday,
    )
    later = replace(touch, at=friday + timedelta(days=3), channel=ChannelKind.SMS)
    assert by_day([later, touch, touch], ZoneInfo("America/Los_Angeles")) == [
        {"day": "2018-06-29", "push": 2},
        {"day": "2018-07-02", "sms": 1},
    ]


def test_who_dials_waits_for_nobody_and_is_counted_by_minutes() -> None:
    """Eleven talks of six minutes are 66 minutes: two people. Nobody rings, so nobody need wait for a call."""
    at = datetime(2018, 7, 2, 15, tzinfo=UTC)
    (row,) = staffing([Talk(at, 360, rang=False, spoke=True)] * 11, ZoneInfo("UTC"), days=1, call_s=360)
    assert (row["dialled"], row["people_dialling"], row["people_answering"], row["people_busiest"]) == (11, 2, 0, 2)
    assert row["answered_in_time"] is None


def test_people_call_by_risk_and_in_daylight() -> None:
    plain = Owed(
        borrower="B-1",
        loan="L-1",
        time_zone="America/Denver",
        due_on=date(2018, 7, 1),
        number=1,
        outstanding_minor=1,
        currency="USD",
        autopay=False,
        missed=0,
    )
    owed = [replace(plain, loan=f"L-{number}", number=number) for number in (1, 3, 9)]
    crowd = Crowd(Chance(1), owed, datetime(2018, 6, 25, tzinfo=UTC))
    found = sorted((act.loan, act.cause) for act in dials(crowd.standing.values(), Chance(1)))
    assert found == [("L-1", "T+3"), ("L-3", "T+15"), ("L-3", "T+7"), ("L-9", "T+15")]
    hours = {act.at.astimezone(ZoneInfo("America/Denver")).hour for act in dials(crowd.standing.values(), Chance(1))}
    assert hours <= set(range(*HOURS))


def test_the_desk_stands_where_most_borrowers_live() -> None:
    assert desk_zone(["America/Denver", "America/Chicago", "America/Denver", None]) == "America/Denver"
    assert desk_zone([None]) == "UTC"


def test_a_policy_is_read_from_words() -> None:
    assert parse_policy("cadence=gentle") == Policy(cadence="gentle")
    both = parse_policy("packs=uk+house,cadence=gentle")
    assert both == Policy(cadence="gentle", packs=("house", "uk"))
    assert parse_policy("calls=yes") == Policy(calls=True)
    assert parse_policy("calls=no,packs=uk").label == "cadence=default,packs=uk"
    assert Policy(calls=True).label == "cadence=default,calls=yes"
    assert both.label == "cadence=gentle,packs=house+uk"
    assert Policy(cadence="/home/somebody/gentle.toml").label == "cadence=gentle"


@pytest.mark.parametrize(
    "text",
    ["", "cadence", "cadence=", "colour=red", "cadence=a,cadence=b", "packs=", "packs=a+", "calls=maybe", "cadence=a,"],
)
def test_a_policy_in_other_words_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"cadence|colour|packs|calls"):
        parse_policy(text)


def test_an_unknown_cadence_is_refused_with_those_that_are_there(shipped: Settings) -> None:
    with pytest.raises(InputError, match="no 'gentle'; there is default"):
        find_cadence("gentle", shipped)


def test_an_unknown_pack_is_refused_with_those_that_are_there(shipped: Settings) -> None:
    with pytest.raises(InputError, match=r"no 'atlantis'; there is .*house"):
        check_policy(Policy(packs=("atlantis", "house")), shipped)


def test_a_policys_packs_replace_those_of_the_settings(shipped: Settings) -> None:
    assert under(Policy(packs=("house",)), shipped).policy.packs == ("house",)
    assert under(Policy(), shipped) == shipped


def test_a_cadence_may_lie_anywhere(shipped: Settings, tmp_path: Path) -> None:
    text = (REPOSITORY / "config" / "cadences" / "default.toml").read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    assert find_cadence(str(tmp_path / "mine.toml"), shipped).name == "mine"
    (tmp_path / "mine.toml").write_text(text.replace('template = "missed"', 'template = "harsh"'), encoding="utf-8")
    with pytest.raises(ConfigError, match="harsh"):
        find_cadence(str(tmp_path / "mine.toml"), shipped)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "examples" / "cadences").glob("*.toml")), ids=lambda p: p.stem)
def test_the_examples_can_be_tried(path: Path, shipped: Settings) -> None:
    assert find_cadence(str(path), shipped).rungs


def test_labels_in_pictures_cannot_break_out() -> None:
    drawn = bars("t", [("<script>", {"a&b": 3})], ["a&b"]) + columns("t", [("<b>", {"<i>": 1.5})], ["<i>"])
    assert "<script>" not in drawn
    assert "<b>" not in drawn
    assert "1.5 &lt;i&gt;" in drawn


def test_a_picture_of_nothing_is_drawn() -> None:
    assert "<svg" in bars("t", [], [])
    assert "<svg" in columns("t", [], [])


def test_figures_are_short_and_signed() -> None:
    assert (figure(1234.0), figure(0.5), figure(12345.67)) == ("1,234", "0.50", "12,346")
    assert (signed(3.0), signed(-3.0), signed(0.0)) == ("+3", "-3", "0")
