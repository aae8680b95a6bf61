"""`duecourse encounters`, `agreements` and `stops` as a user types them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from duecourse.cli.agreements import read_hours
from duecourse.domain.errors import InputError
from duecourse.policy.packs.vocabulary import Day
from tests.terminal import Command, Result

BORROWERS = "external_id,name,locale,country,region,sms,sms_consent\nB1,Ada Lovelace,en,US,NY,+12125550123,granted\n"

CALL = ("encounters", "record", "C-1", "--borrower", "B1", "--medium", "call", "--outcome", "conversation")
AGREED = ("agreements", "record", "REC-1", "--borrower", "B1", "--kind", "debtor_agreement")
STOP = ("stops", "record", "L-1", "--borrower", "B1", "--kind", "attorney")


@pytest.fixture
def duecourse(duecourse: Command, tmp_path: Path) -> Command:
    """On a book with one borrower."""
    (tmp_path / "borrowers.csv").write_text(BORROWERS, encoding="utf-8")
    assert duecourse("import", "borrowers.csv").returncode == 0
    return duecourse


def answer(result: Result) -> Any:
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_a_call_is_recorded_once_and_listed(duecourse: Command) -> None:
    details = ("--agent-kind", "agency", "--agency", "north", "--address", "+12125550123", "--heard", "promise_to_pay")
    assert answer(duecourse(*CALL, *details, "--json")) == {"reference": "C-1", "changed": True}
    assert "had been recorded before" in duecourse(*CALL, *details).stdout
    (listed,) = answer(duecourse("encounters", "list", "--borrower", "B1", "--json"))
    assert (listed["outcome"], listed["agency"], listed["state"]) == ("conversation", "north", "recorded")
    (heard,) = answer(duecourse("stops", "list", "--json"))
    assert (heard["kind"], heard["evidence"]) == ("promise_to_pay", "C-1")


def test_an_agreement_about_hours_is_recorded_with_the_hash_of_its_words(duecourse: Command, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("You may write to me from eight to eleven.", encoding="utf-8")
    details = ("--hours", "20:00-23:00", "--channel", "sms", "--channel", "call", "--text", "words.txt")
    number = answer(duecourse(*AGREED, *details, "--json"))["agreement_id"]
    (listed,) = answer(duecourse("agreements", "list", "--json"))
    assert listed["channels"] == ["call", "sms"]
    assert listed["text_hash"] == hashlib.sha256((tmp_path / "words.txt").read_bytes()).hexdigest()
    assert listed["hours"] == ["mon,tue,wed,thu,fri,sat,sun,holiday 20:00-23:00"]
    assert answer(duecourse("agreements", "revoke", str(number), "--json"))["changed"]
    assert "had been revoked before" in duecourse("agreements", "revoke", str(number)).stdout
    assert answer(duecourse("agreements", "list", "--json")) == []


def test_a_stop_is_recorded_and_lifted(duecourse: Command) -> None:
    number = answer(duecourse(*STOP, "--json"))["stop_id"]
    assert "attorney" in duecourse("stops", "list").stdout
    assert "lifted" in duecourse("stops", "lift", str(number)).stdout
    assert answer(duecourse("stops", "list", "--json")) == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ((*CALL[:4], "B9", *CALL[5:]), "borrower: no such borrower"),
        ((*CALL, "--at", "yesterday"), "--at: must be a time"),
        ((*CALL, "--address", "12"), "address: not a number"),
        ((*CALL, "--loan", "L9"), "loan: no such loan"),
        (("encounters", "release", "C-9"), "reference: no such encounter"),
        ((*AGREED, "--hours", "22:00-06:00"), "--hours: from must be before to"),
        ((*AGREED, "--text", "nothing.txt"), "--text: cannot be read"),
        (("agreements", "revoke", "404"), "agreement 404: no such agreement"),
        ((*STOP, "--ends-at", "2018-01-01T00:00:00Z"), "ends_at: must be after it happened"),
        (("stops", "lift", "404"), "stop 404: no such stop"),
    ],
)
def test_what_makes_no_sense_is_one_clear_message(duecourse: Command, command: tuple[str, ...], message: str) -> None:
    result = duecourse(*command)
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_hours_are_read_with_their_days() -> None:
    assert read_hours("20:00-23:30").days == frozenset(Day)
    assert (read_hours("20:00-23:30").start, read_hours("20:00-24:00").end) == (1200, 1440)
    assert read_hours("sat,sun 09:00-12:00").days == {Day.SAT, Day.SUN}


@pytest.mark.parametrize("text", ["8-10", "20:00", "23:00-22:00", "20:60-23:00", "tomorrow 20:00-23:00", "20:00-25:00"])
def test_what_are_no_hours_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        read_hours(text)
