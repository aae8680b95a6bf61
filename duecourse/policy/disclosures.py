"""Are the words that the law wants in the text? Asked of every rendered text before it leaves."""

import re
from collections.abc import Iterable
from functools import lru_cache

from duecourse.policy.demands import disclosures_due
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import Position
from duecourse.policy.packs.regime import Regime

_GAPS = re.compile(r"\s+")
_ANY_LANGUAGE = "*"
#: How senders teach to refuse, where a rule leaves the words to them: a word to reply with, or a link.
_WAY_OUT = re.compile(
    # Chinese sets off no word: a letter of this script beside it is what makes it another word.
    r"(?<![a-z])(?:stop|unsubscribe|opt[ -]?out|baja|cancelar|sair|berhenti|hủy|huy|tigil)(?![a-z])"
    r"|退订|退訂|拒收|不再接收|ยกเลิก|수신거부|配信停止",
    re.IGNORECASE,
)


def missing_disclosures(text: str, locale: str, regime: Regime, *, first: bool = True) -> tuple[str, ...]:
    """Ids of the rules whose words are not in the text, as `rule-id` or `rule-id/fragment-id`; empty is good.

    A language for which a rule has no words is as bad as words that are missing: nobody checked it.

    Args:
        text: all that the reader sees, subject included.
        locale: the text's, such as `en-US` or `zh_Hans_CN`.
        regime: the rules that bind the contact: `PackSet.applying(facts, now)`.
        first: nobody has written or spoken to the borrower about this debt before, as far as is known.
    """
    missing: list[str] = []
    if due := disclosures_due(regime, first=first):
        flat, language = _GAPS.sub(" ", text).strip(), re.split("[-_]", locale.casefold())[0]
        missing += (said for bound in due for said in _missing(flat, language, bound.id, bound.params))
    refusals = (one for one in regime.of(p.OptOut) if one.params.text_required)
    return (*missing, *(one.id for one in refusals if not _shows_a_way_out(text, one.params)))


def _missing(text: str, language: str, rule_id: str, disclosure: p.Disclosure) -> Iterable[str]:
    fitting = [one for one in disclosure.fragments if _speaks(one.lang, language) or not disclosure.same_language]
    if not fitting:
        yield rule_id
    for fragment_id in dict.fromkeys(one.id for one in disclosure.fragments):
        if fitting and not any(_is_in(text, one) for one in fitting if one.id == fragment_id):
            yield f"{rule_id}/{fragment_id}"


def _speaks(lang: str, language: str) -> bool:
    return lang in {language, _ANY_LANGUAGE}


def _is_in(text: str, fragment: p.Fragment) -> bool:
    found = _pattern(fragment).search(text)
    if found is None or fragment.position is Position.ANY:
        return found is not None
    if fragment.position is Position.PREFIX:
        return found.start() == 0
    return any(one.end() == len(text) for one in _pattern(fragment).finditer(text))


@lru_cache(maxsize=1024)
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
    return _WAY_OUT.search(text) is not None
