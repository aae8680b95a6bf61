"""The secret keys: from the environment, or from files that only their owner may read."""

import base64
import binascii
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from duecourse.domain.errors import ConfigError

MASTER = "DUECOURSE_MASTER_KEY"
INDEX = "DUECOURSE_INDEX_KEY"
VARIABLES = frozenset({MASTER, f"{MASTER}_FILE", INDEX, f"{INDEX}_FILE"})
KEY_BYTES = 32
_ENVIRONMENT = "environment"


def master_keys(environ: Mapping[str, str]) -> dict[int, bytes]:
    """Version to key, from `1:<base64>[,2:<base64>]`; a file has one per line.

    Raises:
        ConfigError: none is given, or one is malformed. No message holds any part of a key.
    """
    source, text = _secret(environ, MASTER)
    entries = [entry.strip() for entry in text.replace("\n", ",").split(",") if entry.strip()]
    keys: dict[int, bytes] = {}
    for entry in entries:
        version, colon, encoded = entry.partition(":")
        if not colon or not (version.isascii() and version.isdecimal()) or int(version) < 1:
            raise _error(source, MASTER, "must be `<version>:<base64>`, version 1 or more")
        if int(version) in keys:
            raise _error(source, MASTER, f"gives version {int(version)} twice")
        keys[int(version)] = _decode(encoded, source, MASTER)
    if not keys:
        raise _error(source, MASTER, "holds no key")
    return keys


def index_key(environ: Mapping[str, str]) -> bytes:
    """The key of the blind index.

    Raises:
        ConfigError: as for `master_keys`.
    """
    source, text = _secret(environ, INDEX)
    return _decode(text.strip(), source, INDEX)


def ensure_keys(folder: Path) -> dict[str, str]:
    """Variables that name key files in `folder`; fresh keys are made where there are none.

    For a machine of one's own: in production the keys come from a vault and do not lie beside the data.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = {MASTER: (folder / "master.key", "1:"), INDEX: (folder / "index.key", "")}
    for path, prefix in files.values():
        _write_once(path, prefix + base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())
    return {f"{name}_FILE": str(path) for name, (path, _) in files.items()}


def with_stand_ins(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment with keys that open nothing, in place of its own: for checking all the rest."""
    worthless = base64.b64encode(bytes(KEY_BYTES)).decode()
    others = {name: value for name, value in environ.items() if name not in VARIABLES}
    return others | {MASTER: f"1:{worthless}", INDEX: worthless}


def _write_once(path: Path, text: str) -> None:
    """Whole or not at all: two starts at once agree on one key, and a kill leaves no half of it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    if path.exists():
        return
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text + "\n")
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def _secret(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """Where the secret was found, and its text."""
    inline, named = environ.get(name), environ.get(f"{name}_FILE")
    if inline and named:
        raise _error(_ENVIRONMENT, name, f"is given twice: unset it or {name}_FILE")
    if inline:
        return _ENVIRONMENT, inline
    if not named:
        raise _error(_ENVIRONMENT, name, f"is not set: give it or {name}_FILE")
    return named, _read_private(Path(named), f"{name}_FILE")


def _read_private(path: Path, variable: str) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as exc:
        problem = exc.strerror if isinstance(exc, OSError) else "not plain ASCII"
        raise _error(str(path), variable, f"cannot be read: {problem}") from exc
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise _error(str(path), variable, "may be read or written by everybody: chmod 600 it")
    return text


def _decode(encoded: str, source: str, name: str) -> bytes:
    try:
        key = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise _error(source, name, f"must be {KEY_BYTES} bytes in base64")
    return key


def _error(source: str, key: str, problem: str) -> ConfigError:
    return ConfigError(file=source, key=key, problem=problem)
