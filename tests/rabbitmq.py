"""A RabbitMQ node for the tests, on free loopback ports and in a folder of its own. Debian's package brings it."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

#: The server itself; what the package puts on the path insists on an account and on folders of the system.
SERVER = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_START_S = 90.0
_STOP_S = 60.0
_LOOPBACK = "127.0.0.1"


@dataclass
class RabbitNode:
    """Its name server, epmd, is ours too: the one that Erlang starts by itself would outlive the test."""

    folder: Path
    port: int
    epmd_port: int
    dist_port: int
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@{_LOOPBACK}:{self.port}/%2F"

    def start(self) -> None:
        """Return once it takes connections."""
        with (self.folder / "node.log").open("ab") as log:
            self.process = subprocess.Popen(
                [SERVER],
                env=self.environment(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            if _answers(self.port):
                return
            time.sleep(0.1)
        raise AssertionError((self.folder / "node.log").read_text()[-4000:])

    def stop(self) -> None:
        """End it and what it started: helpers of Erlang's run in sessions of their own, and end with their pipe."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(_STOP_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """As if the machine had lost power."""
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def environment(self) -> dict[str, str]:
        names = {"MNESIA_BASE": "mnesia", "LOG_BASE": "log", "ENABLED_PLUGINS_FILE": "plugins", "CONFIG_FILE": "none",
                 "PID_FILE": "pid", "GENERATED_CONFIG_DIR": "generated", "SCHEMA_DIR": "schema"}  # fmt: skip
        return {f"RABBITMQ_{name}": str(self.folder / value) for name, value in names.items()} | {
            "PATH": os.environ["PATH"],
            # The cookie is written there.
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.epmd_port),
            "ERL_EPMD_ADDRESS": _LOOPBACK,
            "RABBITMQ_NODENAME": f"duecourse{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": _LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.dist_port),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }


@contextmanager
def running_rabbitmq(folder: Path) -> Iterator[RabbitNode]:
    node = RabbitNode(folder, *_free_ports())
    epmd = shutil.which("epmd") or "epmd"
    address = ("-port", str(node.epmd_port), "-address", _LOOPBACK)
    with subprocess.Popen([epmd, *address], env=node.environment(), stdin=subprocess.DEVNULL) as names:
        try:
            node.start()
            yield node
        finally:
            node.stop()
            names.terminate()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection((_LOOPBACK, port), 1) as connection:
            # A node that is up says at once that it does not speak this.
            connection.settimeout(5)
            connection.sendall(b"HELLO\r\n\r\n")
            return connection.recv(4) == b"AMQP"
    except OSError:
        return False


def _free_ports() -> tuple[int, int, int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
        for one in sockets:
            one.bind((_LOOPBACK, 0))
        first, second, third = (one.getsockname()[1] for one in sockets)
    return first, second, third
