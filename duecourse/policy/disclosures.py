"""Are the words that the law wants in the text? Asked of every rendered text before it leaves."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from duecourse.policy.demands import disclosures_due
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Position
from duecourse.policy.packs.regime import Bound, Regime
from duecourse.policy.spotting import Spotter

_GAPS = re.compile(r"\s+")
_ANY_LANGUAGE = "*"
#: How senders teach to refuse, where a rule leaves the words to them: a word to reply with, or a link.
_WAY_OUT = Spotter(
    {
        "stop": "",
        "unsubscribe": "",
        "opt": "[ -]?out",
        **dict.fromkeys(("baja", "cancelar", "sair", "berhenti", "hủy", "huy", "tigil"), ""),
    },
    anywhere=("退订", "退訂", "拒收", "不再接收", "ยกเลิก", "수신거부", "配信停止"),
)


class _Wanted(NamedTuple):
    """Words that must stand in a text."""

    called: str
    """If they do not."""
    ways: tuple[tuple[re.Pattern[str], Position], ...]
    """To say it: any of them is enough."""


def missing_disclosures(text: str, locale: str, regime: Regime, *, first: bool = True) -> tuple[str, ...]:
    """Ids of the rules whose words are not in the text, as `rule-id` or `rule-id/fragment-id`; empty is good.

    A language for which a rule has no words is as bad as words that are missing: nobody checked it.

    Args:
        text: all that the reader sees, subject included.
        locale: the text's, such as `en-US` or `zh_Hans_CN`.
        regime: the rules that bind the contact: `PackSet.applying(facts, now)`.
        first: nobody has written or spoken to the borrower about this debt before, as far as is known.
    """
    wanted = _wanted(regime, _language(locale), first=first)
    flat = _GAPS.sub(" ", text).strip() if wanted else ""
    missing = [one.called for one in wanted if not any(_is_in(flat, *way) for way in one.ways)]
    return (*missing, *(one.id for one in _refusals(regime) if not _shows_a_way_out(text, one.params)))


@lru_cache(maxsize=1024)
def _language(locale: str) -> str:
    return re.split("[-_]", locale.casefold())[0]


@lru_cache(maxsize=4096)
def _wanted(regime: Regime, language: str, *, first: bool) -> tuple[_Wanted, ...]:
    due = disclosures_due(regime, first=first)
    return tuple(wanted for bound in due for wanted in _said(bound.id, bound.params, language))


@lru_cache(maxsize=4096)
def _refusals(regime: Regime) -> tuple[Bound[p.OptOut], ...]:
    return tuple(one for one in regime.of(p.OptOut) if one.params.text_required)


def _said(rule_id: str, disclosure: p.Disclosure, language: str) -> Iterator[_Wanted]:
    fitting = [one for one in disclosure.fragments if _speaks(one.lang, language) or not disclosure.same_language]
    if not fitting:
        yield _Wanted(rule_id, ())
        return
    for fragment_id in dict.fromkeys(one.id for one in disclosure.fragments):
        ways = tuple((_pattern(one), one.position) for one in fitting if one.id == fragment_id)
        yield _Wanted(f"{rule_id}/{fragment_id}", ways)


def _speaks(lang: str, language: str) -> bool:
    return lang in {language, _ANY_LANGUAGE}


def _is_in(text: str, words: re.Pattern[str], position: Position) -> bool:
    found = words.search(text)
    if found is None or position is Position.ANY:
        return found is not None
    if position is Position.PREFIX:
        return found.start() == 0
    return any(one.end() == len(text) for one in words.finditer(text))


def _pattern(fragment: p.Fragment) -> re.Pattern[str]:
    """The words as they stand, whatever their case and gaps; or the pattern."""
    if fragment.regex is not None:
        return re.compile(fragment.regex)
    words = _GAPS.sub(" ", fragment.text or "").strip()
    return re.compile(re.escape(words), re.IGNORECASE)


def _shows_a_way_out(text: str, refusal: p.OptOut) -> bool:
    """One of the accepted texts, where the rule names any; else a word or a link that lets the reader refuse."""
    if refusal.accepted_texts:
        return any(one.casefold() in text.casefold() for one in refusal.accepted_texts)
    return _WAY_OUT(text)
