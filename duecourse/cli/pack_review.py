"""What `duecourse config check` says of the packs: which count, and whether the house's hours let every rung out."""

from collections.abc import Iterator, Sequence
from datetime import time
from pathlib import Path
from typing import Any, NamedTuple

from duecourse.cadence.rung import Cadence, Rung
from duecourse.domain.errors import ConfigError
from duecourse.policy.packs.binding import MEDIUM_OF
from duecourse.policy.packs.headings import PackKind
from duecourse.policy.packs.model import Pack, Rule
from duecourse.policy.packs.params import ContactWindow
from duecourse.policy.packs.periods import Hours
from duecourse.policy.packs.vocabulary import Medium
from duecourse.settings import Policy, Settings
from duecourse.settings.packs import check_policy, check_quiet, read_packs


class PackReview(NamedTuple):
    rows: list[dict[str, Any]]
    errors: list[ConfigError]


def review_packs(config_dir: Path, settings: Settings | None, cadences: Sequence[Cadence]) -> PackReview:
    """Every pack of the folder with all that is wrong, and rungs that the house's own hours never let out.

    Args:
        config_dir: the folder that holds `packs/`.
        settings: None where they are wrong themselves.
        cadences: whose rungs to look at.
    """
    found = read_packs(config_dir)
    policy = settings.policy if settings else Policy()
    loose = check_quiet(found.packs, settings.quiet) if settings else ()
    rows = [
        {
            "pack": pack.id,
            "version": pack.version,
            "rules": len(pack.rules),
            "counts": pack.kind is PackKind.HOUSE or not policy.packs or pack.id in policy.packs,
        }
        for pack in found.packs
    ]
    closed = _closed_rungs(config_dir, found.packs, cadences)
    return PackReview(rows, [*found.errors, *check_policy(found.packs, policy), *loose, *closed])


def _closed_rungs(config_dir: Path, packs: Sequence[Pack], cadences: Sequence[Cadence]) -> Iterator[ConfigError]:
    ways = ((cadence, rung, channel) for cadence in cadences for rung in cadence.rungs for channel in rung.channels)
    for cadence, rung, channel in ways:
        for rule in _closing(packs, rung, MEDIUM_OF[channel]):
            file = str(config_dir / "cadences" / f"{cadence.name}.toml")
            problem = f"lies wholly outside the house's hours for {channel.value}: {rule.id}"
            yield ConfigError(file=file, key=rung.name, problem=problem)


def _closing(packs: Sequence[Pack], rung: Rung, medium: Medium) -> Iterator[Rule]:
    """The house's rules whose hours for `medium` the rung never meets."""
    for rule in (rule for pack in packs if pack.kind is PackKind.HOUSE for rule in pack.rules):
        params, about = rule.params, not rule.channels or medium in rule.channels
        if isinstance(params, ContactWindow) and about and not any(_meet(hours, rung) for hours in params.allow):
            yield rule


def _meet(hours: Hours, rung: Rung) -> bool:
    """Whatever kind of day the hours are of."""
    return any(rung.is_open_at(time(*divmod(minute, 60))) for minute in range(hours.start, hours.end))
