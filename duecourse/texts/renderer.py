"""Renders a text for one borrower, at the claim: what it says is true at that moment."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from babel import Locale, UnknownLocaleError
from jinja2 import UndefinedError

from duecourse.domain.errors import TemplateError
from duecourse.domain.message import Rendered
from duecourse.domain.tokens import token_key
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import TextRequest
from duecourse.settings import Settings
from duecourse.settings.tone import load_tone
from duecourse.texts import formats
from duecourse.texts.library import Library, TextTemplate, load_library
from duecourse.texts.segments import segments
from duecourse.texts.values import House, Values

_EMPTY_LINES = re.compile(r"\n{3,}")
_QUOTED = re.compile(r"'([^']*)'")


class JinjaTexts:
    """`ports.Texts` over the templates of the configuration folder."""

    def __init__(self, library: Library, house: House, *, max_sms_segments: int) -> None:
        self._library = library
        self._house = house
        self._max_sms_segments = max_sms_segments
        self._find = lru_cache(maxsize=1024)(self._look_up)
        self._pen = lru_cache(maxsize=256)(formats.Pen)

    @classmethod
    def from_settings(cls, settings: Settings) -> "JinjaTexts":
        """Raises ConfigError where a template is wrong: nothing starts with a text that cannot be read."""
        house = House(
            lender=settings.lender,
            public_url=settings.public_url,
            links=settings.links,
            key=token_key(settings.index_key),
        )
        library = load_library(settings.config_dir, load_tone(settings.config_dir))
        return cls(library, house, max_sms_segments=settings.max_sms_segments)

    def render(self, request: TextRequest) -> Rendered:
        """The words, in the reader's locale or the nearest that has them.

        Raises:
            TemplateError: names the file and the key; never the borrower.
        """
        template, pen = self._find(request.template, request.channel, request.locale)
        return self.render_exactly(template, Values(request, self._house, pen).of(template))

    def _look_up(self, name: str, channel: ChannelKind, locale: str) -> tuple[TextTemplate, formats.Pen]:
        template = self._library.find(name, channel, locale)
        if template is None:
            raise TemplateError(f"{name}: no text for {channel.value} in any locale")
        return template, self._pen(_reader_locale(locale, template.babel_locale))

    def render_exactly(self, template: TextTemplate, values: Mapping[str, Any]) -> Rendered:
        parts = {part: _render_part(template, part, values) for part in template.parts}
        match template.channel:
            case ChannelKind.SMS:
                return self._sms(template, parts["text"])
            case ChannelKind.EMAIL:
                headers = _unsubscribe_headers(values)
                return Rendered(
                    text=parts["text"],
                    subject=formats.one_line(parts["subject"]),
                    html=parts["html"],
                    headers=headers,
                    locale=template.locale,
                )
            case ChannelKind.PUSH:
                return Rendered(text=parts["text"], subject=formats.one_line(parts["title"]), locale=template.locale)
            case _:
                return Rendered(text=parts["text"], locale=template.locale)

    def _sms(self, template: TextTemplate, raw: str) -> Rendered:
        text = formats.plain_spaces(raw)
        count, encoding = segments(text)
        if count > self._max_sms_segments:
            raise TemplateError(
                f"{template.file}: sms.text: takes {count} segments ({encoding}), more than {self._max_sms_segments}"
            )
        return Rendered(text=text, segments=count, locale=template.locale)


def _unsubscribe_headers(values: Mapping[str, Any]) -> dict[str, str]:
    """RFC 8058: what lets a mail program unsubscribe with one click, by a POST to the same address."""
    return {
        "List-Unsubscribe": f"<{values['unsubscribe_url']}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _render_part(template: TextTemplate, part: str, values: Mapping[str, Any]) -> str:
    try:
        text = template.parts[part](values).strip()
    except Exception as exc:  # noqa: BLE001 - whatever a template does wrong, one contact does not leave
        # No cause is chained: a foreign message may quote the borrower.
        raise _failed(template, part, _problem(exc, values)) from None
    if not text:
        raise _failed(template, part, "renders to nothing")
    return _EMPTY_LINES.sub("\n\n", text) if "\n\n\n" in text else text


def _failed(template: TextTemplate, part: str, problem: str) -> TemplateError:
    return TemplateError(f"{template.file}: {template.channel.value}.{part}: {problem}")


def _problem(exc: Exception, values: Mapping[str, Any]) -> str:
    """The error's own words where they quote nothing that was filled in, else its kind."""
    filled_in = repr(values)
    quoted = [word for word in _QUOTED.findall(str(exc)) if not word.endswith(" object")]
    if isinstance(exc, UndefinedError) and all(word not in filled_in for word in quoted):
        return str(exc)
    return type(exc).__name__


def _reader_locale(wanted: str, of_template: Locale) -> Locale:
    """How numbers and dates are written: as the reader does, if the text is in the reader's language."""
    try:
        locale = Locale.parse(wanted.replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return of_template
    return locale if locale.language == of_template.language else of_template
