"""Whether one of some words stands in a text. Every text is asked before it leaves, so it must cost next to nothing."""

import re
from collections.abc import Iterable, Mapping

#: What `re.IGNORECASE` takes for an i or an s, and `str.lower` does not.
_ODD_LETTERS = (("İ", "i"), ("ı", "i"), ("ſ", "s"))


class Spotter:
    """Finds words whatever their case.

    Args:
        apart: words that no letter from a to z may touch, each as its first letters and a pattern of the rest.
        anywhere: words of scripts that set off no words, none of them in ASCII.
    """

    def __init__(self, apart: Mapping[str, str], anywhere: Iterable[str] = ()) -> None:
        # The letters come before the look-behind, and each word by itself: only then does `re` skip ahead to them. It
        # does neither in an alternation nor under IGNORECASE.
        self._apart = tuple(
            (head, re.compile(f"{head}(?<![a-z]{head}){rest}(?![a-z])")) for head, rest in apart.items()
        )
        self._anywhere = tuple(anywhere)

    def __call__(self, text: str) -> bool:
        if not text.isascii() and any(word in text for word in self._anywhere):
            return True
        plain = small(text)
        return any(head in plain and word.search(plain) for head, word in self._apart)


def small(text: str) -> str:
    """In lower case, as `re.IGNORECASE` sees it."""
    if not text.isascii():
        for odd, plain in _ODD_LETTERS:
            text = text.replace(odd, plain)
    return text.lower()
