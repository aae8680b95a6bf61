"""Values of the environment inside configuration files: `${NAME}` and `${NAME:-default}`, as a shell reads them."""

import re
from collections.abc import Mapping
from typing import Any

from duecourse.domain.errors import ConfigError

_REFERENCE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\})")


def fill(values: Mapping[str, Any], environ: Mapping[str, str], *, file: str) -> dict[str, Any]:
    """Every text below `values` with its references filled in. `$$` is a plain dollar.

    Raises:
        ConfigError: a variable is neither set nor given a default; an empty one counts as not set.
    """
    return {key: _fill(value, environ, (file, key)) for key, value in values.items()}


def fill_known(values: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """The same, but a key whose variable is not set is left out: for a provider that is switched off."""
    filled = {}
    for key, value in values.items():
        try:
            filled[key] = fill_known(value, environ) if isinstance(value, Mapping) else _fill(value, environ, ("", key))
        except ConfigError:
            continue
    return filled


def _fill(value: Any, environ: Mapping[str, str], place: tuple[str, str]) -> Any:
    file, path = place
    if isinstance(value, str):
        return _fill_text(value, environ, place)
    if isinstance(value, Mapping):
        return {key: _fill(below, environ, (file, f"{path}.{key}")) for key, below in value.items()}
    if isinstance(value, list):
        return [_fill(below, environ, (file, f"{path}[{index}]")) for index, below in enumerate(value)]
    return value


def _fill_text(text: str, environ: Mapping[str, str], place: tuple[str, str]) -> str:
    def value_of(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        value = environ.get(match["name"]) or match["default"]
        if value is None:
            file, key = place
            raise ConfigError(file=file, key=key, problem=f"needs the environment variable {match['name']}")
        return value

    return _REFERENCE.sub(value_of, text)
