"""The tone guard: what may not be said is found through every disguise, and what is true and kind passes."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.policy.tone import (
    Category,
    Finding,
    LegalStatus,
    OfferExpiry,
    Recipient,
    Sender,
    Severity,
    ToneChannel,
    ToneContext,
)
from duecourse.settings.tone import load_tone

GUARD = load_tone(Path(__file__).parents[2] / "config")
TO_DEBTOR = ToneContext()


def categories(text: str, context: ToneContext = TO_DEBTOR) -> set[Category]:
    return {finding.category for finding in GUARD.lint(text, context)}


def words(text: str, finding: Finding) -> str:
    return text[finding.start : finding.end]


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("再不还钱就打断你的腿。", Category.VIOLENCE),
        ("Pay me or I will break your legs.", Category.VIOLENCE),
        ("每天轮流给你全家打电话，打到你还为止。", Category.ILLEGAL_ACTION),
        ("We will garnish your wages tomorrow, no judge needed.", Category.ILLEGAL_ACTION),
        ("不还就抓你去坐牢。", Category.FALSE_LEGAL_CLAIM),
        ("You will be arrested if you do not pay.", Category.FALSE_LEGAL_CLAIM),
        ("我是区法院的王法官，你的贷款今天必须结清。", Category.IMPERSONATION),
        ("This is Officer Reed with the police about your loan.", Category.IMPERSONATION),
        ("不还钱就群发你的通讯录，让你同事都知道。", Category.SHAMING),
        ("We will tell your boss and your friends about your debt.", Category.SHAMING),
        ("你这个人渣，赶紧还钱。", Category.INSULT),
        ("Pay your bill, you worthless deadbeat.", Category.INSULT),
        ("今晚不还，征信永久拉黑。", Category.FALSE_URGENCY),
        ("Pay within the hour or your credit is ruined forever.", Category.FALSE_URGENCY),
        ("（信封正面）债务人刘某，逾期欠款18,900元。", Category.DISCLOSURE),
        ("Postcard: your loan is past due, pay $415.", Category.DISCLOSURE),
    ],
)
def test_each_category_is_found_in_both_languages(text: str, category: Category) -> None:
    assert category in categories(text)


@pytest.mark.parametrize(
    "text",
    [
        "再 不 还 钱 就 打 断 你 的 腿",
        "再不还钱就打*断*你*的*腿",
        "再不还钱就打，断，你，的，腿",
        "再不還錢就打斷你的腿",
        "再不还钱就da断你的腿",
        "不还就抓你去zuo牢",
        "不还就抓你去做牢",
        "fǎ院传票已经寄到你家",
        "b u huan qian jiu zuo lao qu",
        "不还钱就打\u200b断\u200b你的腿",
        "赶紧还钱，ＣＮＭ",
        "赶紧还钱，沙币",
        "🔪 明晚见",
        "You will go to j a i l",
        "You will go to j.a.i.l",
        "You will go to j4il",
        "You will go to jа1l",  # the a is Cyrillic
        "Ｙｏｕ ｗｉｌｌ ｇｏ ｔｏ ｊａｉｌ",
        "You will go to jai\u200bl",
        "You're a piece of sh*t",
        "You f**king deadbeat",
        "pay up you l0000ser",
    ],
)
def test_no_disguise_helps(text: str) -> None:
    assert GUARD.lint(text, TO_DEBTOR)


@pytest.mark.parametrize(
    "text",
    [
        "我们绝不会威胁您，也不会联系您的家人。",
        "谨防诈骗：自称公安、法院要求转账的都是骗子。",
        "如无法达成还款安排，我们可能考虑通过法律途径解决。目前尚未起诉。",
        "您的借款逾期7天，罚息按合同计算。如有困难，可以申请延期。",
        "还款提醒：本期账单1,203.45元，6月15日到期。回复TD退订",
        "收到验证码的时候请不要告诉任何人。",
        "您的孩子刚出生，恭喜！还款日可以往后调。",
        "收件人请签收时核对姓名。",
        "暂停电话联系期间，您的记录不受影响。",
        "We will never threaten you, call your family or tell your employer.",
        "You cannot be arrested for not paying this loan.",
        "If we can't agree we may consider court action. None has been started.",
        "Beware of scams: a caller who claims to be the police is not us.",
        "Your account is 15 days past due. If money is tight, tell us what you can afford.",
        "We're sorry to hear you got hurt. Your payments are on hold.",
        "Our agents made a few calls to check your address.",
        "",
        " \n ",
    ],
)
def test_what_is_true_and_kind_passes(text: str) -> None:
    assert GUARD.lint(text, TO_DEBTOR) == ()


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("We will not sue you, but we will tell your boss about your debt.", Category.SHAMING),
        ("We will never threaten you, we will break your legs.", Category.VIOLENCE),
        ("The customer said he is poor, but we will have him arrested.", Category.FALSE_LEGAL_CLAIM),
        ("我们不会起诉您，但会告诉您单位领导您欠款的事。", Category.SHAMING),
        ("我们绝不骂人，不过会打断你的腿。", Category.VIOLENCE),
        ("客户称没有钱，我们就抓他去坐牢。", Category.FALSE_LEGAL_CLAIM),
    ],
)
def test_a_denial_or_a_report_excuses_its_own_clause_only(text: str, category: Category) -> None:
    assert category in categories(text)


@pytest.mark.parametrize(
    "text",
    [
        "We will not sue you, and we will never tell your boss about your debt.",
        "The customer said that another agency threatened to break his legs. Complaint logged.",
        "我们不会起诉您，也不会告诉您单位领导。",
        "客户称上一家催收威胁要打断他的腿，已登记投诉。",
    ],
)
def test_what_is_denied_or_reported_in_its_own_clause_passes(text: str) -> None:
    assert GUARD.lint(text, TO_DEBTOR) == ()


def test_a_legal_step_may_be_told_only_where_it_was_taken() -> None:
    text = "我们已向法院提起诉讼，请您联系我们还款。"
    assert categories(text, ToneContext(legal_status=LegalStatus.NONE)) == {Category.FALSE_LEGAL_CLAIM}
    assert categories(text) == {Category.FALSE_LEGAL_CLAIM}
    assert categories(text, ToneContext(legal_status=LegalStatus.FILED)) == set()


def test_a_judgment_that_exists_does_not_excuse_a_threat_of_arrest() -> None:
    text = "The court entered a judgment against you, so you will be arrested."
    assert Category.FALSE_LEGAL_CLAIM in categories(text, ToneContext(legal_status=LegalStatus.JUDGMENT))


def test_the_debt_is_spoken_of_with_the_debtor_only() -> None:
    text = "您好，本期贷款明天到期。"
    assert categories(text) == set()
    assert categories(text, ToneContext(recipient=Recipient.THIRD_PARTY)) == {Category.SHAMING}
    assert categories(text, ToneContext(recipient=Recipient.UNVERIFIED)) == {Category.DISCLOSURE}
    assert categories(text, ToneContext(channel=ToneChannel.PUBLIC)) == {Category.SHAMING}
    assert categories(text, ToneContext(channel=ToneChannel.VOICEMAIL)) == {Category.DISCLOSURE}


def test_who_is_a_law_firm_may_say_so() -> None:
    text = "This is the law firm of Baker and Hale, calling about your account."
    assert Category.IMPERSONATION in categories(text, ToneContext(sender=Sender.AGENCY))
    assert Category.IMPERSONATION not in categories(text, ToneContext(sender=Sender.LAW_FIRM))


def test_an_offer_may_end_where_it_really_does() -> None:
    text = "The settlement offer expires today at 5 pm."
    assert categories(text, ToneContext(offer_expiry=OfferExpiry.FALSE)) == {Category.FALSE_URGENCY}
    assert categories(text, ToneContext(offer_expiry=OfferExpiry.TRUE)) == set()


def test_a_finding_points_at_the_words_as_they_were_written_and_says_it_better() -> None:
    text = "您好。再 不 還 錢，就 打*斷*你 的 腿！谢谢"
    (finding,) = (one for one in GUARD.lint(text, TO_DEBTOR) if one.category is Category.VIOLENCE)
    assert words(text, finding).startswith("打*斷*你")
    assert (finding.rule, finding.severity) == ("zh.violence.harm", Severity.BLOCKING)
    assert "商量" in finding.suggestion


def test_what_only_the_classifier_doubts_is_advisory() -> None:
    text = "难怪没人跟你来往，看看你自己混成什么样。"
    (finding,) = GUARD.lint(text, TO_DEBTOR)
    assert (finding.rule, finding.severity) == ("model.zh", Severity.ADVISORY)


@pytest.mark.parametrize(
    ("kind", "threat"),
    [
        (
            "您好，您的账单已生成，请登录应用查看。如有疑问，欢迎致电客服，我们会尽快答复您。感谢您一直以来的信任与支持。",
            "我们技术这边可以直接远程锁你手机、导你通讯录，你试试看。",
        ),
        (
            (
                "Thank you for your call. Your statement is attached, and you can pay in the app or by card. "
                "If money is tight, tell us what you can afford and we will look at a smaller payment together. "
                "There is no fee for a plan. "
            ),
            "Our field team will strip your apartment tonight and take whatever they like. ",
        ),
    ],
)
def test_a_threat_that_no_rule_knows_does_not_drown_in_a_long_kind_text(kind: str, threat: str) -> None:
    assert GUARD.lint(kind + kind, TO_DEBTOR) == ()
    (finding,) = GUARD.lint(kind + threat + kind, TO_DEBTOR)
    assert finding.rule.startswith("model.")
    assert words(kind + threat + kind, finding).strip() == threat.strip()


def test_each_category_is_reported_once() -> None:
    text = "打断你的腿，弄死你，不还钱就砍你。坐牢去吧，等着坐牢。"
    found = [finding.category for finding in GUARD.lint(text, TO_DEBTOR)]
    assert len(found) == len(set(found))
    assert set(found) >= {Category.VIOLENCE, Category.FALSE_LEGAL_CLAIM}


CONTEXTS = st.builds(
    ToneContext,
    recipient=st.sampled_from(Recipient),
    channel=st.sampled_from(ToneChannel),
    legal_status=st.sampled_from(LegalStatus),
    sender=st.sampled_from(Sender),
    offer_expiry=st.sampled_from(OfferExpiry),
)
PIECES = st.sampled_from([
    "打断你的腿",
    "法 院",
    "还 钱",
    "jail",
    "j a i l",
    "f**k",
    "🔪",
    "\u200b",
    "。",
    ". ",
    "ﬁ",
    "İ",
    "征信永久",
    "\ud800",
])
TEXTS = st.one_of(
    st.text(), st.lists(st.one_of(PIECES, st.text(max_size=4)), max_size=12).map("".join), st.text(alphabet="ab!*'@1 .")
)


@given(text=TEXTS, context=CONTEXTS)
def test_any_text_is_judged_and_every_span_lies_inside_it(text: str, context: ToneContext) -> None:
    for finding in GUARD.lint(text, context):
        assert 0 <= finding.start < finding.end <= len(text)
        assert finding.suggestion


@given(text=TEXTS)
def test_every_character_of_the_normal_text_knows_where_it_came_from(text: str) -> None:
    normal = GUARD.folding.normal(text)
    assert len(normal.starts) == len(normal.ends) == len(normal.text)
    assert list(normal.starts) == sorted(normal.starts)
    for char, start, end in zip(normal.text, normal.starts, normal.ends, strict=True):
        assert 0 <= start < end <= len(text)
        assert char in GUARD.folding.normal(text[start:end]).text


@given(text=TEXTS, context=CONTEXTS)
def test_the_same_text_is_always_judged_alike(text: str, context: ToneContext) -> None:
    assert GUARD.lint(text, context) == GUARD.lint(text, context)
