"""`duecourse config`: is the configuration right, and what is in force?"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import time
from pathlib import Path
from typing import Any, TypeVar

import typer

from channels.registry import build
from duecourse.cadence.files import load_cadences
from duecourse.cadence.rung import Cadence, Rung
from duecourse.cli.lanes import plain_lines
from duecourse.cli.output import FAILED, AsJson, print_fields, print_json, print_table
from duecourse.cli.pack_review import review_packs
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Capability
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.quiet_hours import Quiet
from duecourse.routing.checks import check_deadlines, check_needs
from duecourse.settings import Settings, find_config_dir, keys, load
from duecourse.settings.inbound import load_lexicon
from duecourse.settings.masked import masked
from duecourse.settings.tone import load_supervisors, load_tone
from duecourse.texts import JinjaTexts, Library, load_library
from duecourse.texts.review import Gap, Reading, needed, review

app = typer.Typer(no_args_is_help=True)

T = TypeVar("T")


@dataclass(kw_only=True)
class Report:
    """What the check found. Right when `problems` is empty."""

    config_dir: Path
    problems: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    providers: list[dict[str, Any]] = field(default_factory=list)
    cadences: list[dict[str, Any]] = field(default_factory=list)
    texts: list[Reading] = field(default_factory=list)
    routes: list[dict[str, Any]] = field(default_factory=list)
    packs: list[dict[str, Any]] = field(default_factory=list)

    def attempt(self, work: Callable[[], T]) -> T | None:
        """The work's result; None where it found a mistake, which is kept."""
        try:
            return work()
        except ConfigError as exc:
            self.blame(exc)
            return None

    def blame(self, error: ConfigError) -> None:
        """Keep a mistake."""
        self.problems.append(Gap(file=error.file, key=error.key, problem=error.problem))


@app.callback()
def config() -> None:
    """Configuration: check it, show what is in force."""


@app.command()
def check(*, as_json: AsJson = False) -> None:
    """Read everything: settings, keys, providers, cadences, packs, and each text in each language with sample data.

    Each mistake names its file and key. Exit code 1 if there is one. Nothing is connected to and nothing is sent.
    """
    report = examine()
    if as_json:
        print_json({"ok": not report.problems, **vars(report)})
    else:
        _print(report)
    if report.problems:
        raise typer.Exit(FAILED)


@app.command()
def show(*, as_json: AsJson = False) -> None:
    """Show the settings in force, from files and environment together. Secrets are masked."""
    settings = masked(load(_environ()))
    if as_json:
        print_json(settings)
    else:
        print_fields(_flat(settings))


def examine() -> Report:
    """Check the configuration that the environment points at.

    Raises:
        ConfigError: there is no configuration at all.
    """
    report = Report(config_dir=find_config_dir(os.environ))
    settings = report.attempt(lambda: load(_environ(), report.config_dir))
    if settings is None and report.problems[0].key in keys.VARIABLES:
        # A machine without keys, such as a build server, can still check the files.
        settings = report.attempt(lambda: load(keys.with_stand_ins(os.environ), report.config_dir))
    library = report.attempt(lambda: load_library(report.config_dir, load_tone(report.config_dir)))
    cadences = report.attempt(lambda: load_cadences(report.config_dir, library.keys if library else None)) or ()
    if settings:
        _examine_routes(report, settings, _examine_providers(report, settings), cadences)
        _examine_rungs(report, settings, cadences)
    report.attempt(lambda: load_lexicon(report.config_dir))
    report.attempt(lambda: load_supervisors(report.config_dir))
    _examine_packs(report, settings, cadences)
    if settings and library:
        _examine_texts(report, JinjaTexts.from_settings(settings), library, cadences)
    return report


def _examine_packs(report: Report, settings: Settings | None, cadences: Sequence[Cadence]) -> None:
    found = review_packs(report.config_dir, settings, cadences)
    report.packs += found.rows
    for error in found.errors:
        report.blame(error)


