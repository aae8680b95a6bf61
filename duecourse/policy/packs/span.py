"""How far back the rules of a pack set look, so that a claim reads no more of the past than they ask for."""

from collections.abc import Iterable

from duecourse.policy.packs.clauses import WindowKind
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.params import CapWindow, Cooldown, FrequencyCap, Params

#: A claim always reads so far back: the house's and the rungs' own rules ask about today, in whatever zone that is.
_LEAST = 2
_WEEK, _MONTH = 7, 31


def days_back(packs: Iterable[Pack]) -> int:
    """Days of touches that any of their rules may ask for, whether it is in force just now or not."""
    return max((_days(rule.params) for pack in packs for rule in pack.rules), default=_LEAST)


def _days(params: Params) -> int:
    if isinstance(params, FrequencyCap):
        return max(_of(params.window), _LEAST)
    if isinstance(params, Cooldown):
        return params.days + _LEAST
    return _LEAST


def _of(window: CapWindow) -> int:
    match window.kind:
        case WindowKind.WEEK:
            return window.n * _WEEK + 1
        case WindowKind.MONTH:
            return window.n * _MONTH + 1
        case _:
            return window.n + 1
