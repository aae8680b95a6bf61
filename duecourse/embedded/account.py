"""Postgres refuses to run as root, so root lends it another account, and opens no folder to others for that."""

import os
import pwd
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.server import OWN_SERVERS

#: In order of preference: a server's own account where the machine has one, else the one every machine has.
_CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """Who runs the server: `uid` is None for ourselves."""

    uid: int | None = None
    gid: int | None = None
    reach: bool = False
    """The account cannot walk to its files, which lie in a private folder such as /root."""

    def own(self, path: Path) -> None:
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def command(self, argv: list[str]) -> tuple[list[str], dict[str, Any]]:
        """What to give to `subprocess`: the arguments and the keywords."""
        if self.uid is None or self.gid is None:
            return argv, {}
        if not self.reach:
            return argv, {"user": self.uid, "group": self.gid, "extra_groups": []}
        walk = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        return [_setpriv(), f"--reuid={self.uid}", f"--regid={self.gid}", "--clear-groups", *walk, *argv], {}


def account_for(data: Path, *, programs: Path) -> Account:
    """The account that owns `data` already, or the first that can; ourselves where we are not root.

    Raises:
        StoreUnavailable: root, and no other account to be had.
    """
    if os.geteuid() != 0:
        return Account()
    entry = _entry(data)
    reach = not all(_open_to_all(path) for path in (*data.parent.parents, *programs.parents, programs))
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, reach=reach)


def _entry(data: Path) -> pwd.struct_passwd:
    if data.exists() and data.stat().st_uid != 0:
        return pwd.getpwuid(data.stat().st_uid)
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in _CANDIDATES:
        if name in known:
            return known[name]
    raise StoreUnavailable(f"Postgres does not run as root, and there is no account 'postgres': {OWN_SERVERS}")


def _open_to_all(folder: Path) -> bool:
    return bool(folder.stat().st_mode & stat.S_IXOTH)


def _setpriv() -> str:
    program = shutil.which("setpriv")
    if program is None:
        raise StoreUnavailable(
            "Postgres does not run as root, and no other account can reach this folder: "
            f"move it out of root's private folders, run as another user, or {OWN_SERVERS}"
        )
    return program
