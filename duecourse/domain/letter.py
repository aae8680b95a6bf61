"""A message frozen for the record: exactly what was sent to whom, as bytes that hash and seal."""

from dataclasses import field

import orjson

from duecourse.domain.address import DebtorAddress
from duecourse.domain.message import Rendered
from duecourse.domain.value import value


@value
class Letter:
    """What leaves: the address and the words. Never logged."""

    to: DebtorAddress = field(repr=False)
    locale: str
    body: Rendered = field(repr=False)

    def freeze(self) -> bytes:
        """One JSON list, in the order of `thaw`: equal letters give equal bytes."""
        body = self.body
        headers = sorted(body.headers.items())
        parts = (self.to, self.locale, body.text, body.subject, body.html, headers, body.segments)
        return orjson.dumps(parts)

    @classmethod
    def thaw(cls, frozen: bytes) -> "Letter":
        to, locale, text, subject, html, headers, segments = orjson.loads(frozen)
        body = Rendered(text=text, subject=subject, html=html, headers=dict(headers), segments=segments)
        return cls(to=DebtorAddress(to), locale=locale, body=body)
