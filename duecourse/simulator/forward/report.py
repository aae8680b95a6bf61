"""One run as figures. Pure: the same evidence gives the same report, to the byte."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.contact import ContactState
from duecourse.simulator.forward.acts import OF_THEMSELVES, Deed, Touch
from duecourse.simulator.forward.desk import desk_zone, staffing
from duecourse.simulator.forward.doors import Paid
from duecourse.simulator.forward.evidence import Evidence
from duecourse.simulator.forward.latent import zone_of

#: How a contact ended, in the order of a table.
_ENDS = (
    ContactState.DELIVERED, ContactState.UNDELIVERED, ContactState.ACCEPTED, ContactState.REJECTED,
    ContactState.SUPPRESSED, ContactState.CANCELLED, ContactState.EXPIRED,
)  # fmt: skip


def report_of(evidence: Evidence) -> dict[str, Any]:
    """Everything a person wants to know of one run; `metrics` is what policies are compared by."""
    report = {
        "instalments": [dict(row) for row in evidence.instalments],
        "contacts": _contacts(evidence),
        "packs_asked": [dict(row) for row in evidence.packs],
        "kept_back": _kept_back(evidence),
        "payments": _payments(evidence),
        "borrowers_said": _said(evidence),
        "cost": _cost(evidence),
        "calls": _calls(evidence),
        "steps": evidence.steps,
    }
    return {**report, "metrics": _metrics(report)}


def _contacts(evidence: Evidence) -> dict[str, Any]:
    rungs: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for row in evidence.contacts:
        rungs[row["rung"], row["channel"]][row["state"]] += row["contacts"]
    by_rung = [
        {"rung": rung, "channel": channel, "planned": ends.total(), **{end.value: ends[end] for end in _ENDS}}
        for (rung, channel), ends in rungs.items()
    ]
    order = {rung: place for place, rung in enumerate(evidence.rungs)}
    reached = Counter(place.borrower_id for _, place in evidence.touches)
    return {
        "planned": sum(row["contacts"] for row in evidence.contacts),
        "sent": len(evidence.touches),
        "borrowers_reached": len(reached),
        "most_to_one_borrower": max(reached.values(), default=0),
        "by_rung": sorted(by_rung, key=lambda row: (order.get(row["rung"], len(order)), row["rung"], row["channel"])),
        "by_day": by_day((touch for touch, _ in evidence.touches), ZoneInfo(_zone(evidence))),
        "by_channel": dict(sorted(Counter(touch.channel.value for touch, _ in evidence.touches).items())),
    }


def by_day(touches: Iterable[Touch], zone: ZoneInfo) -> list[dict[str, Any]]:
    """Messages by channel on each day of `zone`, in order."""
    days: dict[str, Counter[str]] = defaultdict(Counter)
    for touch in touches:
        days[touch.at.astimezone(zone).date().isoformat()][touch.channel] += 1
    return [{"day": day, **dict(sorted(days[day].items()))} for day in sorted(days)]


def _kept_back(evidence: Evidence) -> list[dict[str, Any]]:
    """By rule, the most frequent first; its source where a pack gives one."""
    rows = []
    for row in evidence.verdicts:
        cited = row["citation"] or {}
        rows.append({
            "what": row["what"],
            "decision": row["decision"],
            "rule": row["rule"],
            "contacts": row["contacts"],
            "verdicts": row["verdicts"],
            "pack": cited.get("pack"),
            "source": cited.get("source"),
            "pinpoint": cited.get("pinpoint"),
        })  # fmt: skip
    return sorted(
        rows, key=lambda row: (-row["contacts"], row["what"], row["decision"], row["rule"], row["pack"] or "")
    )


def _payments(evidence: Evidence) -> dict[str, Any]:
    """Of instalments due in the span. The simulator knows what each would have done alone, so it can tell."""
    first, last = evidence.span.start.date(), evidence.span.end.date()
    mine = [paid for paid in evidence.paid if first <= paid.act.due_on < last]
    moved = [paid for paid in mine if paid.act.cause != OF_THEMSELVES]
    on_time = [paid for paid in moved if _in_time(evidence, paid)]
    late = [paid for paid in moved if not _in_time(evidence, paid)]
    own_end = [paid for paid in late if _standing(evidence, paid).intent.pays_at >= evidence.span.end]
    alone = [paid for paid in mine if paid.act.cause == OF_THEMSELVES and not _in_time(evidence, paid)]
    return {
        "payments": len(mine),
        "partial": sum(paid.act.share < 1 for paid in mine),
        "arrears_before_paid": len(evidence.paid) - len(mine) - sum(p.act.due_on >= last for p in evidence.paid),
        "self_cures": len(alone),
        "caused_on_time": len(on_time),
        "caused_cures": len(own_end),
        "hastened_cures": len(late) - len(own_end),
        "caused_by": dict(sorted(Counter(paid.act.cause for paid in moved).items())),
    }


def _in_time(evidence: Evidence, paid: Paid) -> bool:
    zone = zone_of(_standing(evidence, paid).owed)
    return paid.act.at.astimezone(zone).date() <= paid.act.due_on


def _standing(evidence: Evidence, paid: Paid) -> Any:
    return evidence.standing[paid.act.loan, paid.act.due_on]


def _said(evidence: Evidence) -> dict[str, Any]:
    deeds, sent = evidence.deeds, len(evidence.touches)
    complaints = deeds.get(Deed.COMPLAIN, 0)
    return {
        "complaints": complaints,
        "complaints_per_1000": round(1000 * complaints / sent, 3) if sent else 0.0,
        "opt_outs": deeds.get(Deed.STOP, 0),
        "opt_outs_by_channel": {
            name.removeprefix("stop:"): count for name, count in sorted(deeds.items()) if name.startswith("stop:")
        },
        "hardship": deeds.get(Deed.HARDSHIP, 0),
        "calls": deeds.get(Deed.CALL, 0),
    }


def _cost(evidence: Evidence) -> dict[str, Any]:
    """By channel, from the route's price of a message; an SMS is paid for by its parts."""
    parts: Counter[Any] = Counter()
    for touch, _ in evidence.touches:
        parts[touch.channel] += touch.segments
    rows = []
    for channel, count in sorted(parts.items()):
        lane = evidence.lanes[channel]
        cost = lane.cost_minor * count if lane.cost_minor is not None else None
        rows.append({
            "channel": channel.value,
            "provider": lane.provider,
            "parts": count,
            "each_minor": _text(lane.cost_minor),
            "minor": _text(cost),
            "currency": lane.currency,
        })  # fmt: skip
    return {"by_channel": rows, "minor": _sums((row["currency"], row["minor"]) for row in rows)}


