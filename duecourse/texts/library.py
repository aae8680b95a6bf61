"""Reads `config/templates/<locale>/`: every template compiled once, every variable declared, every mistake named."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from babel import Locale, UnknownLocaleError
from jinja2 import DictLoader, Environment, StrictUndefined, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from duecourse.domain.errors import ConfigError
from duecourse.domain.table import Table, read_toml
from duecourse.domain.vocabulary import ChannelKind
from duecourse.policy.tone import ToneChannel, ToneGuard
from duecourse.texts.tone import refuse_tone
from duecourse.texts.words import Words, compiled

#: The parts of a text, per channel.
PARTS: Mapping[ChannelKind, tuple[str, ...]] = {
    ChannelKind.SMS: ("text",),
    ChannelKind.PUSH: ("title", "text"),
    ChannelKind.EMAIL: ("subject", "text", "html"),
    ChannelKind.IM: ("text",),
    ChannelKind.VOICE: ("text",),
}
#: What a template may use. docs/templates.md tells what each holds.
OFFERED = frozenset({
    "name", "lender", "due_on", "items", "total", "count", "pay_url", "help_url", "unsubscribe_url",
})  # fmt: skip
#: The locale of last resort.
FALLBACK = "en"


@dataclass(frozen=True, kw_only=True, slots=True)
class TextTemplate:
    """The words of one template on one channel in one locale."""

    name: str
    channel: ChannelKind
    locale: str
    babel_locale: Locale
    file: str
    variables: frozenset[str]
    """What these words use, of what the file declares."""
    parts: Mapping[str, Words]
    """By the names in `PARTS`."""


Key = tuple[str, str, ChannelKind]


class Library:
    """All templates, found by name, channel and the reader's locale."""

    def __init__(self, templates: Mapping[Key, TextTemplate]) -> None:
        self._templates = templates
        self.locales = tuple(sorted({locale for locale, _, _ in templates}))
        self.keys = frozenset((name, channel) for _, name, channel in templates)
        """What some locale has; `missing` tells what another lacks."""

    def __iter__(self) -> Iterator[TextTemplate]:
        return iter(self._templates.values())

    def get(self, name: str, channel: ChannelKind, locale: str) -> TextTemplate | None:
        """In exactly this locale."""
        return self._templates.get((locale, name, channel))

    def find(self, name: str, channel: ChannelKind, locale: str) -> TextTemplate | None:
        """In the reader's locale, else in the nearest: zh-Hans-CN, zh-Hans, zh, any other zh, then English."""
        found = (self.get(name, channel, candidate) for candidate in self.candidates(locale))
        return next((template for template in found if template), None)

    def candidates(self, locale: str) -> list[str]:
        words = locale.replace("_", "-").split("-")
        shorter = ["-".join(words[:count]) for count in range(len(words), 0, -1)]
        siblings = [known for known in self.locales if known.split("-")[0] == words[0]]
        return list(dict.fromkeys([*shorter, *siblings, FALLBACK]))


def load_library(config_dir: Path, tone: ToneGuard | None = None) -> Library:
    """Every template of the folder, compiled and, with a guard, read for its tone.

    Raises:
        ConfigError: names the file and the key.
    """
    folder = config_dir / "templates"
    templates: dict[Key, TextTemplate] = {}
    for place in sorted(path for path in folder.glob("*") if path.is_dir()):
        for template in _Shelf(place, tone).read():
            templates[place.name, template.name, template.channel] = template
    if not any(locale == FALLBACK for locale, _, _ in templates):
        raise ConfigError(file=str(folder), key=FALLBACK, problem="no template in the locale of last resort")
    return Library(templates)


