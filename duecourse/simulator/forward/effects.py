"""What borrowers are assumed to do, each number with its source: literature where there is some, judgement where not.

A study's effect holds for its own borrowers and its own wording. These are starting values, and no forecast.
"""

from collections.abc import Mapping
from enum import StrEnum

from duecourse.domain.value import value


class Grade(StrEnum):
    """How well a number is known."""

    ABSTRACT = "abstract"
    """The study's own abstract or register entry."""
    PRESS = "press"
    """An institute's or a journal's news page."""
    SECONDARY = "secondary"
    """Somebody else's summary."""
    JUDGEMENT = "judgement"
    """Nobody measured it in a source that we read: set your own."""


class Factor(StrEnum):
    """What a simulation needs to know of borrowers. A share of 1, unless its meaning says otherwise."""

    LATE_LOW = "late_low"
    LATE_STANDARD = "late_standard"
    LATE_HIGH = "late_high"
    EARLY_OF_PUNCTUAL = "early_of_punctual"
    AUTOPAY_FAILS = "autopay_fails"
    SELF_CURE_DAYS = "self_cure_days"
    REMINDER_GAIN = "reminder_gain"
    REMINDER_EARLY = "reminder_early"
    REMINDER_PROVEN = "reminder_proven"
    DUE_DAY = "due_day"
    NO_NAME = "no_name"
    OVERDUE_KIND = "overdue_kind"
    OVERDUE_PLAIN = "overdue_plain"
    HELP = "help"
    TALK = "talk"
    CHANNEL_PUSH = "channel_push"
    CHANNEL_EMAIL = "channel_email"
    CHANNEL_IM = "channel_im"
    CHANNEL_VOICE = "channel_voice"
    PARTIAL = "partial"
    UNDELIVERED = "undelivered"
    REFUSED = "refused"
    STOPS_SMS = "stops_sms"
    STOPS_OTHER = "stops_other"
    COMPLAINS = "complains"
    CROWDED = "crowded"
    HARDSHIP = "hardship"
    CALLS = "calls"
    CALLS_HARDSHIP = "calls_hardship"
    CALL_MINUTES = "call_minutes"
    REACHED = "reached"
    DIAL_MINUTES = "dial_minutes"


@value
class Assumed:
    """One number."""

    amount: float
    means: str
    source: str
    grade: Grade


def _judged(amount: float, means: str, why: str = "no study in our reference") -> Assumed:
    return Assumed(amount=amount, means=means, source=why, grade=Grade.JUDGEMENT)


def _read(amount: float, means: str, source: str, grade: Grade = Grade.ABSTRACT) -> Assumed:
    return Assumed(amount=amount, means=means, source=source, grade=grade)


Effects = Mapping[Factor, Assumed]

