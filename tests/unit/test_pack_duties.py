"""What packs demand beside yes and no: words in the text, and the duties of several packs as one."""

import dataclasses
from typing import Any

import pytest

from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.disclosures import missing_disclosures
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import DisclosureWhen, OptOutScope, Position
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.merge import Duties, duties
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.periods import DayClock, Deadline, Period
from duecourse.policy.packs.regime import Regime
from duecourse.policy.packs.vocabulary import Medium
from tests.gate_rules import FINE, NOON, ask, pack, rule


def regime(*params: p.Params, **facts: Any) -> Regime:

    return PackSet([pack(*params)]).applying(dataclasses.replace(FINE, **facts), NOON)


def merged(*packs: Pack) -> Duties:
    return duties(PackSet(packs).applying(FINE, NOON))


def fragment(text: str | None = "from a debt collector", **changed: Any) -> p.Fragment:
    return p.Fragment(**{"id": "who", "lang": "en", "text": text, **changed})


def disclosure(*fragments: p.Fragment, when: DisclosureWhen = DisclosureWhen.EVERY, **changed: Any) -> p.Disclosure:
    return p.Disclosure(when=when, fragments=fragments, **changed)


# ---------------------------------------------------------------- words in the text


@pytest.mark.parametrize("locale", ["en", "en-US", "EN_GB"])
def test_words_are_found_whatever_their_case_and_gaps(locale: str) -> None:
    asked = regime(disclosure(fragment()))
    assert missing_disclosures("This is from a\n  Debt Collector.", locale, asked) == ()
    assert missing_disclosures("This is from a bank.", locale, asked) == ("r/who",)


def test_every_fragment_is_needed_and_of_one_id_any_wording_will_do() -> None:
    asked = regime(disclosure(fragment(), fragment("owed to", id="what"), fragment("due to", id="what")))
    assert missing_disclosures("from a debt collector, due to us", "en", asked) == ()
    assert missing_disclosures("due to us", "en", asked) == ("r/who",)
    assert missing_disclosures("nothing", "en", asked) == ("r/who", "r/what")


def test_a_language_without_words_of_its_own_is_refused_unless_any_language_will_do() -> None:
    text = "from a debt collector"
    assert missing_disclosures(text, "es", regime(disclosure(fragment()))) == ("r",)
    assert missing_disclosures(text, "es", regime(disclosure(fragment(lang="*")))) == ()
    assert missing_disclosures(text, "es", regime(disclosure(fragment(), same_language=False))) == ()
    assert missing_disclosures("", "en", regime(disclosure(same_language=False))) == ("r",)


def test_words_of_another_language_are_not_those_of_this_one() -> None:
    asked = regime(disclosure(fragment(), fragment("de un cobrador", lang="es")))
    assert missing_disclosures("de un cobrador", "es", asked) == ()
    assert missing_disclosures("de un cobrador", "en", asked) == ("r/who",)


@pytest.mark.parametrize(
    ("position", "texts"),
    [
        (Position.PREFIX, {"stop now", "stop stop"}),
        (Position.SUFFIX, {"do stop", "stop stop"}),
        (Position.ANY, {"stop now", "do stop", "do stop now", "stop stop"}),
    ],
)
def test_words_may_have_their_place(position: Position, texts: set[str]) -> None:
    asked = regime(disclosure(fragment("stop", position=position)))
    tried = {"stop now", "do stop", "do stop now", "stop stop", "none"}
    assert {text for text in tried if not missing_disclosures(text, "en", asked)} == texts


def test_words_may_be_a_pattern_and_plain_words_are_none() -> None:
    assert missing_disclosures("call 0800 1", "en", regime(disclosure(fragment(None, regex=r"\d{4}")))) == ()
    assert missing_disclosures("a.c", "en", regime(disclosure(fragment("a.c")))) == ()
    assert missing_disclosures("abc", "en", regime(disclosure(fragment("a.c")))) == ("r/who",)


