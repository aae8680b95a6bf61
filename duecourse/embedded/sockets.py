"""Where a server's unix socket lives: in its folder, or in a short one where that path is too long for a socket."""

import hashlib
import tempfile
from pathlib import Path

#: `sun_path` holds 108 bytes on Linux and 104 on macOS, the closing zero included.
_LIMIT = 103


def socket_folder(folder: Path, *, name: str) -> Path:
    """A private folder, the same one for the same `folder` each time; made where it is missing."""
    sockets = folder / "sockets"
    if len(bytes(sockets / name)) > _LIMIT:
        digest = hashlib.sha256(bytes(folder)).hexdigest()[:16]
        sockets = Path(tempfile.gettempdir()) / f"duecourse-{digest}"
    sockets.mkdir(mode=0o700, exist_ok=True)
    return sockets
