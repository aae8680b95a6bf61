"""Where an outcome takes a contact: a decision computed here and stored as a row, never a broker's retry."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from duecourse.domain.contact import AttemptKind, ContactState, Disposition
from duecourse.domain.message import Capability, Outcome
from duecourse.domain.value import value
from duecourse.domain.vocabulary import OutcomeClass, Resolution

#: A person must look at a misconfigured account; until then one try per five minutes and contact.
_MISCONFIGURED_PAUSE_S = 300.0
#: A look-up must find nothing this often, spaced by `settle_s`, before a contact counts as unsent.
_NEGATIVES_NEEDED = 2
_TAKEN = frozenset({OutcomeClass.ACCEPTED, OutcomeClass.DUPLICATE})
_ACCEPTED = Disposition(state=ContactState.ACCEPTED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Backoff:
    """Exponential, with full jitter over the upper half: `base * 2^n * [0.5, 1)`, at most `cap`. Seconds."""

    base_s: float
    cap_s: float
    max_failures: int

    def delay_s(self, failures: int, jitter: float) -> float:
        """How long to wait after the `failures`-th failure in a row; `jitter` is in [0, 1)."""
        return min(self.cap_s, self.base_s * 2.0 ** (failures - 1)) * (0.5 + jitter / 2)


@value
class Ended:
    """A call that came to an end, with what decides what follows."""

    outcome: Outcome
    capability: Capability
    failures: int
    """Before this one."""
    jitter: float
    now: datetime
    """Business time."""
    elsewhere: bool = False
    """Another provider was not tried yet: it is not the failure of this one that must be waited for."""
    give_up_at: datetime | None = None
    """Business time: a try later than this is worth less than the rung's next channel."""


def after_send(ended: Ended, backoff: Backoff) -> Disposition:
    """What follows a first call."""
    match ended.outcome.kind:
        case OutcomeClass.ACCEPTED | OutcomeClass.DUPLICATE:
            return _ACCEPTED
        case OutcomeClass.REJECTED:
            return _rejected(ended.outcome.code)
        case OutcomeClass.UNKNOWN:
            return _unknown(ended)
        case _:
            return _again(ended, backoff)


def after_recall(ended: Ended) -> Disposition:
    """What follows a same-key call. That this one was not processed says nothing of the first."""
    if ended.outcome.kind in _TAKEN:
        return _ACCEPTED
    if ended.outcome.kind is OutcomeClass.REJECTED:
        return _rejected(ended.outcome.code)
    return _unknown(ended)


def after_lookup(ended: Ended, *, found: bool, negatives: int) -> Disposition:
    """What follows a look-up. `negatives` counts this answer too."""
    if ended.outcome.kind in _TAKEN:
        return _ACCEPTED
    if ended.outcome.kind is OutcomeClass.REJECTED and found:
        return _rejected(ended.outcome.code)
    if not found and negatives >= _NEGATIVES_NEEDED:
        return Disposition(state=ContactState.PLANNED, reason="proved-unsent", not_before=ended.now, unsent=True)
    return replace(_unknown(ended), negative=not found)


def recall_allowed(capability: Capability, armed_at: datetime, lease_now: datetime) -> bool:
    """Is a same-key call still inside the provider's memory, with room for two waits?"""
    age = lease_now - armed_at
    return age < timedelta(seconds=capability.window_s - 2 * capability.settle_s)


def kind_of_resolution(capability: Capability) -> AttemptKind | None:
    """How this provider can be asked about a contact that was perhaps sent."""
    return {Resolution.KEY: AttemptKind.RECALL, Resolution.LOOKUP: AttemptKind.LOOKUP}.get(capability.resolution)


def _rejected(code: str | None) -> Disposition:
    return Disposition(state=ContactState.REJECTED, reason=code or "rejected", unsent=True, next_channel=True)


def _unknown(ended: Ended) -> Disposition:
    return Disposition(
        state=ContactState.UNKNOWN,
        reason=ended.outcome.code or "unknown",
        resolve_after_s=ended.capability.settle_s,
    )


def _again(ended: Ended, backoff: Backoff) -> Disposition:
    outcome = ended.outcome
    reason = outcome.code or outcome.kind.value
    failed = outcome.kind not in {OutcomeClass.THROTTLED, OutcomeClass.MISCONFIGURED}
    if failed and ended.failures + 1 >= backoff.max_failures:
        return _exhausted("retries-exhausted", failed=True)
    not_before = ended.now + timedelta(seconds=0.0 if ended.elsewhere else _wait_s(ended, backoff))
    if ended.give_up_at is not None and not_before > ended.give_up_at:
        return _exhausted("channel-deadline", failed=failed)
    return Disposition(state=ContactState.PLANNED, reason=reason, not_before=not_before, unsent=True, failed=failed)


def _wait_s(ended: Ended, backoff: Backoff) -> float:
    if ended.outcome.kind is OutcomeClass.THROTTLED:
        return ended.outcome.retry_after_s or 1.0
    if ended.outcome.kind is OutcomeClass.MISCONFIGURED:
        return _MISCONFIGURED_PAUSE_S
    return max(ended.outcome.retry_after_s or 0.0, backoff.delay_s(ended.failures + 1, ended.jitter))


def _exhausted(reason: str, *, failed: bool) -> Disposition:
    return Disposition(state=ContactState.REJECTED, reason=reason, unsent=True, next_channel=True, failed=failed)
