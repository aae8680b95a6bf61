"""What replies are understood as: tables of phrases per language, and what holds of any text."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.domain.demand import Intent, Meaning, Scope
from duecourse.domain.errors import ConfigError
from duecourse.domain.message import Receipt
from duecourse.domain.vocabulary import ReceiptKind
from duecourse.policy.plain_text import plain
from duecourse.policy.wishes import may_wish, wish_of
from duecourse.settings.inbound import load_lexicon

CONFIG = Path(__file__).resolve().parents[2] / "config"
LEXICON = load_lexicon(CONFIG)
PHRASES = tomllib.loads((Path(__file__).parent / "inbound_phrases.toml").read_text("utf-8"))
ROWS = [
    pytest.param(language, verdict, text, id=f"{language}-{verdict}-{text}")
    for language, table in PHRASES.items()
    for verdict, texts in table.items()
    for text in texts
]
KEYWORDS = ["stop", "退订", "unsubscribe", "TD", "수신거부", "ยกเลิก", "arrêt"]


def told(meaning: Meaning | None) -> str:
    if meaning is None:
        return "nothing"
    if meaning.intent is Intent.START:
        return "start"
    return meaning.scope.value if meaning.sure else "perhaps"


@pytest.mark.parametrize(("language", "verdict", "text"), ROWS)
def test_a_reply_is_understood_as_what_it_asks_for(language: str, verdict: str, text: str) -> None:
    assert told(LEXICON.understand(text, language)) == verdict


def test_the_tables_are_large_and_hold_false_friends_in_every_language() -> None:
    assert len(ROWS) >= 300
    assert all(table["nothing"] for table in PHRASES.values())
    assert {path.stem for path in (CONFIG / "inbound").glob("*.toml")} == set(PHRASES)


@pytest.mark.parametrize("letter", ["T", "R", "n", "0"])
def test_a_letter_that_templates_teach_in_chinese_is_a_question_from_anybody_else(letter: str) -> None:
    assert told(LEXICON.understand(letter, "zh-Hant-TW")) == "channel"
    assert told(LEXICON.understand(letter, "en-US")) == "perhaps"


def test_the_widest_demand_of_a_message_counts_and_one_sure_part_makes_it_sure() -> None:
    both = LEXICON.understand("wrong number, stop texting me. cease all contact", "en")
    assert (both and both.scope, both and both.sure) == (Scope.EVERYTHING, True)


def test_a_stop_beside_a_start_is_a_stop() -> None:
    assert told(LEXICON.understand("退订 start texting me? no, stop texting me", "en")) == "channel"


@pytest.mark.parametrize(
    "mail",
    [
        "Thanks, paid.\n\n> Reply STOP to opt out\n> unsubscribe me",
        "Paid today.\n\nOn Mon, 2 July 2018, Harbour Lending wrote:\nstop texting me",
        "谢谢\n\n-----原始邮件-----\n别再给我发短信了",
    ],
)
def test_what_is_quoted_is_not_what_is_said(mail: str) -> None:
    assert LEXICON.understand(mail, "en") is None


def test_a_message_of_quotations_only_is_read_as_it_stands() -> None:
    assert told(LEXICON.understand("> STOP", "en")) == "channel"


@given(word=st.sampled_from(KEYWORDS), left=st.text(" \t\n.,!-*", max_size=4))
def test_case_and_punctuation_around_a_keyword_change_nothing(word: str, left: str) -> None:
    assert told(LEXICON.understand(left + word.upper() + left[::-1], "zh")) == "channel"


@given(word=st.sampled_from(KEYWORDS), sign=st.sampled_from([" ", ".", "*", "🛑", "\u200b", "_"]))
def test_signs_between_the_letters_of_a_keyword_change_nothing(word: str, sign: str) -> None:
    assert told(LEXICON.understand(sign.join(word), "zh")) == "channel"


@given(st.text(max_size=400), st.sampled_from(["", "en", "zh-CN", "x"]))
def test_any_text_has_an_answer(text: str, locale: str) -> None:
    meaning = LEXICON.understand(text, locale)
    assert meaning is None or meaning.rule


@given(st.lists(st.sampled_from(sorted({word for row in ROWS for word in str(row.values[2]).split()})), max_size=60))
def test_any_heap_of_such_words_has_an_answer(words: list[str]) -> None:
    assert told(LEXICON.understand(" ".join(words), "en")) in {"nothing", "start", "perhaps", *Scope}


@given(st.text(max_size=200))
def test_the_plain_form_holds_no_capitals_and_no_doubled_spaces(text: str) -> None:
    line = plain(text).line
    assert line == line.casefold()
    assert "  " not in line
    assert line == line.strip()


@pytest.mark.parametrize(
    ("kind", "text", "verdict"),
    [
        (ReceiptKind.REPLIED, "STOP", "channel"),
        (ReceiptKind.REPLIED, "ok", "nothing"),
        (ReceiptKind.REPLIED, None, "nothing"),
        (ReceiptKind.OPTED_OUT, None, "channel"),
        (ReceiptKind.OPTED_OUT, "START", "channel"),
        (ReceiptKind.OPTED_OUT, "stopall", "sender"),
        (ReceiptKind.COMPLAINED, None, "channel"),
        (ReceiptKind.COMPLAINED, "cease all contact", "everything"),
        (ReceiptKind.DELIVERED, "STOP", "nothing"),
    ],
)
def test_a_receipt_asks_by_its_kind_and_by_its_words(kind: ReceiptKind, text: str | None, verdict: str) -> None:
    receipt = Receipt(event_key="e", kind=kind, text=text)
    assert told(wish_of(receipt, LEXICON, "en")) == verdict
    assert may_wish(receipt) or verdict == "nothing"


GOOD = """
language = "xx"
[[keywords]]
id = "xx.keyword"
source = "test"
words = ["halt"]
[[phrases]]
id = "xx.phrase"
patterns = ['halt it']
"""


def write(folder: Path, text: str, name: str = "xx") -> Path:
    (folder / "inbound").mkdir(exist_ok=True)
    (folder / "inbound" / f"{name}.toml").write_text(text, "utf-8")
    return folder


def test_words_of_another_language_are_a_file_more(tmp_path: Path) -> None:
    lexicon = load_lexicon(write(tmp_path, GOOD))
    assert told(lexicon.understand("HALT", "en")) == "channel"
    assert [language.code for language in lexicon.languages] == ["xx"]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('language = "xx"', 'language = "yy"', "language"),
        ('"test"\n', '"test"\nscoop = "all"\n', "keywords[0].scoop"),
        ('"test"\n', '"test"\nscope = "planet"\n', "keywords[0].scope"),
        ('source = "test"\n', "", "keywords[0].source"),
        ('["halt"]', '["..."]', "keywords[0].words"),
        ('["halt"]', "[]", "keywords[0].words"),
        ("'halt it'", "'Halt'", "phrases[0].patterns"),
        ("'halt it'", "'hált'", "phrases[0].patterns"),
        ("'halt it'", "'halt('", "phrases[0].patterns"),
        ("'halt it'", "'(halt )+it'", "phrases[0].patterns"),
        ("patterns = ['halt it']", "patterns = []", "phrases[0].patterns"),
        ('id = "xx.phrase"\n', 'id = "xx.phrase"\nintent = "start"\n', "phrases[0].intent"),
        ('"xx"\n', '"xx"\nfolds = {"ab" = "c"}\n', "folds.ab"),
    ],
)
def test_a_wrong_file_is_refused_by_name_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_lexicon(write(tmp_path, GOOD.replace(old, new, 1)))
    assert caught.value.file.endswith("xx.toml")
    assert caught.value.key == key


def test_a_word_that_stops_and_starts_is_refused(tmp_path: Path) -> None:
    write(tmp_path, GOOD)
    other = GOOD.replace("xx", "yy").replace('source = "test"', 'source = "test"\nintent = "start"')
    with pytest.raises(ConfigError, match="halt"):
        load_lexicon(write(tmp_path, other, "yy"))


def test_no_language_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="inbound"):
        load_lexicon(tmp_path)


def test_every_rule_has_an_id_of_its_own_that_names_its_language() -> None:
    ids = [
        (language.code, meaning.rule)
        for language in LEXICON.languages
        for meaning in (*(k.meaning for k in language.keywords), *(p.meaning for p in language.phrases))
    ]
    assert len({rule for _, rule in ids}) == len(ids)
    assert all(rule.startswith(f"{code}.") for code, rule in ids)
