"""Reads cases for the gate, `examples/gate/*.toml`: facts and history in plain words. The format is docs/gate.md."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from duecourse.domain.demand import Intent, Scope
from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.domain.vocabulary import Consent, Decision, StopRule
from duecourse.domain.zones import find_zone
from duecourse.policy.cases import Case, Expected, Question
from duecourse.policy.facts import ContactFacts
from duecourse.policy.intents import Lexicon
from duecourse.policy.packs.headings import ZoneEvidence
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.vocabulary import (
    ActorRole,
    DebtorState,
    DebtorType,
    LenderType,
    Medium,
    NoticeBefore,
    Party,
    Purpose,
)
from duecourse.policy.rule_words import BUILT_IN
from duecourse.settings.gate_history import Page, channel_of, history_of, hours_of, place_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Knowledge:
    """What the words of a case are read with."""

    packs: Mapping[str, Pack]
    """By id, all that a case may name."""
    lexicon: Lexicon
    """What a borrower's own words ask for."""


#: A case that says nothing of it is not about running out of time.
_NOT_AFTER = timedelta(days=14)
_MOST = 2**53
#: The hold that words which are not sure put on a channel.
_UNREAD = 1_000


def read_cases(path: Path, knowledge: Knowledge) -> tuple[Case, ...]:
    """The case of one file, or those of every `*.toml` in a folder, in the order of their names.

    Raises:
        ConfigError: names the file and the key.
    """
    paths = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not paths:
        raise ConfigError(file=str(path), key="*.toml", problem="no case here")
    return tuple(read_case(one, knowledge) for one in paths)


