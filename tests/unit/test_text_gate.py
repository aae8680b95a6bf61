"""The words themselves: what must stand in them, what strangers may not learn from them, what carriers refuse."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.message import Rendered
from duecourse.domain.verdict import Verdict
from duecourse.domain.vocabulary import ChannelKind, Decision
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import DisclosureWhen, OptOutScope
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.model import Pack
from duecourse.policy.packs.vocabulary import Medium
from duecourse.policy.telling import told
from duecourse.policy.text_gate import judge_text
from tests.gate_rules import FINE, NOON, pack


def read(text: str, *packs: Pack, subject: str | None = None, html: str | None = None, **facts: Any) -> Verdict | None:
    body = Rendered(text=text, subject=subject, html=html)
    return judge_text(dataclasses.replace(FINE, **facts), NOON, PackSet(packs), body=body, locale="en")


def words(said: Verdict | None) -> list[str]:
    assert said is None or said.decision is Decision.SUPPRESS
    return said.facts["words"] if said else []


REFUSAL = pack(p.OptOut(scope=OptOutScope.CHANNEL, text_required=True))
SECRET = frozenset({"debt_exists", "amount", "dpd"})


@pytest.mark.parametrize(
    ("text", "tells"),
    [
        ("Hi Ann, there is something for today in the app.", set()),
        ("应用内有一条关于今天的提醒。", set()),
        ("Please call Acme at 0800 123 456.", set()),
        ("$ 120 today", {"amount"}),
        ("Pay 1,200.50 EUR", {"amount"}),
        ("请付1200元", {"amount"}),
        ("R$50", {"amount"}),
        ("3 europeans", set()),
        ("your loan", {"debt_exists"}),
        ("A sloanes square", set()),
        ("您的账单", {"debt_exists"}),
        ("Su cuota vence hoy", {"debt_exists"}),
        ("It is 5 days late", {"debt_exists", "dpd"}),
        ("逾期3天", {"debt_exists", "dpd"}),
        ("3 days left", set()),
        ("three days late", set()),
        ("已逾期", {"debt_exists", "dpd"}),
        ("OVERDUE: two INSTALLMENTS", {"debt_exists"}),
        ("a loaner, reowed", set()),
        ("Khoản Vay", {"debt_exists"}),
    ],
)
def test_a_text_tells_of_a_debt_of_money_or_of_being_late(text: str, tells: set[str]) -> None:
    assert told(text) == tells


@pytest.mark.parametrize("channel", [ChannelKind.PUSH, Medium.VOICEMAIL])
def test_a_lock_screen_and_a_tape_say_nothing_of_a_debt(channel: ChannelKind | Medium) -> None:
    assert read("Have a look in the app.", channel=channel) is None
    refused = read("Your loan: 5 days late, $20", channel=channel)
    assert refused is not None
    assert refused.rules == ("neutral",)
    assert words(refused) == ["neutral/amount", "neutral/debt_exists", "neutral/dpd"]
    assert refused.next_channel
    assert words(read("See the app.", subject="Your loan", channel=channel)) == ["neutral/debt_exists"]
    assert read("Your loan", channel=ChannelKind.SMS) is None


def test_details_wait_until_it_is_known_who_listens() -> None:
    gate = pack(p.IdentityGate(verify_before=frozenset({"amount"})))
    assert words(read("$20 of your loan", gate)) == ["r/amount"]
    assert read("$20 of your loan", gate, identity_verified=True) is None
    assert read("your loan", gate) is None


def test_a_rule_may_keep_a_field_out_of_a_text_whoever_reads_it() -> None:
    minimum = pack(p.DataMinimum(deny_fields=("amount", "national_id")))
    assert words(read("$20", minimum, identity_verified=True)) == ["r/amount"]
    assert read("your loan", minimum) is None


def test_missing_words_refuse_the_text_and_are_named_with_their_source() -> None:
    said = read("Pay soon.", REFUSAL)
    assert said is not None
    assert (said.rules, said.packs, words(said)) == (("r",), ("us@1",), ["r"])
    assert [(one.rule, one.source) for one in said.citations] == [("r", "The Act")]
    assert read("Pay soon. Reply STOP.", REFUSAL) is None


@pytest.mark.parametrize(
    ("text", "shows"),
    [
        ("stop", True),
        ("Reply STOP.", True),
        ("Reply 'Stop1'", True),
        ("A nonstop flight, stopped in no stopover", False),
        ("nonstop or stop", True),
        ("OPT-OUT, opt out", True),
        ("optout", True),
        ("opt  out, adopt-out", False),
        ("Responda BAJA", True),
        ("nhắn HỦY", True),
        ("nhắn Hủyx", False),
        ("回复stop退", True),
        ("拒收请回复R", True),
        ("UNSUBSCRİBE", True),
        ("stopı", False),
        ("Pay soon.", False),
    ],
)
def test_a_way_out_is_a_word_by_itself_whatever_its_case(text: str, *, shows: bool) -> None:
    assert (read(text, REFUSAL) is None) is shows


def test_each_part_of_a_mail_must_hold_by_itself_and_the_subject_belongs_to_both() -> None:
    good = "Reply STOP."
    assert read(good, REFUSAL, html="<p>Reply <b>STOP</b></p>") is None
    assert words(read(good, REFUSAL, html='<p class="stop">Pay</p>')) == ["r"]
    assert words(read("Pay", REFUSAL, html="<p>STOP</p>")) == ["r"]
    assert read("Pay", REFUSAL, html="<p>Pay</p>", subject="STOP") is None


def test_the_first_words_must_say_more() -> None:
    who = p.Fragment(id="who", lang="en", text="debt collector")
    initial = pack(p.Disclosure(when=DisclosureWhen.INITIAL, fragments=(who,)))
    assert words(read("Hello", initial)) == ["r/who"]
    assert words(read("Hello", initial, first_contact=True)) == ["r/who"]
    assert read("Hello", initial, first_contact=False) is None


@pytest.mark.parametrize(
    ("carrier", "text", "faults"),
    [
        (p.Carrier(signature=True), "【港湾】您好", []),
        (p.Carrier(signature=True), "【港湾】您好\n再见", []),
        (p.Carrier(signature=True), "您好【港湾】", ["r/signature"]),
        (p.Carrier(signature=True), "【港湾】您好【再】", ["r/signature"]),
        (p.Carrier(signature=True), "【港】您好", ["r/signature"]),
        (p.Carrier(signature=True), "您好", ["r/signature"]),
        (p.Carrier(max_chars=3), "abc", []),
        (p.Carrier(max_chars=3), "abcd", ["r/length"]),
        (p.Carrier(banned_topics=("催款",)), "这是催款", ["r/topic"]),
        (p.Carrier(banned_topics=("催款",)), "这是提醒", []),
    ],
)
def test_what_a_carrier_refuses_is_refused_before_it(carrier: p.Carrier, text: str, faults: list[str]) -> None:
    assert words(read(text, pack(carrier))) == faults


@given(text=st.text(), subject=st.none() | st.text(), html=st.none() | st.text(), locale=st.text(max_size=6))
def test_every_text_has_an_answer_that_never_quotes_it(
    text: str, subject: str | None, html: str | None, locale: str
) -> None:
    body = Rendered(text=f"canary {text}", subject=subject, html=html)
    packs = PackSet([pack(p.OptOut(scope=OptOutScope.CHANNEL, text_required=True, accepted_texts=("~",)))])
    said = judge_text(FINE, NOON, packs, body=body, locale=locale)
    if html is None:
        assert (said is None) is ("~" in f"{subject or ''} {text}")
    assert "canary" not in repr(said)


def test_a_fault_of_ours_lets_no_words_out() -> None:
    said = judge_text(FINE, NOON, PackSet([]), body=None, locale="en")  # type: ignore[arg-type]
    assert said is not None
    assert (said.decision, said.rules) == (Decision.SUPPRESS, ("policy-error",))
