"""Where a server's unix socket lives: in its folder, or in a short one where that path is too long for a socket."""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from duecourse.domain.errors import StoreUnavailable

#: `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LIMIT = 103


def socket_folder(folder: Path, *, name: str) -> Path:
    """A private folder, the same one for the same `folder` each time; made where it is missing.

    Raises:
        StoreUnavailable: somebody else was there first, where everybody may make folders.
    """
    sockets = folder / "sockets"
    if len(bytes(sockets / name)) > _LIMIT:
        digest = hashlib.sha256(bytes(folder)).hexdigest()[:16]
        sockets = Path(tempfile.gettempdir()) / f"duecourse-{digest}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    _check_private(sockets, {os.geteuid(), folder.stat().st_uid})
    return sockets


def _check_private(sockets: Path, owners: set[int]) -> None:
    found = sockets.stat(follow_symlinks=False)
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if not private or found.st_uid not in owners:
        raise StoreUnavailable(f"{sockets} is not a private folder of this user: remove it")
