"""A cadence file is right or refused: the message names the file and the key."""

import itertools
from datetime import date, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.cadence.files import load_cadences, read_cadence, refuse_bursts
from duecourse.cadence.rung import Cadence
from duecourse.domain.errors import ConfigError
from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule

CONFIG = Path(__file__).parents[2] / "config"
GOOD: dict[str, Any] = {
    "name": "T0",
    "audiences": ["high"],
    "day": 0,
    "at": "09:00",
    "not_after": "12:00",
    "channels": ["sms"],
    "template": "due_today",
    "priority": 1,
}
KNOWN = frozenset({("due_today", ChannelKind.SMS)})


def rung(**changed: Any) -> dict[str, Any]:
    return {key: value for key, value in (GOOD | changed).items() if value is not None}


def read(*rungs: dict[str, Any], **changed: Any) -> Cadence:
    return read_cadence({"version": 1, "rung": list(rungs)} | changed, Path("ladder.toml"), KNOWN)


def load(folder: Path, *names: str, body: str) -> tuple[Cadence, ...]:
    (folder / "cadences").mkdir()
    for name in names:
        (folder / "cadences" / f"{name}.toml").write_text(body)
    return load_cadences(folder)


BODY = """
version = 3
[[rung]]
name = "T0"
audiences = ["low", "high"]
day = 0
at = "09:00"
not_after = "12:00"
channels = ["push", "sms"]
template = "due_today"
"""


def test_a_file_becomes_a_cadence_named_after_it(tmp_path: Path) -> None:
    [cadence] = load(tmp_path, "gentle", body=BODY)
    assert (cadence.name, cadence.version) == ("gentle", 3)
    [only] = cadence.rungs
    assert only.channels == (ChannelKind.PUSH, ChannelKind.SMS)
    assert only.audiences == {Audience.LOW, Audience.HIGH}
    assert (only.at, only.not_after, only.priority) == (time(9), time(12), 5)


def test_paid_and_hold_stop_every_rung_though_no_file_says_so() -> None:
    assert read(rung()).rungs[0].stop == {StopRule.PAID, StopRule.HOLD}
    assert read(rung(stop=["autopay"])).rungs[0].stop == {StopRule.PAID, StopRule.HOLD, StopRule.AUTOPAY}


@pytest.mark.parametrize(
    ("changed", "place"),
    [
        ({"channels": ["fax"]}, "rung[0].channels: unknown: 'fax'; must be one of sms, push, email"),
        ({"channels": []}, "rung[0].channels: must not be empty"),
        ({"channels": ["sms", "sms"]}, "rung[0].channels: names the same twice"),
        ({"channels": "sms"}, "rung[0].channels: must be a list"),
        ({"channels": ["sms", "push"]}, "rung[0].channels: template 'due_today' has no text for push"),
        ({"template": "threat"}, "rung[0].template: unknown: 'threat'"),
        ({"audiences": ["rich"]}, "rung[0].audiences: unknown: 'rich'"),
        ({"audiences": []}, "rung[0].audiences: must not be empty"),
        ({"day": 61}, "rung[0].day: must be from -60 to 60"),
        ({"day": -61}, "rung[0].day: must be from -60 to 60"),
        ({"day": 0.5}, "rung[0].day: must be a whole number"),
        ({"day": True}, "rung[0].day: must be a number"),
        ({"at": "24:00"}, "rung[0].at: must be a time from 00:00 to 23:59"),
        ({"at": "-1:00"}, "rung[0].at: must be a time"),
        ({"at": "12:00"}, "rung[0].not_after: 'T0' would end before it begins"),
        ({"not_after": "08:59"}, "rung[0].not_after: 'T0' would end before it begins"),
        ({"not_after": None}, "rung[0].not_after: is missing"),
        ({"due_weekdays": ["sunday"]}, "rung[0].due_weekdays: unknown: 'sunday'; must be one of mon, tue"),
        ({"last_day": -1}, "rung[0].last_day: must be from 0 to 6"),
        ({"last_day": 7}, "rung[0].last_day: must be from 0 to 6"),
        ({"day": 58, "last_day": 61}, "rung[0].last_day: must be from 58 to 60"),
        ({"priority": 10}, "rung[0].priority: must be from 0 to 9"),
        ({"priority": -1}, "rung[0].priority: must be from 0 to 9"),
        ({"stop": ["mercy"]}, "rung[0].stop: unknown: 'mercy'"),
        ({"name": "T 0"}, "rung[0].name: must be"),
        ({"name": None}, "rung[0].name: is missing"),
        ({"prioritty": 1}, "rung[0].prioritty: unknown key; did you mean 'priority'"),
    ],
)
def test_a_mistake_in_a_rung_names_file_and_key(changed: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(rung(**changed))
    assert str(caught.value).startswith(f"ladder.toml: {place}")


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"rung": [GOOD]}, "version: is missing"),
        ({"rung": [GOOD], "version": 0}, "version: must be from 1"),
        ({"rung": [GOOD], "version": "1"}, "version: must be a number"),
        ({"version": 1}, "rung: is missing"),
        ({"version": 1, "rung": []}, "rung: must not be empty"),
        ({"version": 1, "rung": ["T0"]}, "rung[0]: must be a table"),
        ({"version": 1, "rung": [GOOD], "rungs": 1}, "rungs: unknown key"),
        ({"version": 1, "rung": [GOOD, GOOD]}, "rung[1].name: 'T0' is there twice"),
    ],
)
def test_a_mistake_in_a_cadence_names_file_and_key(values: dict[str, Any], place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_cadence(values, Path("ladder.toml"), KNOWN)
    assert str(caught.value).startswith(f"ladder.toml: {place}")


def test_rungs_of_one_audience_may_not_overlap_over_all_files_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"b\.toml: rung\[0\]\.at: 'T0' overlaps 'T0' for high, low"):
        load(tmp_path, "a", "b", body=BODY)


