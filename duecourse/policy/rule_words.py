"""What a rule demands, in the words of somebody who must explain it: built-in rules by id, packs' rules by type."""

from collections.abc import Callable, Iterable
from typing import Any

from duecourse.domain.vocabulary import Decision
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Excluded, StopEffect, WindowKind
from duecourse.policy.packs.headings import RuleType
from duecourse.policy.packs.model import Rule
from duecourse.policy.packs.periods import Deadline, Hours, Period, clock
from duecourse.policy.packs.vocabulary import Day

#: Why a rule that stands in no pack said no. Its id is in every verdict.
BUILT_IN = {
    "paid": "nothing is left to pay of what was due",
    "not-after": "its time is over: it would no longer be true",
    "hold": "outreach to the borrower is on hold",
    "autopay": "every loan that is due collects itself",
    "reached-today": "the borrower was reached today already",
    "no-address": "the borrower has no address on this channel",
    "invalid-address": "the address does not work",
    "no-consent": "the borrower has not agreed to be reached there",
    "not-the-debtor": "it would reach somebody else than the debtor",
    "party-refused": "that person asked not to be contacted again",
    "opted-out": "the borrower asked us to stop",
    "preferred-channel": "the borrower asked for other channels",
    "preferred-hours": "it lies outside the hours that the borrower asked for",
    "ambiguous-zone": "the borrower may be in several time zones",
    "unknown-zone": "nobody knows the borrower's time zone",
    "channel-day-cap": "the borrower was contacted on this channel today already",
    "quiet-hours": "it lies in the house's quiet hours",
    "policy-error": "a fault in judging it: nothing leaves then",
    "no-route": "no provider of this channel serves the borrower's country",
    "provider-recipient-limit": "the provider takes no more for this recipient just now",
    "neutral": "strangers may see or hear it, and it would tell of a debt",
    "unreadable": "the borrower's data cannot be opened: erased, or sealed with another key",
    "template-error": "its text could not be written from what is known",
    "render-error": "a fault in writing its text",
    "quarantined": "each worker that took it in hand died: a person must look at it",
}

_WEEK = (Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI, Day.SAT, Day.SUN)
_WINDOWS = {
    WindowKind.CALENDAR_DAY: ("a day", "{} days"),
    WindowKind.WEEK: ("a week, Monday to Sunday", "{} weeks"),
    WindowKind.MONTH: ("a month", "{} months"),
}
_EFFECTS = {
    StopEffect.STOP_ALL: "ends all contact",
    StopEffect.STOP_CHANNEL: "ends contact on the channels that it names",
    StopEffect.STOP_TOPIC: "ends messages on what it names",
    StopEffect.STOP_DEBT: "ends contact about the debts that it names",
    StopEffect.ROUTE_TO: "is for a person to decide whom to speak to",
}


def rule_in_words(rule: Rule) -> str:
    """What the rule demands, without its source: a clause with a small first letter."""
    return _OF_TYPE[rule.type](rule.params)


def hours_in_words(spans: Iterable[Hours]) -> str:
    """`08:00-22:00`, or by kinds of day: `Mon-Fri 08:00-20:00, Sat 08:00-14:00`. Nothing allowed: `no hour at all`."""
    by_days: dict[frozenset[Day], list[str]] = {}
    for span in spans:
        by_days.setdefault(span.days, []).append(f"{clock(span.start)}-{clock(span.end)}")
    said = [f"{days_in_words(days)} {' and '.join(times)}".strip() for days, times in by_days.items()]
    return ", ".join(said) or "no hour at all"


def days_in_words(days: frozenset[Day]) -> str:
    """`Mon-Sat`, `Sat, Sun, holidays`; nothing where it is every day."""
    if days >= frozenset(Day):
        return ""
    if days >= frozenset(_WEEK):
        return "except on holidays"
    runs: list[list[Day]] = []
    for place, day in enumerate(_WEEK):
        if day not in days:
            continue
        if runs and runs[-1][-1] is _WEEK[place - 1]:
            runs[-1].append(day)
        else:
            runs.append([day])
    named = [_run(run) for run in runs] + (["holidays"] if Day.HOLIDAY in days else [])
    return ", ".join(named)


def deadline_in_words(deadline: Deadline) -> str:
    """`10 business days`."""
    return f"{deadline.n} {deadline.clock.replace('_', ' ')}".removesuffix("s" if deadline.n == 1 else "")


def period_in_words(period: Period) -> str:
    """`2 years 6 months`."""
    years, months = divmod(period.months, 12)
    parts = ((years, "year"), (months, "month"), (period.days, "day"))
    return " ".join(f"{number} {unit}{'' if number == 1 else 's'}" for number, unit in parts if number)


def plain(words: Iterable[str], between: str = ", ") -> str:
    """Words of a vocabulary as a list: `co borrower, debtor`."""
    return between.join(sorted(word.replace("_", " ") for word in words))


def _run(days: list[Day]) -> str:
    first, last = days[0].capitalize(), days[-1].capitalize()
    return first if len(days) == 1 else f"{first}{'-' if len(days) > 2 else ', '}{last}"  # noqa: PLR2004 - Sat, Sun


def _window(params: p.ContactWindow) -> str:
    return f"only {hours_in_words(params.allow)}"


def _cap(params: p.FrequencyCap) -> str:
    counted = params.unit.replace("_", " ") + ("" if params.max == 1 else "s")
    counted = counted.replace("contact mades", "contacts made")
    own = " on one channel" if params.per_channel else ""
    left_out = f", not counting {plain(params.exclude)}" if params.exclude - {Excluded.NOT_CONNECTED} else ""
    scope = params.scope.replace("debtor_x_debt", "debtor and debt")
    return f"at most {params.max} {counted}{own} per {scope} {_span(params.window)}{left_out}"


