"""A message frozen for the record: exactly what was sent to whom, as bytes that hash and seal."""

import json
from dataclasses import dataclass, field

from duecourse.domain.message import Rendered


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """What leaves: the address and the words. Never logged."""

    to: str = field(repr=False)
    locale: str
    body: Rendered = field(repr=False)

    def freeze(self) -> bytes:
        """Canonical JSON: equal letters give equal bytes."""
        parts = {
            "to": self.to,
            "locale": self.locale,
            "text": self.body.text,
            "subject": self.body.subject,
            "html": self.body.html,
            "headers": dict(self.body.headers),
            "segments": self.body.segments,
        }
        return json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    @classmethod
    def thaw(cls, frozen: bytes) -> "Letter":
        parts = json.loads(frozen)
        to, locale = parts.pop("to"), parts.pop("locale")
        return cls(to=to, locale=locale, body=Rendered(**parts))
