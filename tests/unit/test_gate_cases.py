"""Cases in files: the thirty of the law come out as they must, and a mistake in a file is named by file and key."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from duecourse.domain.errors import ConfigError
from duecourse.domain.vocabulary import Decision
from duecourse.policy.cases import answer
from duecourse.settings.gate_cases import Knowledge, read_case, read_cases
from duecourse.settings.inbound import load_lexicon
from duecourse.settings.packs import load_packs

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "examples" / "gate").glob("*.toml"))
CONFIG = ROOT / "config"
KNOWLEDGE = Knowledge(packs={pack.id: pack for pack in load_packs(CONFIG)}, lexicon=load_lexicon(CONFIG))

PLAIN = """
title = "plain"
packs = ["cn-mainland"]
history = [{at = 2026-12-01 09:00:00, channel = "call", outcome = "unanswered"}]
[borrower]
residence = "CN"
zones.address = "Asia/Shanghai"
[contact]
channel = "sms"
at = 2026-12-01 12:00:00
[expect]
decision = "allow"
"""

BACKWARDS = """
title = "plain"
evidence = [
    {id = "a", kind = "debtor_agreement", given = 2026-01-01 00:00:00, hours = [{from = "22:00", to = "20:00"}]},
]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "case.toml"
    path.write_text(text, "utf-8")
    return path


def test_each_of_the_thirty_cases_of_the_law_has_its_file() -> None:
    assert [int(path.name[:2]) for path in CASES] == list(range(1, 31))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_gate_answers_a_case_of_the_law_as_it_must(path: Path) -> None:
    for question in read_case(path, KNOWLEDGE).questions:
        assert question.expect is not None, question.title
        assert answer(question).differences == (), question.title


def test_a_case_that_expects_something_else_is_told_in_which_way(tmp_path: Path) -> None:
    wrong = PLAIN.replace('"allow"', '"defer"\nuntil = 2026-12-02 08:00:00\nrules = ["quiet-hours"]')
    [question] = read_case(written(tmp_path, wrong), KNOWLEDGE).questions
    decision, until, rule = answer(question).differences
    assert decision == "expected defer, not allow"
    assert until == "expected until 2026-12-02T08:00:00+08:00, not no time"
    assert rule.startswith("expected rule quiet-hours, not ")


def test_a_variant_changes_single_facts_and_expects_for_itself(tmp_path: Path) -> None:
    more = '\n[[variants]]\ntitle = "by night"\ncontact.at = 2026-12-01 23:00:00\nhistory = []\nborrower.dpd = 3\n'
    plain, night = read_case(written(tmp_path, PLAIN + more), KNOWLEDGE).questions
    assert (night.title, night.expect, night.facts.dpd) == ("by night", None, 3)
    assert (len(plain.facts.history), night.facts.history) == (1, ())
    assert night.facts.residence == plain.facts.residence
    assert [answer(one).verdict.decision for one in (plain, night)] == [Decision.ALLOW, Decision.DEFER]


def test_what_is_written_as_one_line_may_have_happened_many_times(tmp_path: Path) -> None:
    many = PLAIN.replace('"unanswered"', '"unanswered", times = 3, every_minutes = 90, debts = ["car"]')
    [question] = read_case(written(tmp_path, many), KNOWLEDGE).questions
    assert [touch.when.isoformat() for touch in question.facts.history] == [
        "2026-12-01T09:00:00+08:00", "2026-12-01T10:30:00+08:00", "2026-12-01T12:00:00+08:00",
    ]  # fmt: skip
    assert {touch.debts for touch in question.facts.history} == {(1,)}


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('"sms"', '"smoke"', "contact.channel: unknown: 'smoke'"),
        ('"unanswered"', '"silence"', "history[0].outcome: unknown: 'silence'"),
        ("2026-12-01 12:00:00", '"noon"', "contact.at: must be a date and time without quotes"),
        ('"cn-mainland"', '"atlantis"', "packs: unknown: 'atlantis'"),
        ('residence = "CN"', 'residence = "China"', "borrower.residence: 'China' is no country"),
        ('residence = "CN"', 'home = "CN"', "borrower.home: unknown key"),
        ("Asia/Shanghai", "Asia/Atlantis", "borrower.zones.address: 'Asia/Atlantis' is no time zone"),
        ("zones.address", "zones.dream", "borrower.zones.dream: unknown key"),
        ('zones.address = "Asia/Shanghai"', "", "clock: is missing"),
        ('decision = "allow"', 'decision = "allow"\nrules = ["cn.windw"]', "expect.rules: no rule of these packs"),
        ('decision = "allow"', 'decision = "allow"\nreported = ["paid"]', "expect.reported: no rule of these packs"),
        ('title = "plain"', 'opt_in = ["x"]\ntitle = "plain"', "opt_in: no rule of these packs: 'x'"),
        ('title = "plain"', "", "title: is missing"),
        ('title = "plain"', 'titel = "plain"', "title: is missing; is 'titel' meant to be it?"),
        ('title = "plain"', 'title = "plain"\nvariants = [3]', "variants: must be written as [[variants]]"),
        ('title = "plain"', 'title = "plain"\nvariants = [{contact.at = 3}]', "variants[0].contact.at: must be a date"),
        (
            'title = "plain"',
            BACKWARDS,
            "evidence[0].hours[0].to: must be after from",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_and_key(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert old in PLAIN
    path = written(tmp_path, PLAIN.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        read_case(path, KNOWLEDGE)
    assert str(caught.value).startswith(f"{path}: {complaint}")


def test_a_folder_without_cases_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no case here"):
        read_cases(tmp_path, KNOWLEDGE)


def try_(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command as somebody runs it who has no database, no Redis and no keys."""
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    return subprocess.run(
        [sys.executable, "-m", "duecourse.cli.main", "gate", "try", str(path), *options],
        cwd=ROOT,
        env=bare,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_tries_a_case_without_any_store_and_tells_it_in_words() -> None:
    done = try_(CASES[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert "not sent: 22:00 in Asia/Shanghai is outside 08:00-22:00, GB/T 45251-2025" in done.stdout
    assert "next allowed 08:00" in done.stdout
    assert "1 cases, 1 questions, 0 answers not as expected" in done.stdout


def test_the_command_ends_with_1_where_an_answer_is_not_what_was_expected(tmp_path: Path) -> None:
    written(tmp_path, PLAIN.replace('"allow"', '"cancel"'))
    done = try_(tmp_path, "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    [found] = told["answers"]
    assert (told["ok"], found["case"], found["differences"]) == (False, "case", ["expected cancel, not allow"])
    assert found["verdict"]["decision"] == "allow"
    assert found["words"].startswith("allowed")


def test_the_command_names_a_mistake_in_one_line(tmp_path: Path) -> None:
    done = try_(written(tmp_path, PLAIN.replace('"sms"', '"smoke"')))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {tmp_path / 'case.toml'}: contact.channel: unknown: 'smoke'")
