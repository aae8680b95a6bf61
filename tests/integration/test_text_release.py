"""What the guard only doubts leaves when a supervisor says so; the ledger knows who and what, not the words."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from duecourse.domain.clock import FixedClock
from duecourse.domain.errors import ConfigError, InputError
from duecourse.ledger.database import PostgresLedger
from duecourse.policy.tone import LegalStatus, ToneContext
from duecourse.settings.tone import load_supervisors, load_tone
from duecourse.usecases.review_text import ReleaseText, TextVerdict, review_text

REPOSITORY = Path(__file__).resolve().parents[2]
NOW = datetime(2018, 7, 2, 15, tzinfo=UTC)
GUARD = load_tone(REPOSITORY / "config")
DOUBTED = "我们已向法院提起诉讼，请您联系我们还款。"
TO_DEBTOR = ToneContext()
#: Who is listed, and from which account.
SUPERVISOR = ("S-17", "cli:uid-7")


@pytest.fixture
async def release(ledger: PostgresLedger) -> ReleaseText:
    async with ledger.transaction() as tx:
        await tx.conn.execute("SELECT ensure_months(%s, %s)", (NOW.date(), date(2018, 9, 1)))
        await tx.conn.execute(
            "INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, created_at, updated_at)"
            " VALUES ('B1', 1, 'x', 'zh-CN', 'CN', %s, %s)",
            (NOW, NOW),
        )
    return ReleaseText(
        ledger=ledger,
        clock=FixedClock(NOW),
        guard=GUARD,
        fingerprint=lambda text: f"digest-of-{len(text)}",
        supervisors={"S-17": frozenset({"cli:uid-7"})},
    )


async def events(ledger: PostgresLedger) -> list[tuple[Any, ...]]:
    async with ledger.transaction() as tx:
        cursor = await tx.conn.execute("SELECT kind, actor, data FROM events ORDER BY event_id")
        return await cursor.fetchall()


def test_a_text_passes_is_releasable_or_is_blocked() -> None:
    texts = {"谢谢您，已收到还款。": "passed", DOUBTED: "releasable", "打断你的腿，不还就起诉你。": "blocked"}
    assert {text: review_text(text, TO_DEBTOR, guard=GUARD).verdict.value for text in texts} == texts


async def test_a_supervisor_releases_and_the_event_holds_no_word(release: ReleaseText, ledger: PostgresLedger) -> None:
    review = await release.release(DOUBTED, TO_DEBTOR, borrower="B1", supervisor="S-17", actor="cli:uid-7")
    assert review.verdict is TextVerdict.RELEASABLE
    ((kind, actor, data),) = await events(ledger)
    assert (kind, actor) == ("text.released", "cli:uid-7")
    assert data == {
        "supervisor": "S-17",
        "text": f"digest-of-{len(DOUBTED)}",
        "rules": ["zh.legal.sued"],
        "categories": ["false_legal_claim"],
    }


@pytest.mark.parametrize(
    ("text", "context", "borrower", "by", "problem"),
    [
        (DOUBTED, TO_DEBTOR, "B1", ("S-18", "cli:uid-7"), "supervisor: 'S-18' is none: config/tone/release.toml lists"),
        (DOUBTED, TO_DEBTOR, "B1", ("S-17", "cli:uid-8"), "supervisor: 'S-17' does not release from cli:uid-8"),
        (DOUBTED, ToneContext(legal_status=LegalStatus.NONE), "B1", SUPERVISOR, "blocked by zh.legal.sued"),
        ("打断你的腿", TO_DEBTOR, "B1", SUPERVISOR, "blocked by zh.violence.harm: nobody can release"),
        ("谢谢您，已收到还款。", TO_DEBTOR, "B1", SUPERVISOR, "nothing to release"),
        (DOUBTED, TO_DEBTOR, "B9", SUPERVISOR, "no such borrower"),
    ],
)
async def test_nothing_else_is_released(
    release: ReleaseText,
    ledger: PostgresLedger,
    text: str,
    context: ToneContext,
    borrower: str,
    by: tuple[str, str],
    problem: str,
) -> None:
    with pytest.raises(InputError, match=problem):
        await release.release(text, context, borrower=borrower, supervisor=by[0], actor=by[1])
    assert await events(ledger) == []


def command(*words: str, given: str | None = None, environ: dict[str, str] | None = None) -> Any:
    run = [sys.executable, "-m", "duecourse.cli.main", "tone", *words]
    environment = {"PATH": os.environ["PATH"]} | (environ or {})
    return subprocess.run(
        run, env=environment, cwd=REPOSITORY, capture_output=True, text=True, input=given, check=False
    )


def test_the_command_reads_a_text_and_says_what_is_wrong_with_it() -> None:
    done = command("lint", "-", "--context", "recipient=coworker", "--json", given="您的同事欠款未还")
    said = json.loads(done.stdout)
    assert (done.returncode, said["verdict"]) == (1, "blocked")
    assert said["findings"][0]["category"] == "public_shaming_third_party_disclosure"
    assert said["findings"][0]["words"] in "您的同事欠款未还"
    assert command("lint", "Thank you, your payment arrived.").returncode == 0
    wrong = command("lint", "x", "--context", "recipient")
    assert (wrong.returncode, wrong.stderr) == (1, "error: --context: must be NAME=VALUE, not 'recipient'\n")


def test_the_command_measures_the_guard() -> None:
    done = command("eval", "tests/tone_texts/held_out.jsonl", "--json")
    said = json.loads(done.stdout)
    assert done.returncode == 0
    assert [score["language"] for score in said["languages"]] == ["en", "zh", "all"]
    assert len(said["categories"]) == 24
    assert "precision" in command("eval", "tests/tone_texts/held_out.jsonl").stdout


async def test_the_command_releases_through_the_ledger_for_a_listed_supervisor(
    release: ReleaseText, ledger: PostgresLedger, environment: dict[str, str], tmp_path: Path
) -> None:
    shutil.copytree(REPOSITORY / "config", tmp_path / "config")
    listed = f'[supervisors]\n"S-17" = ["cli:uid-{os.getuid()}"]\n"S-18" = ["cli:uid-{os.getuid() + 1}"]\n'
    (tmp_path / "config" / "tone" / "release.toml").write_text(listed)
    environ = environment | {"DUECOURSE_CONFIG_DIR": str(tmp_path / "config")}
    words = ("release", DOUBTED, "--borrower", "B1", "--json", "--supervisor")
    refused = command(*words, "S-18", environ=environ)
    assert (refused.returncode, await events(ledger)) == (1, [])
    assert f"does not release from cli:uid-{os.getuid()}" in refused.stderr
    done = command(*words, "S-17", environ=environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"borrower": "B1", "supervisor": "S-17", "released": ["zh.legal.sued"]}
    ((kind, actor, data),) = await events(ledger)
    assert (kind, actor, data["supervisor"]) == ("text.released", f"cli:uid-{os.getuid()}", "S-17")
    assert len(data["text"]) >= 32
    assert DOUBTED not in json.dumps(data, ensure_ascii=False)


@pytest.mark.parametrize(
    ("listed", "problem"),
    [
        ('"Ann Smith" = ["cli:uid-1"]', "supervisors.Ann Smith: must be a staff number"),
        ('"S-17" = ["ann"]', "supervisors.S-17: 'ann' is no account"),
        ('"S-17" = []', "supervisors.S-17: must name an account"),
        ('"S-17" = "cli:uid-1"', "supervisors.S-17: must be a list"),
    ],
)
def test_a_mistake_in_the_list_of_supervisors_names_file_and_key(tmp_path: Path, listed: str, problem: str) -> None:
    (tmp_path / "tone").mkdir()
    (tmp_path / "tone" / "release.toml").write_text(f"[supervisors]\n{listed}\n")
    with pytest.raises(ConfigError, match=f"tone/release.toml: {problem}"):
        load_supervisors(tmp_path)


def test_until_somebody_is_listed_nobody_releases() -> None:
    assert load_supervisors(REPOSITORY / "config") == {}
