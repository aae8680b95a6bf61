"""A small disk of its own for the ledger, which can be full: a tmpfs, where this user may mount one."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

#: More than any run writes; a tmpfs takes memory only for what is in it.
_ROOM = "8g"


@dataclass(frozen=True, kw_only=True, slots=True)
class Disk:
    """Mounted on `place`."""

    place: Path

    def fill(self) -> None:
        """Leave no room: what is there may be written over, nothing may grow."""
        stat = os.statvfs(self.place)
        used = (stat.f_blocks - stat.f_bfree) * stat.f_frsize
        _mount("-o", f"remount,size={used}", str(self.place))

    def free(self) -> None:
        _mount("-o", f"remount,size={_ROOM}", str(self.place))

    def unmount(self) -> None:
        subprocess.run(["umount", "--lazy", str(self.place)], check=False)


def mount_disk(place: Path) -> Disk | None:
    """None where this user may not mount anything."""
    place.mkdir(parents=True)
    if os.geteuid() != 0 or not _mount("-t", "tmpfs", "-o", f"size={_ROOM},mode=0700", "tmpfs", str(place)):
        return None
    return Disk(place=place)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], check=False, stderr=subprocess.DEVNULL).returncode == 0