def test_rungs_for_different_days_of_the_week_may_overlap() -> None:
    one, other = rung(due_weekdays=["sat", "sun"]), rung(name="other", due_weekdays=["mon"])
    refuse_bursts([(Path("x.toml"), read(one, other))])
    with pytest.raises(ConfigError, match="overlaps"):
        refuse_bursts([(Path("x.toml"), read(one, rung(name="any")))])
    with pytest.raises(ConfigError, match="overlaps"):
        refuse_bursts([(Path("x.toml"), read(one, rung(name="sunday", due_weekdays=["sun"])))])


def test_a_folder_without_cadences_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no cadence here"):
        load_cadences(tmp_path)


minutes = st.integers(0, 23 * 60).map(lambda n: f"{n // 60:02}:{n % 60:02}")
drawn: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({
    "audiences": st.lists(st.sampled_from(list(Audience)), min_size=1, unique=True),
    "day": st.integers(-1, 1),
    "last_day": st.integers(-1, 3),
    "at": minutes,
    "not_after": minutes,
})


def span(values: dict[str, Any]) -> range:
    """The minutes, counted from the due date's first."""
    first, last = (values[day] * 1440 + minute(values[at]) for day, at in (("day", "at"), ("last_day", "not_after")))
    return range(first, last) if values["day"] <= values["last_day"] else range(0)


@given(rungs=st.lists(drawn.filter(lambda values: bool(span(values))), min_size=1, max_size=4))
def test_a_ladder_that_loads_has_at_most_one_live_rung_per_audience_at_any_minute(
    tmp_path_factory: pytest.TempPathFactory, rungs: list[dict[str, Any]]
) -> None:
    folder = tmp_path_factory.mktemp("ladder")
    (folder / "cadences").mkdir()
    body = "version = 1\n"
    for number, values in enumerate(rungs):
        lines = (rung(name=f"r{number}") | values).items()
        body += "[[rung]]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in lines)
    (folder / "cadences" / "x.toml").write_text(body)
    live: list[tuple[Audience, int]] = []
    for values in rungs:
        live += itertools.product(values["audiences"], span(values))
    bursts = len(live) != len(set(live))
    if bursts:
        with pytest.raises(ConfigError, match="overlaps"):
            load_cadences(folder)
    else:
        assert len(load_cadences(folder)[0].rungs) == len(rungs)


def toml(value: Any) -> str:
    return "[" + ", ".join(f'"{word}"' for word in value) + "]" if isinstance(value, list) else repr(value)


def minute(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def test_the_shipped_ladder_is_for_every_audience_inside_decent_hours_and_several_times_on_the_due_day() -> None:
    [cadence] = load_cadences(CONFIG)
    assert cadence.name == "default"
    assert {rung.offset_days for rung in cadence.rungs} == {-7, -3, -2, -1, 0, 1, 3, 5, 7, 10}
    assert all(time(9) <= rung.at < time(20) and time(10) <= rung.not_after <= time(20) for rung in cadence.rungs)
    due_day = [rung for rung in cadence.rungs if rung.offset_days == 0]
    assert all(StopRule.AUTOPAY in rung.stop for rung in due_day)
    for audience in Audience:
        assert any(audience in rung.audiences for rung in due_day)
    assert sum(Audience.HIGH in rung.audiences for rung in due_day) == 3


def test_what_follows_the_due_date_waits_for_monday_and_what_comes_before_it_does_not() -> None:
    [cadence] = load_cadences(CONFIG)
    assert {rung.lasts_days for rung in cadence.rungs if rung.offset_days <= 0} == {0}
    # Which days of the week a rung's first day may be, so that its window meets the hours of a workday.
    workdays = range(5)
    for audience in Audience:
        helped = [rung for rung in cadence.rungs if audience in rung.audiences and rung.offset_days in {3, 7}]
        assert len(helped) == 2
        for rung in helped:
            days = range(rung.lasts_days + (rung.not_after > time(9)))
            assert all(any((first + day) % 7 in workdays for day in days) for first in range(7)), rung.name


def test_everybody_is_reminded_on_a_workday_before_or_on_the_due_date_whatever_day_that_is() -> None:
    [cadence] = load_cadences(CONFIG)
    monday = date(2026, 11, 23)
    for audience, due_on in itertools.product(Audience, (monday + timedelta(days=n) for n in range(7))):
        fired = [
            due_on + timedelta(days=rung.offset_days)
            for rung in cadence.rungs
            if audience in rung.audiences and -2 <= rung.offset_days <= 0 and rung.is_for(due_on)
        ]
        assert any(day.weekday() < 5 for day in fired), (audience, due_on)
