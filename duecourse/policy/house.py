"""The house's own pack where no file brings one: quiet hours, and one contact per channel and local day."""

from datetime import date
from functools import cache

from duecourse.policy.packs.clauses import CapScope, CapUnit, WindowKind
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import Grade, OnFail, PackKind, RuleType, SourceKind, SourceStatus
from duecourse.policy.packs.model import Pack, Rule, Source
from duecourse.policy.packs.params import CapWindow, ContactWindow, FrequencyCap
from duecourse.policy.packs.vocabulary import Purpose
from duecourse.policy.quiet_hours import Quiet

_SOURCE = Source(
    id="house",
    title="House rule",
    kind=SourceKind.HOUSE,
    status=SourceStatus.IN_FORCE,
    grade=Grade.A,
)
QUIET_HOURS = "quiet-hours"
CHANNEL_DAY_CAP = "channel-day-cap"


def house_pack(quiet: Quiet) -> Pack:
    """What the settings' quiet hours mean as a pack."""
    window = Rule(
        id=QUIET_HOURS,
        type=RuleType.CONTACT_WINDOW,
        source=_SOURCE.id,
        on_fail=OnFail.DEFER,
        params=ContactWindow(allow=quiet.open_hours()),
    )
    day = CapWindow(kind=WindowKind.CALENDAR_DAY)
    cap = Rule(
        id=CHANNEL_DAY_CAP,
        type=RuleType.FREQUENCY_CAP,
        source=_SOURCE.id,
        # Who asks us to stop is answered the same day.
        purposes=frozenset(Purpose) - {Purpose.CONFIRM_STOP},
        params=FrequencyCap(unit=CapUnit.ATTEMPT, max=1, window=day, scope=CapScope.DEBTOR, per_channel=True),
    )
    return Pack(
        id="house",
        version="1",
        as_of=date(2026, 11, 23),
        title="House rules",
        kind=PackKind.HOUSE,
        sources={_SOURCE.id: _SOURCE},
        rules=(cap, window),
    )


@cache
def house_alone(quiet: Quiet) -> PackSet:
    """The house's pack and no other."""
    return PackSet((house_pack(quiet),))
