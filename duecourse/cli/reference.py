"""Writes the pages that nobody should write by hand: `python -m duecourse.cli.reference`, with --check to compare."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from duecourse.cli.jurisdictions import jurisdictions_page
from duecourse.cli.main import COMMANDS, load_command
from duecourse.settings.environment import fill_known
from duecourse.settings.packs import load_packs

_ROOT = Path(__file__).resolve().parents[2]
_WRITTEN = "<!-- Written by `make docs`: do not edit. -->"
_PERHAPS_SENT = {
    "key": "the same call with the same key, after {settle_s:g} s, within {window_s:g} s",
    "lookup": "asked for our reference, after {settle_s:g} s",
    "none": "assumed sent after {horizon_s:g} s without a receipt, and listed for a person",
}
#: What `settings.load` takes where a provider's file is silent.
_DEFAULTS: dict[str, Any] = {
    "resolution": "none",
    "settle_s": 60.0,
    "window_s": 0.0,
    "horizon_s": 86_400.0,
    "max_batch": 1,
}
#: How a value of a type is called in usage lines.
_WORDS = {int: "NUMBER", float: "NUMBER", Path: "FILE", datetime: "DATE"}


def pages() -> dict[Path, str]:
    """Each generated page and what it must hold."""
    return {
        _ROOT / "docs/cli.md": commands_page(),
        _ROOT / "docs/providers.md": providers_page(_ROOT / "config/providers"),
        _ROOT / "docs/jurisdictions.md": f"{_WRITTEN}\n\n{jurisdictions_page(load_packs(_ROOT / 'config'))}",
    }


def stale() -> list[Path]:
    """Pages that are not what they would be if they were written now."""
    return [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]


def commands_page() -> str:
    """Every command with its arguments and options, as Markdown."""
    parts = [_WRITTEN, "# Commands", "`duecourse COMMAND --help` says the same. Exit codes: 0 done, 1 failed, 2 wrong "]
    parts[-1] += "usage or configuration, 130 interrupted."
    for name in COMMANDS:
        for path, command in _leaves(name, load_command(name)):
            parts += _command(path, command)
    return "\n\n".join(parts) + "\n"


def providers_page(folder: Path) -> str:
    """What each provider account can do, read from its file."""
    rows = [_provider(path.stem, tomllib.loads(path.read_text("utf-8"))) for path in sorted(folder.glob("*.toml"))]
    head = ["account", "channel", "adapter", "calls/s", "messages per call", "a message that was perhaps sent", "on if"]
    about = "One file in `config/providers/` each: limits and capability are data. Secrets come from the environment."
    return "\n\n".join([_WRITTEN, "# Provider accounts", about, _table(head, rows)]) + "\n"


def _leaves(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    below: Mapping[str, Any] | None = getattr(command, "commands", None)
    if below is None:
        yield path, command
    for name, child in (below or {}).items():
        yield from _leaves(f"{path} {name}", child)


def _command(path: str, command: Any) -> list[str]:
    shown = [p for p in command.params if p.name != "help" and not getattr(p, "hidden", False)]
    arguments = [p for p in shown if p.param_type_name == "argument"]
    usage = " ".join(["duecourse", path, *(_argument(p) for p in arguments), "[OPTIONS]"])
    rows = [[_spelling(p), _about(p), _default(p)] for p in shown]
    return [
        f"## {path}",
        f"```\n{usage}\n```",
        _prose(command.help),
        _table(["option", "what it does", "default"], rows),
    ]


def _argument(parameter: Any) -> str:
    name = str(parameter.metavar or parameter.name.upper())
    return name if parameter.required else f"[{name}]"


def _spelling(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return f"`{_argument(parameter)}`"
    names = "`, `".join([*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else f" {_value(parameter)}"
    return f"`{names}{value}`"


def _value(parameter: Any) -> str:
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        # A backslash keeps Markdown from taking it for the end of the cell.
        return "\\|".join(choice.value for choice in kind)
    return str(parameter.metavar or _WORDS.get(kind, "TEXT"))


def _about(parameter: Any) -> str:
    variable = parameter.envvar
    return _cell(str(parameter.help or "")) + (f" Environment: `{variable}`." if variable else "")


def _default(parameter: Any) -> str:
    value = parameter.default
    if parameter.required:
        return "required"
    if value is None or value is False or callable(value) or value == ():
        return ""
    if isinstance(value, datetime):
        value = value.date()
    return f"`{getattr(value, 'value', value)}`"


def _prose(text: str | None) -> str:
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())


def _provider(name: str, given: dict[str, Any]) -> list[str]:
    # As it is where no variable of the environment is set, but for the switch, which is shown as it is written.
    values = _DEFAULTS | fill_known(given, {})
    waits = {key: float(values[key]) for key in ("settle_s", "window_s", "horizon_s")}
    fate = _PERHAPS_SENT[values["resolution"]].format_map(waits)
    switch = given.get("enabled", True)
    on = "always" if switch is True else "never" if switch is False else f"`{switch}`"
    return [f"`{name}`", values["channel"], f"`{values['adapter']}`", f"{float(values['rate_per_s']):g}",
            str(values["max_batch"]), fate, on]  # fmt: skip


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` only say which are stale: 1 if any is."""
    found = stale()
    if "--check" in arguments:
        for path in found:
            sys.stderr.write(f"{path.relative_to(_ROOT)} is stale: run `make docs`\n")
        return min(len(found), 1)
    current = pages()
    for path in found:
        path.write_text(current[path], encoding="utf-8")
        sys.stdout.write(f"wrote {path.relative_to(_ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
