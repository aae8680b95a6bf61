import pytest
from hypothesis import given
from hypothesis import strategies as st

from duecourse.policy.stop_words import asks_to_stop

STOPPING = """
STOP|stop| Stop. |STOP!|ＳＴＯＰ|StopAll|UNSUBSCRIBE|CANCEL|end|Quit|revoke|opt out|BAJA|Arrêt|СТОП
TD|td|T|R|N|退订|拒收|退订。|请停止|不要再发|请不要再联系我|停止|麻烦退订，谢谢
please stop|Stop texting me!|please stop texting me|STOP sending me messages please|stop this now
Don’t contact me again|take me off this list|I told you: leave me alone
"""
GOING_ON = """
?|ok|paid|I paid yesterday|can I pay at the end of the month|I'll stop by the bank today|yes|no|Tomorrow|n/a
我明天还|好的|请问可以延期吗|请|what is the number|thanks|START
"""


def texts(table: str) -> list[str]:
    return [text for line in table.strip().splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", texts(STOPPING))
def test_a_demand_to_stop_is_understood(text: str) -> None:
    assert asks_to_stop(text)


@pytest.mark.parametrize("text", ["", " ", *texts(GOING_ON)])
def test_what_is_no_demand_to_stop_stops_nothing(text: str) -> None:
    assert not asks_to_stop(text)


@given(word=st.sampled_from(["stop", "退订", "unsubscribe", "TD"]), left=st.text(" \t\n.,!-*", max_size=4))
def test_case_and_punctuation_around_the_word_change_nothing(word: str, left: str) -> None:
    assert asks_to_stop(left + word.upper() + left[::-1])


@given(st.text(max_size=400))
def test_any_text_has_an_answer(text: str) -> None:
    assert asks_to_stop(text) in {True, False}