def _span(window: p.CapWindow) -> str:
    if window.kind is WindowKind.CONSECUTIVE_DAYS:
        return f"in {window.n} days in a row"
    one, several = _WINDOWS[window.kind]
    return one if window.n == 1 else "in " + several.format(window.n)


def _cooldown(params: p.Cooldown) -> str:
    counting = ", its own day counted," if params.count_event_day_as_1 else ""
    return f"{params.days} days{counting} must pass after a {params.after.replace('_', ' ')}"


def _stop(params: p.StopTrigger) -> str:
    length = f" for {params.days} days" if params.days else ""
    but = f", but for {plain(params.allowed_after)}" if params.allowed_after else ""
    return f"{params.event.replace('_', ' ')} {_EFFECTS[params.effect]}{length}{but}"


def _third_party(params: p.ThirdParty) -> str:
    said = f"only these may be spoken to: {plain(params.allowed_parties)}"
    if not params.locate:
        return said
    when = f", and that only with {plain(params.locate.only_if, ' or ')}" if params.locate.only_if else ""
    return f"{said} (of {plain(params.locate.parties)} one may ask where the debtor is{when})"


def _visit(params: p.Visit) -> str:
    needs = {
        "identity cards": params.id_card,
        "a recording": params.recording,
        "consent to enter": params.entry_consent,
        f"{params.notice_hours} hours' notice": params.notice_hours,
    }
    also = "".join(f", {what}" for what, needed in needs.items() if needed)
    return f"a visit needs at least {params.min_staff} people{also}"


def _consent(params: p.ConsentNeeded) -> str:
    again = ", confirmed again in time" if params.reverify else ""
    return f"needs a basis on record ({plain(params.basis)}){again}"


def _conditions(params: p.ConditionNeeded) -> str:
    said = [f"{one.fact.replace('_', ' ')} {one.op} {one.value}" for one in params.all]
    return f"only where {' and '.join(said)}"


def _workplace(params: p.Workplace) -> str:
    if params.deny_employer_email:
        return "no message to an address that the employer gave"
    hours = f" ({hours_in_words(params.hours)})" if params.hours else ""
    return f"contact at work: {params.allow.replace('_', ' ')}{hours}"


def _carrier(params: p.Carrier) -> str:
    hours = f" {hours_in_words(params.send_window)}" if params.send_window else ""
    rate = f", {params.rate_per_day} a day to one number" if params.rate_per_day else ""
    return f"the carrier takes it only{hours or ' in its form'}{rate}"


def _deadlines(params: p.ComplaintSla) -> str:
    stages = [
        deadline_in_words(stage.deadline) + (f" if {stage.condition.replace('_', ' ')}" if stage.condition else "")
        for stage in params.stages
    ]
    return f"a complaint is answered in {', '.join(stages)}"


def _right(params: p.DataRights) -> str:
    return f"a {params.right.replace('_', ' ')} is answered in {deadline_in_words(params.deadline)}"


def _retention(params: p.Retention) -> str:
    bounds = [("at least", params.min), ("at most", params.max)]
    said = " and ".join(f"{word} {period_in_words(period)}" for word, period in bounds if period)
    return f"each {params.object.replace('_', ' ')} is kept {said}"


_OF_TYPE: dict[RuleType, Callable[[Any], str]] = {
    RuleType.CONTACT_WINDOW: _window,
    RuleType.FREQUENCY_CAP: _cap,
    RuleType.COOLDOWN: _cooldown,
    RuleType.STOP_TRIGGER: _stop,
    RuleType.THIRD_PARTY: _third_party,
    RuleType.VISIT: _visit,
    RuleType.RETENTION: _retention,
    RuleType.COMPLAINT_SLA: _deadlines,
    RuleType.CONSENT: _consent,
    RuleType.OPT_OUT: lambda params: f"whoever asks to stop is heard, for the whole {params.scope}",
    RuleType.DISCLOSURE: lambda params: f"must be said: {plain({one.id for one in params.fragments})}",
    RuleType.IDENTITY_GATE: lambda params: f"not before identity is verified: {plain(params.verify_before)}",
    RuleType.PROHIBITED_CONTENT: lambda params: f"must never be said: {plain(params.categories)}",
    RuleType.DATA_MINIMUM: lambda params: f"must not stand in the text: {plain((*params.deny_fields, *params.mask))}",
    RuleType.WORKPLACE: _workplace,
    RuleType.SOCIAL: lambda params: f"social networks: in public {params.public}, in private {plain([params.private])}",
    RuleType.CALLER_ID: lambda params: "the true calling number is shown" if params.show else "caller identity",
    RuleType.RECORDING: lambda _: "it is recorded, and whoever is recorded is told",
    RuleType.DATA_RIGHTS: _right,
    RuleType.AUTOMATION: lambda params: f"a machine's voice: {plain([params.robot_voice])}",
    RuleType.CONDITION: _conditions,
    RuleType.TRANSFER_NOTICE: lambda params: f"a notice must come before: {plain([params.before])}",
    RuleType.CARRIER: _carrier,
}

#: How a verdict begins.
OPENINGS = {
    Decision.ALLOW: "allowed",
    Decision.DEFER: "not sent",
    Decision.SUPPRESS: "not sent",
    Decision.CANCEL: "cancelled",
    Decision.REVIEW: "kept for a person to look at",
}