def _sums(costs: Iterable[tuple[str | None, str | None]]) -> dict[str, str]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for currency, minor in costs:
        if currency and minor:
            sums[currency] += Decimal(minor)
    return {currency: str(total) for currency, total in sorted(sums.items())}


def _zone(evidence: Evidence) -> str:
    """Where most borrowers are: the lender's days and hours are told there."""
    return desk_zone(standing.owed.time_zone for standing in evidence.standing.values())


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _calls(evidence: Evidence) -> dict[str, Any]:
    zone = _zone(evidence)
    hours = staffing(evidence.talks, ZoneInfo(zone), days=max(evidence.span.days, 1), call_s=evidence.call_minutes * 60)
    dialled = [talk for talk in evidence.talks if not talk.rang]
    return {
        "zone": zone,
        "rang": len(evidence.talks) - len(dialled),
        "dialled": len(dialled),
        "reached": sum(talk.spoke for talk in dialled),
        "refused": evidence.deeds.get("call refused", 0),
        "by_hour": hours,
    }


def _metrics(report: Mapping[str, Any]) -> dict[str, float]:
    rows = report["instalments"]
    due = sum(row["due"] for row in rows)
    on_time, cured = sum(row["on_time"] for row in rows), sum(row["cured"] for row in rows)
    kept = sum(row["suppressed"] for row in report["contacts"]["by_rung"])
    return {
        "contacts_sent": float(report["contacts"]["sent"]),
        "kept_back": float(kept),
        "paid_on_time_percent": round(100 * on_time / due, 4) if due else 0.0,
        "cured": float(cured),
        "still_open": float(sum(row["open"] for row in rows)),
        "caused_on_time": float(report["payments"]["caused_on_time"]),
        "caused_cures": float(report["payments"]["caused_cures"]),
        "complaints": float(report["borrowers_said"]["complaints"]),
        "complaints_per_1000": report["borrowers_said"]["complaints_per_1000"],
        "opt_outs": float(report["borrowers_said"]["opt_outs"]),
        "hardship": float(report["borrowers_said"]["hardship"]),
        "calls": float(report["calls"]["rang"]),
        "dialled": float(report["calls"]["dialled"]),
        "people_busiest_hour": float(max((row["people_busiest"] for row in report["calls"]["by_hour"]), default=0)),
        **{f"cost_{currency}_minor": float(minor) for currency, minor in report["cost"]["minor"].items()},
    }