class _Shelf:
    """One locale's folder: `<template>.toml`, and partials `_*.html` or `_*.txt` that texts may extend or include."""

    def __init__(self, place: Path, tone: ToneGuard | None) -> None:
        self._tone = tone
        self._locale = place.name
        self._babel = _babel_locale(place)
        self._files = sorted(place.glob("*.toml"))
        self._partials = {path.name: path.read_text("utf-8") for path in _partials(place)}
        self._place = place
        self._plain = _sandbox(self._partials, autoescape=False)
        self._markup = _sandbox(self._partials, autoescape=True)

    def read(self) -> Iterator[TextTemplate]:
        for name, source in self._partials.items():
            self._refuse_partial(name, source)
        for path in self._files:
            table = Table(read_toml(path), file=str(path))
            variables = frozenset(table.texts("variables"))
            if unknown := sorted(variables - OFFERED):
                offered = ", ".join(sorted(OFFERED))
                raise table.error("variables", f"unknown: {', '.join(unknown)}; offered are {offered}")
            found = [self._text(path, table, channel, variables) for channel in self._channels(path, table)]
            table.finish()
            yield from found

    def _refuse_partial(self, name: str, source: str) -> None:
        if self._tone:
            file = str(self._place / name)
            error = partial(_file_error, file)
            refuse_tone(self._tone, source, channel=ToneChannel.UNKNOWN, error=error)

    def _channels(self, path: Path, table: Table) -> list[ChannelKind]:
        channels = [channel for channel in ChannelKind if table.mapping(channel.value)]
        if not channels:
            words = ", ".join(ChannelKind)
            raise ConfigError(file=str(path), key="(file)", problem=f"has no text: give a table for one of {words}")
        return channels

    def _text(self, path: Path, table: Table, channel: ChannelKind, variables: frozenset[str]) -> TextTemplate:
        below = table.table(channel.value)
        sources = {part: below.text(part) for part in PARTS[channel]}
        below.finish()
        parts, needed = {}, set[str]()
        for part, source in sources.items():
            env = self._markup if part == "html" else self._plain
            used = self._used(env, source, below, part)
            if undeclared := sorted(used - variables):
                raise below.error(part, f"uses undeclared variables: {', '.join(undeclared)}")
            if self._tone:
                spoken = ToneChannel(channel.value)
                refuse_tone(self._tone, source, channel=spoken, error=partial(below.error, part))
            parts[part] = compiled(env, source)
            needed |= used
        return TextTemplate(
            name=path.stem,
            channel=channel,
            locale=self._locale,
            babel_locale=self._babel,
            file=str(path),
            variables=frozenset(needed),
            parts=parts,
        )

    def _used(self, env: Environment, source: str, table: Table, part: str) -> set[str]:
        """The variables of the text and of every partial that it reaches."""
        used: set[str] = set()
        waiting, seen = {"": source}, set[str]()
        while waiting:
            include, text = waiting.popitem()
            seen.add(include)
            names, reached = _names_in(env, text, table.error, (part, include))
            used |= names
            for name in reached - seen:
                if name not in self._partials:
                    raise table.error(part, f"no partial {name!r} in {self._place}")
                waiting[name] = self._partials[name]
        return used


def _file_error(file: str, problem: str) -> ConfigError:
    return ConfigError(file=file, key="(file)", problem=problem)


def _names_in(
    env: Environment, text: str, error: Callable[[str, str], ConfigError], place: tuple[str, str]
) -> tuple[set[str], set[str]]:
    """The variables that a text uses and the partials that it names."""
    part, include = place
    try:
        tree = env.parse(text)
        used, reached = meta.find_undeclared_variables(tree), set(meta.find_referenced_templates(tree))
    except TemplateSyntaxError as exc:
        where = f" of {include}" if include else ""
        raise error(part, f"line {exc.lineno}{where}: {exc.message}") from exc
    if None in reached:
        raise error(part, "names a partial that only rendering knows: write its name out")
    return used, {name for name in reached if name}


def _sandbox(partials: Mapping[str, str], *, autoescape: bool) -> Environment:
    env = ImmutableSandboxedEnvironment(
        autoescape=autoescape,
        undefined=StrictUndefined,
        loader=DictLoader(partials),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    # `range`, `cycler`, `lipsum` and their kin are no words of a letter.
    env.globals.clear()
    return env


def _partials(place: Path) -> list[Path]:
    return sorted([*place.glob("_*.html"), *place.glob("_*.txt")])


def _babel_locale(place: Path) -> Locale:
    try:
        return Locale.parse(place.name, sep="-")
    except (ValueError, UnknownLocaleError) as exc:
        raise ConfigError(file=str(place), key="(folder)", problem="its name is no locale") from exc
