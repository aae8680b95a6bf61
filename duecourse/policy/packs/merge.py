"""What several packs together demand beside yes and no: how long to keep, how soon to answer, how to let go."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import OptOutScope
from duecourse.policy.packs.periods import Deadline, Period
from duecourse.policy.packs.regime import Bound, Regime

P = TypeVar("P", bound=p.Params)

#: Narrow to wide.
_WIDTH = {scope: width for width, scope in enumerate(OptOutScope)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """How long one kind of record is kept: at least the longest minimum, at most the shortest maximum."""

    object: str
    min: Period | None
    max: Period | None
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Conflict:
    """Rules that cannot all be kept: a person decides."""

    what: str
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LettingGo:
    """How an opt-out is taken: the widest scope, the shortest deadline, every word that any pack accepts."""

    scope: OptOutScope
    deadline: Deadline | None
    keywords: frozenset[str]
    confirmations: int
    """How many messages may confirm it: the fewest that any pack speaks of, none where none does."""
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Duties:
    """The rules of a regime that do not stop a contact, as one."""

    kept: Mapping[str, Kept]
    """By object."""
    complaint_stages: tuple[p.Stage, ...]
    """One per condition, each with the shortest deadline; the usual case first."""
    data_rights: Mapping[str, Deadline]
    """By right."""
    letting_go: LettingGo | None
    conflicts: tuple[Conflict, ...]


def duties(regime: Regime) -> Duties:
    """Merge them: highest minimum and lowest maximum of retention, shortest deadlines, widest opt-out."""
    kept = {what: _kept(what, rules) for what, rules in _grouped(regime.of(p.Retention), _object).items()}
    return Duties(
        kept=kept,
        complaint_stages=_stages(regime.of(p.ComplaintSla)),
        data_rights=_rights(regime.of(p.DataRights)),
        letting_go=_letting_go(regime.of(p.OptOut)),
        conflicts=tuple(_conflicts(kept.values())),
    )


def _object(params: p.Retention) -> str:
    return params.object


def _right(params: p.DataRights) -> str:
    return params.right


def _grouped(bound: Iterable[Bound[P]], key: Callable[[P], str]) -> dict[str, list[Bound[P]]]:
    groups: dict[str, list[Bound[P]]] = defaultdict(list)
    for one in bound:
        groups[key(one.params)].append(one)
    return groups


def _kept(what: str, rules: list[Bound[p.Retention]]) -> Kept:
    least = [one.params.min for one in rules if one.params.min is not None]
    most = [one.params.max for one in rules if one.params.max is not None]
    return Kept(
        object=what,
        min=max(least, key=_length, default=None),
        max=min(most, key=_length, default=None),
        rules=tuple(one.id for one in rules),
    )


def _length(period: Period) -> float:
    return period.about_days


def _conflicts(kept: Iterable[Kept]) -> Iterable[Conflict]:
    for one in kept:
        if one.min is not None and one.max is not None and one.min.about_days > one.max.about_days:
            yield Conflict(what=f"retention of {one.object}", rules=one.rules)


def _stages(rules: tuple[Bound[p.ComplaintSla], ...]) -> tuple[p.Stage, ...]:
    shortest: dict[str | None, p.Stage] = {}
    for stage in (stage for one in rules for stage in one.params.stages):
        known = shortest.setdefault(stage.condition, stage)
        if stage.deadline.about_hours < known.deadline.about_hours:
            shortest[stage.condition] = stage
    return tuple(sorted(shortest.values(), key=lambda stage: (stage.condition is not None, stage.deadline.about_hours)))


def _rights(rules: tuple[Bound[p.DataRights], ...]) -> dict[str, Deadline]:
    groups = _grouped(rules, _right)
    return {right: min((one.params.deadline for one in found), key=_urgency) for right, found in groups.items()}


def _urgency(deadline: Deadline) -> float:
    return deadline.about_hours


def _letting_go(rules: tuple[Bound[p.OptOut], ...]) -> LettingGo | None:
    if not rules:
        return None
    every = [one.params for one in rules]
    return LettingGo(
        scope=max((one.scope for one in every), key=lambda scope: _WIDTH[scope]),
        deadline=min((one.deadline for one in every if one.deadline), key=_urgency, default=None),
        keywords=frozenset(word for one in every for word in one.keywords),
        confirmations=min((one.confirmation.max for one in every if one.confirmation), default=0),
        rules=tuple(one.id for one in rules),
    )
