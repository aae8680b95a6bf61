"""`duecourse config` says of each mistake where it is, and shows no secret."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
KEYS = {
    "DUECOURSE_MASTER_KEY": "1:" + "A" * 43 + "=",
    "DUECOURSE_INDEX_KEY": "B" * 42 + "A=",
}
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped configuration, to break."""
    return shutil.copytree(REPOSITORY / "config", tmp_path / "config")


@pytest.fixture
def config(folder: Path) -> Run:
    def call(*words: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        given = {"PATH": os.environ["PATH"], "DUECOURSE_CONFIG_DIR": str(folder)} | KEYS | environ
        command = [sys.executable, "-m", "duecourse.cli.main", "config", *words]
        return subprocess.run(command, env=given, cwd=REPOSITORY, capture_output=True, text=True, check=False)

    return call


def report(done: "subprocess.CompletedProcess[str]") -> Any:
    return json.loads(done.stdout)


def test_the_shipped_configuration_is_right_and_every_text_is_counted(config: Run) -> None:
    done = config("check", "--json", DUECOURSE_SANDBOX="true")
    said = report(done)
    assert (done.returncode, said["ok"], said["problems"], said["notes"]) == (0, True, [], [])
    assert {row["channel"] for row in said["providers"] if row["enabled"]} == {"sms", "push", "email"}
    assert [row["cadence"] for row in said["cadences"]] == ["default"]
    english, chinese = ([t for t in said["texts"] if t["locale"] == locale] for locale in ("en", "zh-CN"))
    assert [(t["template"], t["channel"]) for t in english] == [(t["template"], t["channel"]) for t in chinese]
    sms = [text for text in said["texts"] if text["channel"] == "sms"]
    assert {text["encoding"] for text in sms} == {"GSM-7", "UCS-2"}
    assert all(1 <= text["segments"] <= text["most_segments"] <= 4 for text in sms)


def test_it_reads_well_and_says_what_is_switched_off(config: Run) -> None:
    done = config("check")
    assert done.returncode == 0
    assert "due_today" in done.stdout
    assert "note: no provider is enabled for sms" in done.stdout
    assert done.stdout.strip().endswith("is right")


def broken(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("file", "old", "new", "place"),
    [
        ("duecourse.toml", "lender =", "lendr =", "duecourse.toml: lender: is missing; is 'lendr' meant"),
        ("cadences/default.toml", '"push", "email"', '"pigeon"', "default.toml: rung[0].channels: unknown: 'pigeon'"),
        ("cadences/default.toml", '"payday"', '"pay_day"', "default.toml: rung[0].template: unknown: 'pay_day'"),
        ("cadences/default.toml", '"18:00"', '"24:00"', "default.toml: rung[0].at: must be a time"),
        ("duecourse.toml", 'start = "20:00"', 'start = "17:00"', "default.toml: T0-evening: lies wholly in the quiet"),
        (
            "packs/house.toml",
            'to = "19:00"',
            'to = "17:00"',
            "default.toml: T0-evening: lies wholly outside the house's",
        ),
        ("packs/th.toml", "max = 1", "most = 1", "th.toml: rules[th.once_a_day].params.most: unknown key"),
        (
            "duecourse.toml",
            '"cn-mainland"',
            '"cn-mainlan"',
            "duecourse.toml: policy.packs: no such pack: 'cn-mainlan'; did you mean",
        ),
        ("duecourse.toml", 'end = "09:00"', 'end = "10:00"', "quiet_hours: the house's packs open 09:00 for sms"),
        ("duecourse.toml", "max_sms_segments = 6", "max_sms_segments = 3", "due_soon.toml: sms: takes 4 segments"),
        ("templates/en/due_today.toml", '"total", ', "", "due_today.toml: sms.text: uses undeclared variables: total"),
        ("templates/en/due_today.toml", "{{ total }}", "{{ total.x }}", "due_today.toml: sms: "),
        ("templates/zh-CN/due_today.toml", "[sms]", "[voice]", "zh-CN/due_today.toml: sms: is missing: readers of zh"),
        ("providers/sandbox-sms.toml", "rate_per_s", "rate", "sandbox-sms.toml: rate_per_s: is missing"),
        ("providers/sandbox-sms.toml", '"sandbox"', '"smoke"', "sandbox-sms.toml: adapter: unknown: 'smoke'"),
    ],
)
def test_each_mistake_names_file_and_key_and_fails(
    config: Run, folder: Path, file: str, old: str, new: str, place: str
) -> None:
    broken(folder, file, old, new)
    done = config("check", "--json", DUECOURSE_SANDBOX="true")
    found = [f"{p['file']}: {p['key']}: {p['problem']}" for p in report(done)["problems"]]
    assert done.returncode == 1
    assert any(place in problem for problem in found), found


def test_a_machine_without_keys_is_told_so_and_the_rest_is_checked_all_the_same(config: Run) -> None:
    done = config("check", "--json", DUECOURSE_MASTER_KEY="")
    said = report(done)
    assert done.returncode == 1
    assert [p["key"] for p in said["problems"]] == ["DUECOURSE_MASTER_KEY"]
    assert said["texts"]


def test_without_any_configuration_there_is_one_clear_line(config: Run, tmp_path: Path) -> None:
    done = config("check", DUECOURSE_CONFIG_DIR=str(tmp_path / "nowhere"))
    assert done.returncode != 0
    assert "DUECOURSE_CONFIG_DIR: no duecourse.toml in" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_is_in_force_is_shown_without_a_secret(config: Run, folder: Path) -> None:
    (folder / "providers" / "acme.toml").write_text(
        'adapter = "sandbox"\nchannel = "sms"\nrate_per_s = 1\n[options]\nbase_url = "https://u:canary1@h/x"\n'
        'plain = "seen"\napi_key = "canary2"\nwho = "${ACME_TOKEN}"\n[options.nested]\npassword = "canary3"\n'
    )
    secrets = {
        "ACME_TOKEN": "canary4",
        "DATABASE_URL": "postgresql://app:canary5@db/duecourse",
        "DATABASE_OWNER_URL": "host=db password=canary6",
        "REDIS_URL": "redis://:canary7@cache/0",
    }
    for words in (("show",), ("show", "--json")):
        done = config(*words, **secrets)
        assert done.returncode == 0, done.stderr
        assert "canary" not in done.stdout + done.stderr
        assert KEYS["DUECOURSE_INDEX_KEY"][:10] not in done.stdout
        assert "seen" in done.stdout
        assert "postgresql://app:***@db/duecourse" in done.stdout
        assert "https://u:***@h/x" in done.stdout


def test_a_route_is_shown_with_its_parts_and_why(config: Run, folder: Path) -> None:
    two_accounts(folder)
    said = report(config("check", "--json", DUECOURSE_SANDBOX="true"))
    sms = [row for row in said["routes"] if row["channel"] == "sms"]
    assert sms == [
        {"channel": "sms", "provider": "sandbox-sms", "weight": 3.0, "part": 0.75, "why": "healthy"},
        {"channel": "sms", "provider": "spare", "weight": 1.0, "part": 0.25, "why": "healthy"},
        {"channel": "sms", "provider": "twilio", "weight": 5.0, "part": 0.0, "why": "switched off"},
    ]


def test_a_second_account_without_a_route_is_told_of(config: Run, folder: Path) -> None:
    two_accounts(folder)
    (folder / "routes" / "sms.toml").unlink()
    said = report(config("check", "--json", DUECOURSE_SANDBOX="true"))
    assert said["notes"] == ["sandbox-sms carries all of sms: there is no config/routes/sms.toml"]
    assert [row["why"] for row in said["routes"] if row["provider"] == "spare"] == [
        "not on the route: only asked about what it was given before"
    ]


def test_a_provider_that_lacks_what_its_route_needs_is_a_mistake(config: Run, folder: Path) -> None:
    two_accounts(folder)
    spare = folder / "providers" / "spare.toml"
    spare.write_text(spare.read_text().replace('resolution = "key"', 'resolution = "none"'))
    route = folder / "routes" / "sms.toml"
    route.write_text('needs = ["receipts", "resolvable"]\n' + route.read_text())
    done = config("check", "--json", DUECOURSE_SANDBOX="true")
    assert done.returncode == 1
    assert [(gap["key"], gap["problem"]) for gap in report(done)["problems"]] == [
        ("providers.spare", "is not resolvable")
    ]


def test_a_rung_that_is_shorter_than_its_channels_deadline_is_a_mistake(config: Run, folder: Path) -> None:
    two_accounts(folder)
    route = folder / "routes" / "sms.toml"
    route.write_text(route.read_text() + "[deadlines]\nprovider_s = 300\nchannel_s = 40000\n")
    done = config("check", DUECOURSE_SANDBOX="true")
    assert done.returncode == 1
    assert "a route's channel_s (40000) must be less" in done.stderr


def two_accounts(folder: Path) -> None:
    shutil.copy(folder / "providers" / "sandbox-sms.toml", folder / "providers" / "spare.toml")
    lanes = {"sandbox-sms": 3, "spare": 1, "twilio": 5}
    text = "".join(f"[providers.{name}]\nweight = {weight}\n" for name, weight in lanes.items())
    (folder / "routes" / "sms.toml").write_text(text)
