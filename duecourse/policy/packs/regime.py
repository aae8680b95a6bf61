"""The rules that bind contacts of one kind on one day, sorted by what they ask: made once, asked millions of times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar, cast
from zoneinfo import ZoneInfo

from duecourse.domain.verdict import Citation
from duecourse.domain.zones import find_zone
from duecourse.policy.calendars import UNKNOWN, Calendar
from duecourse.policy.packs import params as p
from duecourse.policy.packs.binding import Kind, is_there
from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.headings import Ambiguous, Anchor
from duecourse.policy.packs.model import Pack, Rule

P_co = TypeVar("P_co", bound=p.Params, covariant=True)


class Bound(NamedTuple, Generic[P_co]):
    """A rule that binds, with what its pack says about it."""

    rule: Rule
    params: P_co
    citation: Citation
    calendar: Calendar
    anchor: ZoneInfo | None
    """A zone to add to the candidates."""

    @property
    def id(self) -> str:
        return self.rule.id


@dataclass(frozen=True, kw_only=True, eq=False)
class Regime:
    """Compared by identity: a pack set makes one per kind and day."""

    kind: Kind
    packs: tuple[str, ...]
    """`id@version` of each pack that has something to say."""
    bound: tuple[Bound[p.Params], ...]
    windows: tuple[Bound[p.ContactWindow], ...]
    caps: tuple[Bound[p.FrequencyCap], ...]
    one_zone: bool
    """A pack wants to know the borrower's zone, not several that it may be."""
    rule_ids: tuple[str, ...]
    opt_in: tuple[str, ...] = ()
    """Those of them that the operator opted in."""
    by_type: dict[type, tuple[Bound[Any], ...]] = field(default_factory=dict, repr=False)
    """What was asked for once."""

    def of(self, kind: type[P_co]) -> tuple[Bound[P_co], ...]:
        """The rules with such params."""
        known = self.by_type.get(kind)
        if known is None:
            known = self.by_type[kind] = _only(self.bound, kind)
        return cast("tuple[Bound[P_co], ...]", known)


def make_regime(
    kind: Kind, packs: Sequence[Pack], rules: Iterable[tuple[Pack, Rule]], opt_in: frozenset[str] = frozenset()
) -> Regime:
    """Sort the rules that bind such contacts. `packs` are all that have a say, even where no rule of theirs binds."""
    every = tuple(bound for pack, rule in rules for bound in _bind(pack, rule, kind))
    return Regime(
        kind=kind,
        packs=tuple(pack.name for pack in packs),
        bound=every,
        windows=_only(every, p.ContactWindow),
        caps=_only(every, p.FrequencyCap),
        one_zone=any(pack.timezone.ambiguous is Ambiguous.BLOCK for pack in packs),
        rule_ids=tuple(dict.fromkeys(one.id for one in every)),
        opt_in=tuple(sorted(opt_in & {one.id for one in every})),
    )


def _only(every: tuple[Bound[p.Params], ...], kind: type[P_co]) -> tuple[Bound[P_co], ...]:
    return tuple(cast("Bound[P_co]", one) for one in every if isinstance(one.params, kind))


def _bind(pack: Pack, rule: Rule, kind: Kind) -> list[Bound[p.Params]]:
    """The rule; for a carrier's also its sending hours and its rate, which are a window and a cap like others."""
    source = pack.sources[rule.source]
    citation = Citation(rule.id, pack.name, source.title, rule.pinpoint, (rule.grade or source.grade).value)
    fixed = pack.timezone.zone if pack.timezone.anchor is Anchor.FIXED and is_there(pack, kind) else None
    return [Bound(rule, params, citation, _calendar(pack, kind), find_zone(fixed)) for params in _expanded(rule.params)]


def _expanded(params: p.Params) -> list[p.Params]:
    if not isinstance(params, p.Carrier):
        return [params]
    found: list[p.Params] = [params]
    if params.send_window:
        found.append(p.ContactWindow(allow=params.send_window))
    if params.rate_per_day is not None:
        day = p.CapWindow(kind=WindowKind.CALENDAR_DAY)
        found.append(p.FrequencyCap(unit=CapUnit.ATTEMPT, max=params.rate_per_day, window=day, scope=CapScope.NUMBER))
    return found


def _calendar(pack: Pack, kind: Kind) -> Calendar:
    """The pack's own; where it names none, that of the borrower's home."""
    makeup = pack.calendars.makeup_workdays
    if pack.calendars.public_holidays:
        country, _, part = pack.calendars.public_holidays.partition("-")
        return Calendar(country, part or None, makeup)
    if kind.residence is None:
        return UNKNOWN
    return Calendar(kind.residence.country, kind.residence.subdivision, makeup)
