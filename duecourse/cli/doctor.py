"""`duecourse doctor`: is everything that it takes there and well?"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import typer

from duecourse import settings as configuration
from duecourse.cli.config import examine
from duecourse.cli.findings import Finding, Health, of_broker, of_postgres, of_redis, of_settings
from duecourse.cli.open_work import of_people
from duecourse.cli.output import FAILED, AsJson, print_json, print_table, run
from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.embedded import joined
from duecourse.settings import Settings

app = typer.Typer()


@app.command()
def doctor(*, as_json: AsJson = False) -> None:
    """Check stores, configuration, providers and clock, and say what to do.

    Reads only, sends nothing. Exit code 1 if a check fails; a warning does not count. Without DATABASE_URL it looks at
    the embedded stores that `duecourse up` made.
    """
    findings = diagnose()
    well = all(finding.health is not Health.FAIL for finding in findings)
    if as_json:
        print_json({"ok": well, "checks": findings})
    else:
        print_table(("", "check", "found", "what to do"), (_row(finding) for finding in findings))
    if not well:
        raise typer.Exit(FAILED)


def diagnose() -> list[Finding]:
    """Every check that can be made; one that fails hides none of the others."""
    try:
        with _environment() as environ:
            findings = list(_of_configuration())
            try:
                settings = configuration.load(environ)
            except ConfigError as exc:
                return [*findings, _failed("settings", exc)]
            return [*findings, *of_settings(settings), *run(_of_stores(settings))]
    except StoreUnavailable as exc:
        return [_failed("stores", exc)]


@contextmanager
def _environment() -> Iterator[dict[str, str]]:
    with joined(os.environ) as environ:
        os.environ.update(environ)
        yield environ


async def _of_stores(settings: Settings) -> list[Finding]:
    people = await of_people(settings)
    return [*await of_postgres(settings), *people, *await of_redis(settings), of_broker(settings)]


def _of_configuration() -> Iterable[Finding]:
    """Files, keys, providers, cadences and texts, as `duecourse config check` sees them."""
    try:
        problems = examine().problems
    except ConfigError as exc:
        return [_failed("configuration", exc)]
    if not problems:
        return [Finding(check="configuration", health=Health.OK, found="right")]
    return [
        Finding(check="configuration", health=Health.FAIL, found=f"{gap.file}: {gap.key}", do=gap.problem)
        for gap in problems
    ]


def _failed(check: str, error: Exception) -> Finding:
    return Finding(check=check, health=Health.FAIL, found=str(error), do="then run `duecourse doctor` again")


def _row(finding: Finding) -> tuple[str, str, str, str]:
    return finding.health.value.upper(), finding.check, finding.found, finding.do