def _examine_providers(report: Report, settings: Settings) -> dict[str, Capability]:
    capabilities = {}
    for provider in settings.providers:
        if provider.enabled:
            channel = report.attempt(lambda account=provider: build(account))  # type: ignore[misc]
            if channel:
                capabilities[provider.name] = channel.capability
        report.providers.append({
            "provider": provider.name,
            "channel": provider.channel.value,
            "adapter": provider.adapter,
            "enabled": provider.enabled,
            "rate_per_s": provider.rate_per_s,
        })
    return capabilities


def _examine_routes(
    report: Report, settings: Settings, capabilities: Mapping[str, Capability], cadences: Sequence[Cadence]
) -> None:
    routes = [settings.route_of(kind) for kind in ChannelKind]
    for route in routes:
        report.attempt(lambda one=route: check_needs(one, capabilities))  # type: ignore[misc]
        names = [provider.name for provider in settings.providers_of(route.channel)]
        written = any(one.channel is route.channel for one in settings.routes)
        if len(names) > 1 and not route.shared:
            why = "none other is on its route" if written else f"there is no config/routes/{route.channel}.toml"
            report.notes.append(f"{route.providers[0]} carries all of {route.channel.value}: {why}")
    report.attempt(lambda: check_deadlines(routes, cadences))
    report.routes += [
        {"channel": line.channel, "provider": line.provider, "weight": line.weight, "part": line.part, "why": line.why}
        for line in plain_lines(settings)
    ]


def _environ() -> Mapping[str, str]:
    """With stand-ins for keys where no database is named: `duecourse up` makes keys for its own."""
    named = os.environ.get("DATABASE_URL") or keys.VARIABLES & os.environ.keys()
    return os.environ if named else keys.with_stand_ins(os.environ)


def _examine_rungs(report: Report, settings: Settings, cadences: Sequence[Cadence]) -> None:
    wanted = {channel for cadence in cadences for rung in cadence.rungs for channel in rung.channels}
    report.notes += [
        f"no provider is enabled for {channel.value}: its contacts would wait until they expire"
        for channel in sorted(wanted)
        if not settings.providers_of(channel)
    ]
    for cadence in cadences:
        report.cadences.append({"cadence": cadence.name, "version": cadence.version, "rungs": len(cadence.rungs)})
        for rung in cadence.rungs:
            if _never_allowed(rung, settings.quiet):
                file = str(report.config_dir / "cadences" / f"{cadence.name}.toml")
                report.problems.append(Gap(file=file, key=rung.name, problem="lies wholly in the quiet hours"))


def _never_allowed(rung: Rung, quiet: Quiet) -> bool:
    minutes = (time(*divmod(minute, 60)) for minute in range(24 * 60))
    return all(quiet.covers_time(at) for at in minutes if rung.is_open_at(at))


def _examine_texts(report: Report, texts: JinjaTexts, library: Library, cadences: Sequence[Cadence]) -> None:
    for found in review(texts, library, needed(cadences)):
        if isinstance(found, Gap):
            report.problems.append(found)
        else:
            report.texts.append(found)


def _print(report: Report) -> None:
    print_table(
        ("provider", "channel", "adapter", "enabled", "rate/s"), (tuple(row.values()) for row in report.providers)
    )
    print_table(("channel", "provider", "weight", "part", "why"), (tuple(row.values()) for row in report.routes))
    print_table(("cadence", "version", "rungs"), (tuple(row.values()) for row in report.cadences))
    print_table(("pack", "version", "rules", "counts"), (tuple(row.values()) for row in report.packs))
    columns = ("template", "channel", "locale", "characters", "segments", "encoding", "most_segments")
    print_table(columns, ([getattr(text, name) for name in columns] for text in report.texts))
    for note in report.notes:
        typer.echo(f"note: {note}")
    for gap in report.problems:
        typer.echo(f"error: {gap.file}: {gap.key}: {gap.problem}", err=True)
    if not report.problems:
        typer.echo(f"{report.config_dir} is right")


def _flat(values: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    if isinstance(values, dict) and values:
        for name, below in values.items():
            yield from _flat(below, f"{path}.{name}" if path else str(name))
    elif isinstance(values, list) and values and isinstance(values[0], dict):
        for below in values:
            yield from _flat(below, f"{path}.{below.get('name', '')}")
    else:
        yield path, values