def read_case(path: Path, knowledge: Knowledge) -> Case:
    """The case of one file.

    Raises:
        ConfigError: names the file and the key.
    """
    raw, file = read_toml(path), str(path)
    variants = raw.pop("variants", [])
    if not isinstance(variants, list) or not all(isinstance(variant, Mapping) for variant in variants):
        raise ConfigError(file=file, key="variants", problem="must be written as [[variants]]")
    questions = [_question(Table(raw, file=file), knowledge)]
    base = {key: value for key, value in raw.items() if key not in {"title", "expect"}}
    for place, variant in enumerate(variants):
        merged = Table(_merged(base, variant), file=file, path=f"variants[{place}].")
        questions.append(_question(merged, knowledge))
    return Case(name=path.stem, questions=tuple(questions))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are merged key by key; anything else, lists too, is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both = (below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else None
        merged[key] = _merged(*both) if both else value
    return merged


def _question(table: Table, knowledge: Knowledge) -> Question:
    borrower, contact = table.table("borrower"), table.table("contact")
    zones = _zones(borrower)
    page = Page(zone=_clock(table, zones))
    now = contact.moment("at", page.zone)
    facts: dict[str, Any] = {
        **_lender(table.table("lender")),
        **_borrower(borrower),
        **_contact(contact, page),
        **history_of(table, page),
        "time_zone": next(iter(zones), None),
        "candidate_zones": zones[1:],
    }
    stopped, unsure = _said(table, page, knowledge.lexicon, (facts["channel"], now))
    facts |= {"opted_out": facts["opted_out"] or stopped, "holds": facts["holds"] + (_UNREAD,) * unsure}
    packs = _packs(table, knowledge)
    question = Question(
        title=table.text("title"),
        now=now,
        facts=ContactFacts(**facts | {"not_after": contact.moment("not_after", page.zone, now + _NOT_AFTER)}),
        packs=packs,
        opt_in=_rules(table, "opt_in", packs),
        expect=_expected(table.table("expect"), page, packs) if table.has("expect") else None,
    )
    for read in (borrower, contact, table):
        read.finish()
    return question


def _zones(borrower: Table) -> tuple[str, ...]:
    """Every zone that something points to, the most trusted first."""
    table = borrower.table("zones")
    zones = [_zone(table, evidence) for evidence in ZoneEvidence if table.has(evidence)]
    table.finish()
    return tuple(dict.fromkeys(zones))


def _zone(table: Table, key: str) -> str:
    name = table.text(key)
    if find_zone(name) is None:
        raise table.error(key, f"{name!r} is no time zone: an IANA name, like Asia/Shanghai")
    return name


def _clock(table: Table, zones: tuple[str, ...]) -> ZoneInfo:
    """In which zone the case's times are written: named, or the borrower's first."""
    name = _zone(table, "clock") if table.has("clock") else next(iter(zones), None)
    if name is None:
        raise table.error("clock", "is missing: without borrower.zones nobody knows whose clock the times are by")
    return ZoneInfo(name)


def _lender(table: Table) -> dict[str, Any]:
    found = {
        "actor_role": table.choice("role", ActorRole, ActorRole.FIRST_PARTY),
        "lender_type": table.choice("type", LenderType) if table.has("type") else None,
        "lender_country": table.text("country") if table.has("country") else None,
    }
    table.finish()
    return found


def _borrower(table: Table) -> dict[str, Any]:
    return {
        "residence": place_of(table, "residence"),
        "present": place_of(table, "present"),
        "carrier_country": table.text("carrier_country") if table.has("carrier_country") else None,
        "debtor_type": table.choice("type", DebtorType, DebtorType.NATURAL_PERSON),
        "underage": table.flag("underage") if table.has("underage") else None,
        "debtor_state": frozenset(table.choices("state", DebtorState, ())),
        "dpd": _whole(table, "dpd"),
        "amount_minor": _whole(table, "amount_minor"),
        "product": table.text("product") if table.has("product") else None,
        "open_items": table.whole("open_items", 1, low=0, high=_MOST),
        "autopay": table.flag("autopay", default=False),
        "holds": tuple(range(1, 1 + table.whole("holds", 0, low=0, high=100))),
        "opted_out": table.flag("opted_out", default=False),
        "preferred_hours": hours_of(table, "preferred_hours"),
        "preferred_channels": frozenset(table.choices("preferred_channels", Medium, ())),
    }


def _contact(table: Table, page: Page) -> dict[str, Any]:
    return {
        "contact_id": 1,
        "borrower_id": 1,
        "channel": channel_of(table, "channel"),
        "purpose": table.choice("purpose", Purpose, Purpose.COLLECTION_INFORMATIONAL),
        "consent": table.choice("consent", Consent, Consent.GRANTED) if table.flag("address", default=True) else None,
        "address_valid": table.flag("address_valid", default=True),
        "address_verified_at": table.moment("address_verified", page.zone) if table.has("address_verified") else None,
        "visit_announced_at": table.moment("visit_announced", page.zone) if table.has("visit_announced") else None,
        "number": table.text("number") if table.has("number") else None,
        "debts": page.debts(table),
        "recipient": table.choice("recipient", Party, Party.DEBTOR),
        "recipient_refused": table.flag("recipient_refused", default=False),
        "touches_today": 0,
        "reached_today": table.flag("reached_today", default=False),
        "stop": frozenset(table.choices("stop", StopRule, tuple(StopRule))),
        **_circumstances(table),
    }


def _circumstances(table: Table) -> dict[str, Any]:
    return {
        "at_workplace": table.flag("at_workplace", default=False),
        "employer_address": table.flag("employer_address", default=False),
        "employer_address_used": table.flag("employer_address_used", default=False),
        "employer_forbids": table.flag("employer_forbids") if table.has("employer_forbids") else None,
        "identity_verified": table.flag("identity_verified", default=False),
        "first_contact": table.flag("first_contact", default=False),
        "notices": frozenset(table.choices("notices", NoticeBefore, ())),
        "staff": _whole(table, "staff"),
    }


def _said(table: Table, page: Page, lexicon: Lexicon, contact: tuple[object, datetime]) -> tuple[bool, bool]:
    """Did the borrower's own words stop this channel by then, or put it on hold until a person has read them?"""
    channel, now = contact
    stopped = unsure = False
    for said in table.tables("said", some=False):
        meaning, way = lexicon.understand(said.text("text")), channel_of(said, "channel")
        heard = said.moment("at", page.zone) <= now
        said.finish()
        if not heard or meaning is None or meaning.intent is not Intent.STOP:
            continue
        if way == channel or meaning.scope.width > Scope.CHANNEL.width:
            stopped, unsure = stopped or meaning.sure, unsure or not meaning.sure
    return stopped, unsure


def _packs(table: Table, knowledge: Knowledge) -> tuple[Pack, ...]:
    names = table.texts("packs")
    for name in names:
        if name not in knowledge.packs:
            raise table.error("packs", f"unknown: {name!r}; the packs are {', '.join(sorted(knowledge.packs))}")
    return tuple(knowledge.packs[name] for name in dict.fromkeys(names))


def _rules(table: Table, key: str, packs: Iterable[Pack], also: Iterable[str] = ()) -> frozenset[str]:
    """Ids of rules, each of these packs or of `also`: a misspelt one would prove nothing."""
    named = table.texts(key, ())
    known = {rule.id for pack in packs for rule in pack.rules}.union(also)
    for name in named:
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise table.error(key, f"no rule of these packs: {name!r}{hint}")
    return frozenset(named)


def _expected(table: Table, page: Page, packs: Sequence[Pack]) -> Expected:
    expected = Expected(
        decision=table.choice("decision", Decision),
        rules=_rules(table, "rules", packs, BUILT_IN),
        until=table.moment("until", page.zone) if table.has("until") else None,
        evidence=frozenset(table.texts("evidence", ())),
        reported=_rules(table, "reported", packs),
    )
    table.finish()
    return expected


def _whole(table: Table, key: str) -> int | None:
    return table.whole(key, low=0, high=_MOST) if table.has(key) else None
