"""SMS parts are counted as phones count them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.texts.segments import GSM_7, UCS_2, segments

BASIC = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
ESCAPED = "^{}\\[~]|€\f"


@pytest.mark.parametrize(
    ("text", "count", "encoding"),
    [
        ("", 1, GSM_7),
        ("a" * 160, 1, GSM_7),
        ("a" * 161, 2, GSM_7),
        ("a" * 306, 2, GSM_7),
        ("a" * 307, 3, GSM_7),
        ("€" * 80, 1, GSM_7),
        ("€" * 81, 2, GSM_7),
        ("a" * 159 + "€", 2, GSM_7),
        # An escape pair does not straddle two parts: 152 and a pair fill the first part to 152 only.
        ("a" * 152 + "€" + "a" * 151, 2, GSM_7),
        ("a" * 152 + "€" + "a" * 152, 3, GSM_7),
        ("王" * 70, 1, UCS_2),
        ("王" * 71, 2, UCS_2),
        ("王" * 134, 2, UCS_2),
        ("王" * 135, 3, UCS_2),
        ("a" * 69 + "王", 1, UCS_2),
        ("🙂" * 35, 1, UCS_2),
        ("🙂" * 36, 2, UCS_2),
        # 67 units hold 33 pairs.
        ("🙂" * 66, 2, UCS_2),
        ("🙂" * 67, 3, UCS_2),
        ("ç", 1, UCS_2),
        ("`", 1, UCS_2),
    ],
)
def test_parts_are_counted_at_every_edge(text: str, count: int, encoding: str) -> None:
    assert segments(text) == (count, encoding)


def packed_by_hand(text: str, encoding: str) -> int:
    """The slow, plain reading of TS 23.040: encode each character, open a new part when it does not fit."""
    if encoding == GSM_7:
        sizes = [2 if char in ESCAPED else 1 for char in text]
        single, room = 160, 153
    else:
        sizes = [len(char.encode("utf-16-be", "surrogatepass")) // 2 for char in text]
        single, room = 70, 67
    if sum(sizes) <= single:
        return 1
    parts, used = 1, 0
    for size in sizes:
        if used + size > room:
            parts, used = parts + 1, 0
        used += size
    return parts


@given(st.text(st.sampled_from(BASIC + ESCAPED), max_size=700))
def test_texts_of_the_small_alphabet_are_packed_as_the_standard_says(text: str) -> None:
    assert segments(text) == (packed_by_hand(text, GSM_7), GSM_7)


@given(st.text(max_size=300).map(lambda text: text + "王"))
def test_other_texts_are_packed_as_the_standard_says(text: str) -> None:
    assert segments(text) == (packed_by_hand(text, UCS_2), UCS_2)
