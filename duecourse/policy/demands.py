"""What an allowed contact must keep to: words that must or must not stand in its text, what a person must do."""

from functools import lru_cache

from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import DisclosureWhen
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.packs.vocabulary import Medium

#: Strangers see these: a lock screen, a tape. They say who and how to call back, and nothing of a debt.
_OPEN_TO_STRANGERS = {Medium.PUSH: "neutral:lock-screen", Medium.VOICEMAIL: "neutral:voicemail"}
_ORAL = frozenset({Medium.CALL, Medium.IVR, Medium.VISIT})
_NAMES: dict[type[p.Params], str] = {
    p.Visit: "visit",
    p.DataMinimum: "data-minimum",
    p.CallerId: "caller-id",
    p.Recording: "recording",
    p.ProhibitedContent: "content",
}


@lru_cache(maxsize=4096)
def demands(regime: Regime, *, first: bool, verified: bool) -> tuple[str, ...]:
    """`demand:rule-id` for each. `identity:...` means: no details of the debt before identity is verified.

    Args:
        regime: the rules that bind the contact.
        first: nobody has written or spoken to the borrower about this debt before.
        verified: whoever reads or hears it is the debtor for sure.
    """
    medium = regime.kind.medium
    neutral = _OPEN_TO_STRANGERS.get(medium)
    asked = [(_asked(bound.params, medium, first=first, verified=verified), bound.id) for bound in regime.bound]
    named = tuple(f"{name}:{rule_id}" for name, rule_id in asked if name)
    return (neutral, *named) if neutral else named


def disclosures_due(regime: Regime, *, first: bool) -> tuple[Bound[p.Disclosure], ...]:
    """Which disclosures such a contact must make; `first` as for `demands`."""
    return tuple(one for one in regime.of(p.Disclosure) if _is_due(one.params, regime.kind.medium, first=first))


def _asked(params: p.Params, medium: Medium, *, first: bool, verified: bool) -> str | None:
    match params:
        case p.Disclosure():
            return "disclosure" if _is_due(params, medium, first=first) else None
        case p.IdentityGate():
            return None if verified else "identity"
        case p.OptOut():
            return "opt-out" if params.text_required else None
        case p.Carrier():
            return "signature" if params.signature else None
        case p.Automation():
            return "automation" if params.disclose_ai or params.human_exit else None
        case _:
            return _NAMES.get(type(params))


def _is_due(disclosure: p.Disclosure, medium: Medium, *, first: bool) -> bool:
    match disclosure.when:
        case DisclosureWhen.EVERY:
            return True
        case DisclosureWhen.INITIAL:
            return first
        case DisclosureWhen.FIRST_ORAL:
            return first and medium in _ORAL
