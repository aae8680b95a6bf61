"""Texts say what is true, to whom it is meant, in their language, or do not leave."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.book import DueItem
from duecourse.domain.errors import ConfigError, TemplateError
from duecourse.domain.money import Money
from duecourse.domain.tokens import make_token, read_token, token_key
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import TextRequest
from duecourse.settings import Links
from duecourse.texts import JinjaTexts, load_library, segments
from duecourse.texts.formats import one_line, safe_name
from duecourse.texts.library import OFFERED
from duecourse.texts.values import MAKERS, House

CONFIG = Path(__file__).parents[2] / "config"
KEY = token_key(bytes(32))
HOUSE = House(
    lender="Acme & Sons",
    public_url="https://duecourse.example",
    links=Links(pay="https://pay.example/{token}", help="{public_url}/help/{token}"),
    key=KEY,
)
GREETING = 'variables = ["name"]\n[sms]\ntext = "Hi {{ name }}"\n'


def item(minor: int = 65253, currency: str = "USD", loan: str = "LC-1") -> DueItem:
    return DueItem(
        instalment_id=1,
        loan_id=1,
        loan_reference=loan,
        due_on=date(2018, 3, 1),
        number=2,
        outstanding=Money(minor=minor, currency=currency),
    )


def request(**changed: Any) -> TextRequest:
    values: dict[str, Any] = {
        "template": "due_today",
        "channel": ChannelKind.SMS,
        "locale": "en",
        "name": "Ann",
        "due_on": date(2018, 3, 1),
        "items": (item(),),
        "contact_id": 77,
    }
    return TextRequest(**(values | changed))


def texts_of(folder: Path, *, maximum: int = 4) -> JinjaTexts:
    return JinjaTexts(load_library(folder), HOUSE, max_sms_segments=maximum)


def shelf(folder: Path, text: str = GREETING, *, locale: str = "en", name: str = "greet") -> Path:
    place = folder / "templates" / locale
    place.mkdir(parents=True, exist_ok=True)
    (place / f"{name}.toml").write_text(text)
    return folder


@pytest.fixture(scope="module")
def shipped() -> JinjaTexts:
    return texts_of(CONFIG)


def test_an_sms_names_the_person_first_then_amount_date_links_and_the_way_out(shipped: JinjaTexts) -> None:
    rendered = shipped.render(request())
    token = make_token(KEY, 77)
    assert rendered.text == (
        f"Ann, $652.53 is due today, March 1, 2018. Pay: https://pay.example/{token} Cannot pay today? "
        f"https://duecourse.example/help/{token} Acme & Sons. Reply STOP to opt out."
    )
    assert (rendered.segments, rendered.subject, rendered.html, rendered.headers) == (2, None, None, {})


def test_a_chinese_sms_is_chinese_throughout_and_counts_its_segments(shipped: JinjaTexts) -> None:
    rendered = shipped.render(request(locale="zh-CN", name="王芳", items=(item(120000, "CNY"),)))
    assert "王芳，您好！¥1,200.00今天（2018年3月1日）到期" in rendered.text
    assert "回复TD退订" in rendered.text
    assert rendered.segments == -(-len(rendered.text) // 67)


def test_an_email_carries_one_click_unsubscribe_both_bodies_and_every_instalment(shipped: JinjaTexts) -> None:
    items = (item(loan="LC-1"), item(10000, loan="LC-2"))
    rendered = shipped.render(request(channel=ChannelKind.EMAIL, items=items))
    link = f"https://duecourse.example/u/{make_token(KEY, 77)}"
    assert rendered.headers == {
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert rendered.subject == "Ann, a reminder for today"
    assert rendered.html is not None
    for body in (rendered.text, rendered.html):
        assert all(word in body for word in ("LC-1", "$652.53", "LC-2", "$100.00", "$752.53", link))
    assert "Acme &amp; Sons" in rendered.html
    assert "Acme & Sons" in rendered.text


@pytest.mark.parametrize("locale", ["en", "zh-CN"])
@pytest.mark.parametrize("template", ["payday", "due_soon", "due_tomorrow", "due_today", "missed"])
def test_a_push_shows_no_amount_no_date_and_no_word_of_debt_on_a_lock_screen(
    shipped: JinjaTexts, template: str, locale: str
) -> None:
    rendered = shipped.render(request(channel=ChannelKind.PUSH, template=template, locale=locale))
    shown = f"{rendered.subject} {rendered.text}".lower()
    assert rendered.subject == "Acme & Sons"
    assert not any(word in shown for word in ("652", "2018", "due", "loan", "pay", "debt", "款", "借", "欠", "到期"))


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("zh-CN", "您好"),
        ("zh_CN", "您好"),
        ("zh-Hans-CN", "您好"),
        ("zh", "您好"),
        ("en-GB", "1 March 2018"),
        ("en-US", "March 1, 2018"),
        ("fr-FR", "March 1, 2018"),
        ("", "March 1, 2018"),
        ("no locale", "March 1, 2018"),
    ],
)
def test_a_locale_without_texts_falls_back_to_its_language_and_then_to_english(
    shipped: JinjaTexts, locale: str, words: str
) -> None:
    assert words in shipped.render(request(locale=locale)).text


@pytest.mark.parametrize("channel", [ChannelKind.SMS, ChannelKind.PUSH, ChannelKind.EMAIL])
def test_a_text_says_what_locale_its_words_are_written_in(shipped: JinjaTexts, channel: ChannelKind) -> None:
    written = {at: shipped.render(request(locale=at, channel=channel)).locale for at in ("zh-TW", "fr", "en-GB")}
    assert written == {"zh-TW": "zh-CN", "fr": "en", "en-GB": "en"}


def test_the_nearest_locale_wins_and_a_template_that_it_lacks_comes_from_the_next(tmp_path: Path) -> None:
    shelf(tmp_path)
    shelf(tmp_path, GREETING.replace("Hi", "Salut"), locale="fr")
    shelf(tmp_path, GREETING.replace("Hi", "Allo"), locale="fr-CA")
    shelf(tmp_path, GREETING.replace("Hi", "Only"), name="other")
    texts = texts_of(tmp_path)
    said = {at: texts.render(request(template="greet", locale=at)).text for at in ("fr-CA", "fr-FR", "fr", "de")}
    assert said == {"fr-CA": "Allo Ann", "fr-FR": "Salut Ann", "fr": "Salut Ann", "de": "Hi Ann"}
    assert texts.render(request(template="other", locale="fr-CA")).text == "Only Ann"


def test_amounts_of_two_currencies_are_listed_and_never_added(tmp_path: Path) -> None:
    shelf(tmp_path, 'variables = ["total", "count"]\n[sms]\ntext = "{{ count }}: {{ total }}"\n')
    items = (item(100), item(250, "EUR"), item(50), item(900, "JPY"))
    assert texts_of(tmp_path).render(request(template="greet", items=items)).text == "4: $1.50, €2.50, and ¥900"


def test_no_narrow_space_of_a_locale_makes_an_sms_dearer(tmp_path: Path) -> None:
    shelf(tmp_path, 'variables = ["total"]\n[sms]\ntext = "{{ total }}"\n')
    shelf(tmp_path, 'variables = ["total"]\n[sms]\ntext = "{{ total }}"\n', locale="fr")
    text = texts_of(tmp_path).render(request(template="greet", locale="fr", items=(item(123456, "EUR"),))).text
    assert text == "1 234,56 €"
    assert segments(text) == (1, "GSM-7")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (GREETING.replace("{{ name }}", "{{ nam }}"), "sms.text: uses undeclared variables: nam"),
        (GREETING.replace("{{ name }}", "{{ total }}"), "sms.text: uses undeclared variables: total"),
        (GREETING.replace("{{ name }}", "{{ range(9) }}"), "sms.text: uses undeclared variables: range"),
        (GREETING.replace('"name"', '"name", "salary"'), "variables: unknown: salary; offered are count, due_on"),
        (GREETING.replace('variables = ["name"]\n', ""), "variables: is missing"),
        (GREETING.replace("{{ name }}", "{{ name"), "sms.text: line 1: unexpected end of template"),
        (GREETING.replace("{{ name }}", "{{ name | shout }}"), "sms.text: line 1: No filter named 'shout'"),
        (GREETING.replace("{{ name }}", "{% include 'x.txt' %}"), "sms.text: no partial 'x.txt'"),
        (GREETING.replace("{{ name }}", "{% include '../zh/_x.txt' %}"), "sms.text: no partial '../zh/_x.txt'"),
        (GREETING.replace("{{ name }}", "{% include name %}"), "sms.text: names a partial that only rendering knows"),
        (GREETING.replace("[sms]", "[fax]"), "(file): has no text"),
        (GREETING + 'subject = "x"\n', "sms.subject: unknown key"),
        (GREETING + '[push]\ntext = "x"\n', "push.title: is missing"),
        (GREETING.replace("Hi {{ name }}", " "), "sms.text: must not be empty"),
    ],
)
def test_a_mistake_in_a_template_names_file_and_key_at_the_start(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_library(shelf(tmp_path, text))
    assert str(caught.value).startswith(f"{tmp_path}/templates/en/greet.toml: {place}")


def test_a_partial_must_keep_to_the_declared_variables_too(tmp_path: Path) -> None:
    shelf(tmp_path, GREETING.replace("{{ name }}", "{% include '_end.txt' %}"))
    (tmp_path / "templates/en/_end.txt").write_text("{{ lender }}")
    with pytest.raises(ConfigError, match=r"sms\.text: uses undeclared variables: lender"):
        load_library(tmp_path)
    (tmp_path / "templates/en/_end.txt").write_text("{% if %}")
    with pytest.raises(ConfigError, match=r"sms\.text: line 1 of _end\.txt"):
        load_library(tmp_path)


def test_a_folder_must_be_named_after_a_locale_and_english_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="locale of last resort"):
        load_library(shelf(tmp_path, locale="fr"))
    with pytest.raises(ConfigError, match="its name is no locale"):
        load_library(shelf(tmp_path, locale="klingon"))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("{{ items[0].amout }}", "has no attribute 'amout'"),
        ("{{ items[9].amount }}", "sms.text: "),
        ("{{ name.__class__ }}", "sms.text: SecurityError"),
        ("{{ ''.join(items) }}", "sms.text: TypeError"),
        ("{{ {}[name] }}", "sms.text: UndefinedError"),
        ("{{ 1 / 0 }}", "sms.text: ZeroDivisionError"),
        ("{% if not name %}x{% endif %}", "sms.text: renders to nothing"),
    ],
)
def test_a_template_that_fails_names_file_and_key_and_never_the_borrower(
    tmp_path: Path, words: str, problem: str
) -> None:
    shelf(tmp_path, f'variables = ["name", "items"]\n[sms]\ntext = """{words}"""\n')
    with pytest.raises(TemplateError) as caught:
        texts_of(tmp_path).render(request(template="greet", name="Canary"))
    assert str(caught.value).startswith(f"{tmp_path}/templates/en/greet.toml: sms.text: ")
    assert problem in str(caught.value)
    assert "Canary" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_what_is_not_there_is_a_template_error(tmp_path: Path) -> None:
    texts = texts_of(shelf(tmp_path))
    for changed in ({"template": "threat"}, {"template": "greet", "channel": ChannelKind.EMAIL}):
        with pytest.raises(TemplateError, match="no text for"):
            texts.render(request(**changed))
    with pytest.raises(TemplateError, match=r"greet\.toml: name: is empty"):
        texts.render(request(template="greet", name=" \u200b\u202e "))


def test_an_sms_that_costs_too_many_segments_does_not_leave(tmp_path: Path) -> None:
    shelf(tmp_path, GREETING.replace("Hi", "x" * 306))
    with pytest.raises(TemplateError, match=r"greet\.toml: sms\.text: takes 3 segments \(GSM-7\), more than 2"):
        texts_of(tmp_path, maximum=2).render(request(template="greet"))
    assert texts_of(tmp_path, maximum=3).render(request(template="greet")).segments == 3


def test_a_name_is_text_and_never_markup_or_template(shipped: JinjaTexts) -> None:
    name = "<b>{{ lender }}</b>"
    rendered = shipped.render(request(channel=ChannelKind.EMAIL, name=name))
    assert rendered.html is not None
    assert "&lt;b&gt;{{ lender }}&lt;/b&gt;" in rendered.html
    assert name in rendered.text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Ann\r\nBcc: x@y", "Ann Bcc: x@y"),
        ("Ann\u202egnp.exe", "Anngnp.exe"),
        ("\u2066Ann\u2069\u200b\x00\x1b[31m", "Ann[31m"),
        ("  Ann \t  Lee ", "Ann Lee"),
        ("نیم\u200cفاصله", "نیم\u200cفاصله"),
        ("Ame\u0301lie", "Amélie"),
        ("x" * 200, "x" * 80),
    ],
)
def test_a_name_cannot_hide_reorder_or_break_the_text_around_it(name: str, shown: str) -> None:
    assert safe_name(name) == shown


@given(name=st.text(), subject=st.text())
def test_no_name_or_subject_brings_a_line_break(name: str, subject: str) -> None:
    assert len(safe_name(name).splitlines()) <= 1
    assert len(one_line(subject).splitlines()) <= 1
    assert safe_name(safe_name(name)) == safe_name(name)


def test_every_variable_that_is_offered_can_be_made() -> None:
    assert set(MAKERS) == OFFERED


@given(contact_id=st.integers(0, 2**53))
def test_a_token_reads_back_as_its_contact_and_is_safe_in_a_url(contact_id: int) -> None:
    token = make_token(KEY, contact_id)
    assert read_token(KEY, token) == contact_id
    assert len(token) == 24
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
    assert read_token(token_key(b"another" * 5), token) is None


@given(contact_id=st.integers(0, 2**53), place=st.integers(0, 23), char=st.sampled_from("Aaz09-_"))
def test_a_token_with_any_character_changed_is_nobodys(contact_id: int, place: int, char: str) -> None:
    token = make_token(KEY, contact_id)
    forged = token[:place] + char + token[place + 1 :]
    assert read_token(KEY, forged) == (contact_id if forged == token else None)


@given(token=st.text())
def test_any_text_may_be_tried_as_a_token(token: str) -> None:
    assert read_token(KEY, token) is None
