"""The layers hold, and the contracts that say so can fail."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGES = ("duecourse", "channels", "workers")
PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def lint(folder: Path) -> "subprocess.CompletedProcess[str]":
    linter = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [linter, "--no-cache", "--no-logo"],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    return tmp_path


def test_imports_run_downwards_and_libraries_stay_where_they_belong() -> None:
    result = lint(REPOSITORY)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(
    ("module", "planted", "contract"),
    [
        ("duecourse/domain/money.py", "import duecourse.ports", "Imports run downwards"),
        ("channels/webhook.py", "import duecourse.ledger.database", "Imports run downwards"),
        ("duecourse/usecases/plan_contacts.py", "import httpx", "Only channels call out"),
        ("duecourse/web/__init__.py", "import psycopg", "Only the ledger speaks to Postgres"),
        ("duecourse/cli/main.py", "import dramatiq", "Only workers know the broker"),
        ("channels/sms/twilio.py", "import channels.push.fcm", "Providers do not know each other"),
    ],
)
def test_a_planted_import_is_found(copy: Path, module: str, planted: str, contract: str) -> None:
    with (copy / module).open("a") as file:
        file.write(f"\n{planted}\n")
    result = lint(copy)
    broken = [line for line in result.stdout.splitlines() if contract in line and "BROKEN" in line]
    assert result.returncode == 1
    assert broken, result.stdout + result.stderr


def test_every_bundled_provider_is_held_apart_from_the_others() -> None:
    entries = PROJECT["project"]["entry-points"]["duecourse.channels"].values()
    contracts = {contract["id"]: contract for contract in PROJECT["tool"]["importlinter"]["contracts"]}
    assert {entry.split(":")[0] for entry in entries} == set(contracts["providers"]["modules"])
