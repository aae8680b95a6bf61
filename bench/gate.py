"""What the gate costs a contact in a batch, by the processor's own clock: `python -m bench.gate`."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path

from duecourse.domain.vocabulary import ChannelKind, Consent, Decision, StopRule
from duecourse.policy.facts import ContactFacts
from duecourse.policy.gate import decide
from duecourse.policy.history import Touch
from duecourse.policy.house import house_alone
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.model import Place
from duecourse.policy.packs.vocabulary import Medium, TouchOutcome
from duecourse.policy.quiet_hours import Quiet
from duecourse.settings.packs import load_packs

#: Noon in New York on a Tuesday, and the same night.
NOON = datetime(2026, 11, 24, 17, tzinfo=UTC)
NIGHT = NOON + timedelta(hours=12)
_ZONES = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
_BATCH = 100


#: Of a due morning.
_DUE = ContactFacts(
    contact_id=0,
    borrower_id=0,
    channel=ChannelKind.SMS,
    not_after=NOON + timedelta(days=2),
    time_zone=None,
    consent=Consent.GRANTED,
    address_valid=True,
    open_items=1,
    autopay=False,
    holds=(),
    opted_out=False,
    touches_today=0,
    reached_today=False,
    stop=frozenset(StopRule),
    residence=Place("US", "NY"),
    lender_country="US",
    dpd=3,
)


def contacts(count: int, *, touches: int) -> list[ContactFacts]:
    """A few zones, one kind, some history each."""
    return [
        replace(
            _DUE,
            contact_id=number,
            borrower_id=number,
            time_zone=_ZONES[number % len(_ZONES)],
            debts=(number,),
            number=str(number),
            history=tuple(_touch(number, days=3 + day) for day in range(touches)),
        )
        for number in range(count)
    ]


def _touch(number: int, *, days: int) -> Touch:
    return Touch(
        when=NOON - timedelta(days=days),
        medium=Medium.EMAIL,
        outcome=TouchOutcome.DELIVERED,
        debts=(number,),
        number=str(number),
    )


def microseconds(facts: Sequence[ContactFacts], now: datetime, packs: PackSet) -> tuple[float, set[Decision]]:
    """CPU time per contact, and what was decided. Each batch has an instant of its own, as each claim has."""
    decisions = set()
    began = time.process_time()
    for batch in range(0, len(facts), _BATCH):
        at = now + timedelta(seconds=batch)
        decisions |= {decide(one, at, packs).decision for one in facts[batch : batch + _BATCH]}
    return (time.process_time() - began) / len(facts) * 1e6, decisions


def measure(packs: PackSet, *, count: int, rounds: int) -> dict[str, float]:
    """Microseconds per contact, best of `rounds`: what is allowed, with and without history, and what must wait."""
    cases = {
        "allowed": (contacts(count, touches=0), NOON, Decision.ALLOW),
        "allowed_after_2_touches": (contacts(count, touches=2), NOON, Decision.ALLOW),
        "deferred": (contacts(count, touches=0), NIGHT, Decision.DEFER),
    }
    figures = {}
    for name, (facts, now, expected) in cases.items():
        best = float("inf")
        for _ in range(rounds):
            cost, decisions = microseconds(facts, now, packs)
            if decisions != {expected}:
                raise SystemExit(f"{name}: {sorted(decisions)} instead of {expected}")
            best = min(best, cost)
        figures[name] = round(best, 1)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.gate", description=__doc__)
    parser.add_argument("--config", type=Path, default=Path("config"), help="the folder that holds packs/")
    parser.add_argument("--contacts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    wishes = {"count": options.contacts, "rounds": options.rounds}
    alone = house_alone(Quiet(start=clock(20), end=clock(9)))
    shipped = PackSet(load_packs(options.config))
    report = {
        "contacts": options.contacts,
        "packs": len(shipped.packs),
        "rules": sum(len(pack.rules) for pack in shipped.packs),
        "house_alone_us": measure(alone, **wishes),
        "shipped_packs_us": measure(shipped, **wishes),
    }
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