def test_some_words_are_for_the_first_time_and_some_for_the_first_talk() -> None:
    first = regime(disclosure(fragment(), when=DisclosureWhen.INITIAL))
    assert missing_disclosures("", "en", first) == ("r/who",)
    assert missing_disclosures("", "en", first, first=False) == ()
    oral = disclosure(fragment(), when=DisclosureWhen.FIRST_ORAL)
    assert missing_disclosures("", "en", regime(oral)) == ()
    assert missing_disclosures("", "en", regime(oral, channel=Medium.CALL)) == ("r/who",)
    assert missing_disclosures("", "en", regime(oral, channel=Medium.CALL), first=False) == ()


@pytest.mark.parametrize(
    "text",
    [
        "Reply STOP to opt out.",
        "回复TD退订",
        "拒收请回复R",
        "https://x.example/unsubscribe/1",
        "Responda SAIR",
        "STOP以退出",
    ],
)
def test_a_text_shows_the_way_out_in_any_usual_words(text: str) -> None:
    asked = regime(p.OptOut(scope=OptOutScope.CHANNEL, text_required=True))
    assert missing_disclosures(text, "en", asked) == ()


def test_a_text_without_a_way_out_is_refused_where_one_is_demanded() -> None:
    needed = p.OptOut(scope=OptOutScope.CHANNEL, text_required=True)
    assert missing_disclosures("We stopped by. Nonstop!", "en", regime(needed)) == ("r",)
    assert missing_disclosures("no", "en", regime(p.OptOut(scope=OptOutScope.CHANNEL))) == ()


def test_a_rule_may_name_the_only_words_that_it_accepts() -> None:
    vendor = p.OptOut(scope=OptOutScope.SENDER, text_required=True, accepted_texts=("拒收请回复R", "回TD退订"))
    assert missing_disclosures("您好。拒收请回复r", "zh-CN", regime(vendor)) == ()
    assert missing_disclosures("Reply STOP", "zh-CN", regime(vendor)) == ("r",)


# ---------------------------------------------------------------- what an allow demands


def test_an_allow_says_what_the_contact_must_keep_to() -> None:
    bound = pack(
        disclosure(fragment(), when=DisclosureWhen.INITIAL),
        p.OptOut(scope=OptOutScope.CHANNEL, text_required=True),
        p.OptOut(scope=OptOutScope.CHANNEL),
        p.IdentityGate(verify_before=frozenset({"amount"})),
        p.Carrier(signature=True),
        p.Carrier(),
        p.Automation(human_exit=True),
        p.Automation(disclose_ai=True),
        p.Automation(),
        p.Recording(),
        p.DataMinimum(),
        p.CallerId(),
        p.ProhibitedContent(categories=("threat",)),
        p.Retention(object="x"),
    )
    asked = (
        "disclosure:r", "opt-out:r1", "identity:r3", "signature:r4", "automation:r6", "automation:r7", "recording:r9",
        "data-minimum:r10", "caller-id:r11", "content:r12",
    )  # fmt: skip
    said = ask(bound)
    assert said.requires == asked
    assert said.as_json()["requires"] == list(asked)
    known = ask(bound, first_contact=False, identity_verified=True).requires
    assert set(asked) - set(known) == {"disclosure:r", "identity:r3"}
    assert ask(bound, first_contact=True).requires == asked
    assert ask(bound, opted_out=True).requires == ()


def test_what_strangers_may_see_or_hear_says_nothing_of_a_debt() -> None:
    assert ask(channel=ChannelKind.PUSH).requires == ("neutral:lock-screen",)
    assert ask(channel=Medium.VOICEMAIL).requires == ("neutral:voicemail",)
    assert ask(channel=ChannelKind.SMS).requires == ()
    assert ask(pack(p.Recording()), channel=ChannelKind.PUSH).requires == ("neutral:lock-screen", "recording:r")


def test_a_visit_demands_what_its_rule_says() -> None:
    assert ask(pack(p.Visit(id_card=True)), channel=Medium.VISIT, staff=1).requires == ("visit:r",)