EFFECTS: Effects = {
    Factor.LATE_LOW: _judged(0.08, "late without any contact, audience low", "a base rate of our power calculation"),
    Factor.LATE_STANDARD: _judged(0.20, "late without any contact, audience standard", "as above"),
    Factor.LATE_HIGH: _judged(0.35, "late without any contact, audience high"),
    Factor.EARLY_OF_PUNCTUAL: _judged(0.65, "of those who pay in time: one to five days early"),
    Factor.AUTOPAY_FAILS: _judged(0.04, "collections of autopay that fail"),
    Factor.SELF_CURE_DAYS: _judged(7.0, "days after which half of the late have paid of themselves"),
    Factor.REMINDER_GAIN: _read(
        0.08,
        "on-time probability, relative, by a reminder one to three days before: 7-9 %",
        "Cadena and Schoar 2011, Uganda microloans, a field experiment (NBER w17020)",
    ),
    Factor.REMINDER_EARLY: _read(
        0.0,
        "of the otherwise late, moved by a warning four days ahead or earlier",
        "Grubb et al. 2025: early-warning alerts insignificant",
    ),
    Factor.REMINDER_PROVEN: _read(
        0.0,
        "of the otherwise late, moved by a reminder where the audience is low",
        "Barboni, Cardenas and de Roux 2022: a precise zero among 8,019 on-time clients",
    ),
    Factor.DUE_DAY: _read(
        0.18,
        "of the otherwise late, moved by a just-in-time message on the due day: 17-19 % fewer charges",
        "Grubb et al. 2025, UK banks (FCA), unarranged overdrafts",
    ),
    Factor.NO_NAME: _read(
        18 / 28,
        "of a message's effect, where it does not name the borrower: paid 23 against 33 %, 5 % without any",
        "Haynes et al. 2013, UK court fines, n = 5,450",
        Grade.SECONDARY,
    ),
    Factor.OVERDUE_KIND: _read(
        0.04,
        "of the late, moved by a message of positive expectation after the due date",
        "Barboni, Cardenas and de Roux 2022: -4 % among 7,029 late clients; direction also Du et al. 2020",
    ),
    Factor.OVERDUE_PLAIN: _read(
        0.0,
        "of the late, moved by a plain or formal message after the due date",
        "Bursztyn et al. 2019: a plain extra reminder does nothing; Brusa, Luo and Fang 2019 likewise",
    ),
    Factor.HELP: _read(
        0.07,
        "of the late, moved by help offered in the lender's own name: default -4 points, -7 %",
        "Fiorin, Hall and Kanz 2023, India (World Bank 10358); theirs is a moratorium",
    ),
    Factor.TALK: _read(
        0.344,
        "of the late, moved by a talk with a person: +34.4 points on time among those reached (an IV estimate: an"
        " upper bound)",
        "Laudenbach, Pirschel and Siegel, German instalment loans, n = 3,448",
        Grade.PRESS,
    ),
    Factor.CHANNEL_PUSH: _judged(0.5, "of an SMS' effect, by app push", "no study in our reference compares channels"),
    Factor.CHANNEL_EMAIL: _judged(0.5, "of an SMS' effect, by e-mail", "as above"),
    Factor.CHANNEL_IM: _judged(0.8, "of an SMS' effect, by instant message", "as above"),
    Factor.CHANNEL_VOICE: _judged(
        0.5, "of an SMS' effect, by an automatic call", "Choi et al. 2025: AI callers substantially worse; no number"
    ),
    Factor.PARTIAL: _judged(0.04, "payments of a part only: 30 to 70 %"),
    Factor.UNDELIVERED: _judged(0.02, "addresses that a provider takes and never reaches"),
    Factor.REFUSED: _judged(0.008, "addresses that a provider refuses"),
    Factor.STOPS_SMS: _judged(0.004, "answer STOP, per SMS"),
    Factor.STOPS_OTHER: _judged(0.002, "opt out, per e-mail, push or instant message"),
    Factor.COMPLAINS: _judged(0.0006, "complain, per contact"),
    Factor.CROWDED: _judged(
        1.0,
        "more opt-outs and complaints, relative, by each contact beyond the second in seven days",
        "the house caps of our reference; no number",
    ),
    Factor.HARDSHIP: _judged(0.004, "answer that they cannot pay, per message after the due date"),
    Factor.CALLS: _judged(0.015, "ring the lender after a message, per message; twice that after the due date"),
    Factor.CALLS_HARDSHIP: _judged(0.15, "of late callers, in difficulty: put on hold"),
    Factor.CALL_MINUTES: _judged(6.0, "minutes that a talk takes a person, with its notes"),
    Factor.REACHED: _judged(0.3, "of borrowers whom a person dials, who answer and are the right party"),
    Factor.DIAL_MINUTES: _judged(1.0, "minutes that a dial takes which reaches nobody"),
}

#: What the shipped templates say; any other is plain.
KIND_TEMPLATES = frozenset({"missed"})
HELP_TEMPLATES = frozenset({"offer_help", "plan_offer"})


def named(effects: Effects) -> list[dict[str, object]]:
    """For a report: every number with its meaning and its source."""
    return [
        {"name": name.value, "value": one.amount, "means": one.means, "source": one.source, "grade": one.grade.value}
        for name, one in effects.items()
    ]
