"""A cadence and its rungs, as values. Files become these in `cadence.files`."""

from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum

from duecourse.domain.vocabulary import Audience, ChannelKind, StopRule


class Weekday(StrEnum):
    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


_WEEK = tuple(Weekday)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One step of a ladder. Fires at most once per borrower and due date."""

    name: str
    """Unique in the cadence, whatever the audience: `T-1`, `T0-morning`."""
    audiences: frozenset[Audience]
    offset_days: int
    """Civil days in the borrower's zone from the due date; negative is before."""
    at: time
    """Local time at which it fires."""
    not_after: time
    """Local time of its last day from which it is too late to be true. Windows of one audience never overlap."""
    channels: tuple[ChannelKind, ...]
    """In order of preference; the next is tried when one refuses for good."""
    template: str
    priority: int
    """0 is the most urgent, 9 the least."""
    stop: frozenset[StopRule]
    lasts_days: int = 0
    """Its last day, counted from its first: what no rule allows on a weekend may then wait for the next workday."""
    due_weekdays: frozenset[Weekday] = frozenset()
    """Only for what is due on one of these days of the week; empty is any."""

    @property
    def begins(self) -> tuple[int, time]:
        """Day from the due date, and time."""
        return self.offset_days, self.at

    @property
    def ends(self) -> tuple[int, time]:
        return self.offset_days + self.lasts_days, self.not_after

    def is_for(self, due_on: date) -> bool:
        return not self.due_weekdays or _WEEK[due_on.weekday()] in self.due_weekdays

    def is_open_at(self, at: time) -> bool:
        """On any of its days?"""
        if self.lasts_days == 0:
            return self.at <= at < self.not_after
        return self.lasts_days > 1 or at >= self.at or at < self.not_after


@dataclass(frozen=True, kw_only=True, slots=True)
class Cadence:
    """A versioned set of rungs. A new version changes only contacts that are not planned yet."""

    name: str
    version: int
    rungs: tuple[Rung, ...]