# ---------------------------------------------------------------- duties of several packs


def kept(least: int | None, most: int | None, what: str = "record") -> p.Retention:
    months = [None if one is None else Period(months=one) for one in (least, most)]
    return p.Retention(object=what, min=months[0], max=months[1])


def test_records_are_kept_for_the_longest_minimum_and_no_longer_than_the_shortest_maximum() -> None:
    found = merged(
        pack(kept(24, None), kept(None, 84), kept(6, None, "recording")), pack(rule(kept(36, 60), "x"), id="x")
    )
    record = found.kept["record"]
    assert (record.min, record.max) == (Period(months=36), Period(months=60))
    assert record.rules == ("r", "r1", "x")
    assert found.kept["recording"].max is None
    assert found.conflicts == ()


def test_records_that_cannot_be_kept_by_all_rules_go_to_a_person() -> None:
    [conflict] = merged(pack(kept(36, None), kept(None, 24))).conflicts
    assert (conflict.what, conflict.rules) == ("retention of record", ("r", "r1"))
    assert merged(pack(kept(24, 24))).conflicts == ()


def test_periods_of_months_and_days_compare() -> None:
    found = merged(pack(p.Retention(object="x", min=Period(days=60)), p.Retention(object="x", min=Period(months=1))))
    assert found.kept["x"].min == Period(days=60)


def in_(n: int, clock: DayClock = DayClock.CALENDAR_DAYS) -> Deadline:
    return Deadline(n=n, clock=clock)


def test_complaints_are_answered_by_the_shortest_deadline_of_each_kind() -> None:
    usual, complex_ = p.Stage(deadline=in_(15)), p.Stage(deadline=in_(30), condition="complex")
    slow = p.Stage(deadline=in_(8, DayClock.WEEKS))
    found = merged(pack(p.ComplaintSla(stages=(complex_, slow)), p.ComplaintSla(stages=(usual,))))
    assert found.complaint_stages == (usual, complex_)


def test_rights_are_granted_by_the_shortest_deadline_of_each() -> None:
    found = merged(
        pack(
            p.DataRights(right="access", deadline=in_(1, DayClock.MONTHS)),
            p.DataRights(right="access", deadline=in_(72, DayClock.HOURS)),
            p.DataRights(right="delete", deadline=in_(15, DayClock.BUSINESS_DAYS)),
        )
    )
    assert found.data_rights == {"access": in_(72, DayClock.HOURS), "delete": in_(15, DayClock.BUSINESS_DAYS)}


def test_letting_go_is_as_wide_and_as_soon_as_any_pack_says() -> None:
    once = p.Confirmation(max=1)
    found = merged(
        pack(
            p.OptOut(scope=OptOutScope.ADDRESS, keywords=("stop",), deadline=in_(10), confirmation=once),
            p.OptOut(scope=OptOutScope.SENDER, keywords=("TD",), deadline=in_(24, DayClock.HOURS)),
            p.OptOut(scope=OptOutScope.CHANNEL, confirmation=p.Confirmation(max=2)),
        )
    ).letting_go
    assert found is not None
    assert (found.scope, found.deadline) == (OptOutScope.SENDER, in_(24, DayClock.HOURS))
    assert found.keywords == {"stop", "TD"}
    assert (found.confirmations, found.rules) == (1, ("r", "r1", "r2"))
    forbidden = p.OptOut(scope=OptOutScope.ADDRESS, confirmation=p.Confirmation(max=0))
    none = merged(pack(forbidden, p.OptOut(scope=OptOutScope.ALL, confirmation=once))).letting_go
    assert none is not None
    assert none.confirmations == 0


def test_packs_that_say_nothing_of_letting_go_say_nothing() -> None:
    assert merged(pack()).letting_go is None
    silent = merged(pack(p.OptOut(scope=OptOutScope.ALL))).letting_go
    assert silent is not None
    assert (silent.confirmations, silent.deadline) == (0, None)
