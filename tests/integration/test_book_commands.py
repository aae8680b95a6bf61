"""The book's commands as a user types them: one clear message, an honest exit code, JSON for programs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.terminal import Command, Result

BORROWERS = "external_id,name,locale,country,region,sms,sms_consent\nB1,Ada Lovelace,en,US,NY,+12125550123,granted\n"
LOANS = "external_id,borrower_external_id,currency,principal,issued_on\nL1,B1,USD,100.00,2018-06-01\n"
INSTALMENTS = (
    "loan_external_id,number,due_on,principal,interest\nL1,1,2018-07-20,50.00,5.00\nL1,2,2018-08-20,50.00,5.00\n"
)


def test_an_import_as_a_process_loads_a_file(environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "borrowers.csv").write_text(BORROWERS, encoding="utf-8")
    command = [sys.executable, "-m", "duecourse.cli.main", "import", "borrowers.csv"]
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "borrowers" in result.stdout


@pytest.fixture
def book(duecourse: Command, tmp_path: Path) -> Path:
    for name, text in (("borrowers", BORROWERS), ("loans", LOANS), ("instalments", INSTALMENTS)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    result = duecourse("import", "borrowers.csv", "loans.csv", "instalments.csv", "--json")
    assert result.returncode == 0, result.stderr
    files = json.loads(result.stdout)["files"]
    assert [next(iter(f.items())) for f in files] == [
        ("file", "borrowers.csv"),
        ("file", "loans.csv"),
        ("file", "instalments.csv"),
    ]
    assert files[2]["instalments"] == 2
    return tmp_path


def answer(result: Result) -> Any:
    assert (result.returncode, result.stderr) == (0, "")
    return json.loads(result.stdout)


def test_refused_rows_go_to_a_file_and_the_rest_loads(duecourse: Command, book: Path) -> None:
    text = BORROWERS + "B2,Bob,en,US,NY,12,granted\nB3,,en,US,NY,,\nB4,Eve,en,US,NY,,\n"
    (book / "more.csv").write_text(text, encoding="utf-8")
    result = duecourse("import", "more.csv", "--json")
    assert result.returncode == 0
    assert "2 rows refused: see more.csv.rejects.csv" in result.stderr
    assert json.loads(result.stdout)["files"][0]["borrowers"] == 2
    refused = (book / "more.csv.rejects.csv").read_text(encoding="utf-8")
    assert refused == (
        "file,row,field,reason\n"
        "more.csv,3,sms,not a number in its country's numbering plan\n"
        "more.csv,4,name,must not be empty\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file.csv: is empty"),
        ("a,b\n1,2\n", "file.csv: header: no kind of record has these columns"),
        (LOANS.replace("currency", "curency"), "file.csv: header: unknown column `curency` for loans"),
        (LOANS.replace("USD,100.00", "USD,-1"), "1 rows refused"),
        (None, "file.csv: cannot be read: FileNotFoundError"),
    ],
)
def test_a_file_of_which_nothing_is_good_is_an_error(
    duecourse: Command, book: Path, text: str | None, message: str
) -> None:
    if text is not None:
        (book / "file.csv").write_text(text, encoding="utf-8")
    result = duecourse("import", "file.csv")
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_postgres_that_is_down_is_one_clear_message(
    environment: dict[str, str], duecourse: Command, tmp_path: Path
) -> None:
    (tmp_path / "borrowers.csv").write_text(BORROWERS, encoding="utf-8")
    environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    result = duecourse("import", "borrowers.csv")
    assert result.returncode == 1
    assert "Postgres" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_payment_is_added_once_and_reversed(duecourse: Command, book: Path) -> None:
    add = ("payments", "add", "--loan", "L1", "--amount", "55.00", "--currency", "USD", "--id", "P1", "--json")
    first = answer(duecourse(*add))
    assert (first["status"], first["instalments"], first["credit"]) == ("recorded", [1], 0)
    assert answer(duecourse(*add))["status"] == "repeated"
    assert answer(duecourse("payments", "reverse", "P1", "--json"))["status"] == "reversed"
    assert "repeated" in duecourse("payments", "reverse", "P1").stdout


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--loan": "L9"}, "loan_external_id: no such loan"),
        ({"--amount": "-5"}, "--amount: must be an amount"),
        ({"--amount": "0"}, "amount: must be above zero"),
        ({"--currency": "EUR"}, "currency: not the loan's currency"),
        ({"--currency": "dollars"}, "--currency: must be an ISO 4217 code"),
        ({"--paid-at": "2018-07-01"}, "--paid-at: needs its offset"),
    ],
)
def test_a_payment_that_makes_no_sense_is_one_clear_message(
    duecourse: Command, book: Path, change: dict[str, str], message: str
) -> None:
    options = {"--loan": "L1", "--amount": "5.00", "--currency": "USD", "--id": "P1"} | change
    result = duecourse("payments", "add", *[f"{name}={value}" for name, value in options.items()])
    assert result.returncode == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_hold_is_placed_listed_and_released(duecourse: Command, book: Path) -> None:
    placed = answer(duecourse("holds", "add", "--borrower", "B1", "--reason", "hardship", "--json"))
    (listed,) = answer(duecourse("holds", "list", "--json"))
    assert (listed["hold_id"], listed["borrower"], listed["reason"]) == (placed["hold_id"], "B1", "hardship")
    assert answer(duecourse("holds", "release", str(placed["hold_id"]), "--json"))["released"] is True
    assert answer(duecourse("holds", "list", "--json")) == []
    refused = duecourse("holds", "add", "--borrower", "B9", "--reason", "hardship")
    assert (refused.returncode, refused.stderr) == (1, "error: borrower: no such borrower\n")


def test_an_opt_out_is_added_listed_and_taken_back(duecourse: Command, book: Path) -> None:
    assert answer(duecourse("optouts", "add", "B1", "--channel", "sms", "--json"))["changed"] is True
    (listed,) = answer(duecourse("optouts", "list", "--json"))
    assert (listed["borrower"], listed["channel"]) == ("B1", "sms")
    assert answer(duecourse("optouts", "remove", "B1", "--channel", "sms", "--json"))["changed"] is True
    assert answer(duecourse("optouts", "remove", "B1", "--channel", "sms", "--json"))["changed"] is False


def test_keys_are_rotated_to_the_newest_master_key(environment: dict[str, str], duecourse: Command, book: Path) -> None:
    environment["DUECOURSE_MASTER_KEY"] += ",2:" + "A" * 43 + "="
    assert answer(duecourse("keys", "rotate", "--json")) == {"rewrapped": 1}
    assert answer(duecourse("keys", "rotate", "--json")) == {"rewrapped": 0}
