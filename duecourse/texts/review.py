"""Reads every text that a cadence needs as a borrower would, before any borrower does."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from duecourse.cadence.files import TemplateKey
from duecourse.cadence.rung import Cadence
from duecourse.domain.book import DueItem
from duecourse.domain.demand import CONFIRMATION, CONFIRMED_ON
from duecourse.domain.errors import TemplateError
from duecourse.domain.money import Money
from duecourse.domain.vocabulary import ChannelKind
from duecourse.ports import TextRequest
from duecourse.texts.library import Library, TextTemplate
from duecourse.texts.renderer import JinjaTexts
from duecourse.texts.segments import segments

_SAMPLE_DAY = date(2018, 9, 30)
#: A plain name, and one outside GSM-7 that puts a whole SMS into UCS-2.
_PLAIN_NAME, _DEAR_NAME = "Alexandra Montgomery", "Wołodymyr Przybyszewski"
_LARGEST_ID = 2**53 - 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One text as it came out."""

    template: str
    channel: ChannelKind
    locale: str
    characters: int
    segments: int | None = None
    """SMS only, like the next two."""
    encoding: str | None = None
    most_segments: int | None = None
    """For a name that GSM-7 cannot write."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """A text that is missing or fails."""

    file: str
    key: str
    problem: str


def needed(cadences: Iterable[Cadence]) -> list[TemplateKey]:
    """What the rungs ask for, each once, in order; and how an opt-out is confirmed."""
    keys = [(rung.template, channel) for cadence in cadences for rung in cadence.rungs for channel in rung.channels]
    return list(dict.fromkeys([*keys, *((CONFIRMATION, channel) for channel in CONFIRMED_ON)]))


def review(texts: JinjaTexts, library: Library, keys: Sequence[TemplateKey]) -> Iterator[Reading | Gap]:
    """Every needed text in every locale."""
    for locale in library.locales:
        for name, channel in keys:
            template = library.find(name, channel, locale)
            if template is None or _language(template.locale) != _language(locale):
                yield Gap(
                    file=f"templates/{locale}/{name}.toml",
                    key=channel.value,
                    problem=f"is missing: readers of {locale} would get {template.locale if template else 'nothing'}",
                )
            elif template.locale == locale:
                yield _read(texts, template)


def _read(texts: JinjaTexts, template: TextTemplate) -> Reading | Gap:
    try:
        rendered = texts.render(_request(template, _PLAIN_NAME))
        dear = texts.render(_request(template, _DEAR_NAME))
    except TemplateError as exc:
        _, _, problem = str(exc).removeprefix(f"{template.file}: ").partition(": ")
        return Gap(file=template.file, key=template.channel.value, problem=f"{problem} (with sample data)")
    is_sms = template.channel is ChannelKind.SMS
    return Reading(
        template=template.name,
        channel=template.channel,
        locale=template.locale,
        characters=len(rendered.text),
        segments=rendered.segments if is_sms else None,
        encoding=segments(rendered.text)[1] if is_sms else None,
        most_segments=dear.segments if is_sms else None,
    )


def _request(template: TextTemplate, person: str) -> TextRequest:
    currency = "CNY" if _language(template.locale) == "zh" else "USD"
    item = DueItem(
        instalment_id=1,
        loan_id=1,
        loan_reference="LN-2018-000123",
        due_on=_SAMPLE_DAY,
        number=3,
        outstanding=Money(minor=1_234_567, currency=currency),
    )
    return TextRequest(
        template=template.name,
        channel=template.channel,
        locale=template.locale,
        name=person,
        due_on=_SAMPLE_DAY,
        items=(item, item),
        contact_id=_LARGEST_ID,
    )


def _language(locale: str) -> str:
    return locale.split("-", maxsplit=1)[0]
