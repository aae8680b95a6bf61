"""A value is what a frozen keyword-only dataclass is, as far as anybody reads it."""

from dataclasses import field, replace
from typing import Any

import pytest

from duecourse.domain.value import value


@value
class Stamp:
    place: str
    number: int = 1
    secret: str = field(default="hidden", repr=False)


def test_values_of_the_same_content_are_the_same() -> None:
    assert Stamp(place="a") == Stamp(place="a", number=1)
    assert len({Stamp(place="a"), Stamp(place="a"), replace(Stamp(place="a"), number=2)}) == 2


def test_a_value_shows_only_what_it_may() -> None:
    assert repr(Stamp(place="a")) == "Stamp(place='a', number=1)"


def test_a_value_takes_keywords_only_and_nothing_that_is_not_declared() -> None:
    build: Any = Stamp
    with pytest.raises(TypeError):
        build("a")
    stamp: Any = Stamp(place="a")
    with pytest.raises(AttributeError):
        stamp.colour = "red"
