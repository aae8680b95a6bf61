"""Runs the web process: one uvicorn, told to stop by the usual signals, quiet about its callers."""

import asyncio
import errno
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import uvicorn

from duecourse.bootstrap import open_app, open_channels
from duecourse.domain.errors import InputError
from duecourse.settings import Settings
from duecourse.web.app import create_app

log: structlog.stdlib.BoundLogger = structlog.get_logger()

_GRACE_S = 10
_BACKLOG = 512


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours are set in `serve`; uvicorn's would kill the process again after a clean stop."""
        yield


async def serve(settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve until SIGTERM or SIGINT, then finish what is being answered. `announce` is told the URL.

    Raises:
        InputError: the port is taken or the host is not this machine's.
        StoreUnavailable: Postgres cannot be reached at the start. Later on that is a 503.
    """
    listener = listen(host, port)
    async with open_app(settings) as app, open_channels(settings) as channels:
        config = uvicorn.Config(
            create_app(app, channels),
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=_GRACE_S,
            lifespan="off",
        )
        server = _Server(config)
        stop_on_signals(server)
        name, bound = listener.getsockname()[:2]
        log.info("web.started", host=name, port=bound, providers=sorted(channels))
        announce(f"http://{f'[{name}]' if ':' in name else name}:{bound}")
        await server.serve(sockets=[listener])
    log.info("web.stopped")


def stop_on_signals(server: uvicorn.Server) -> None:
    """The first signal lets answers finish, the second does not."""

    def stop() -> None:
        server.force_exit = server.should_exit
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        InputError: it cannot be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as exc:
        taken = exc.errno == errno.EADDRINUSE
        problem = "is taken: stop what listens there, or name another with --port" if taken else "cannot be used"
        raise InputError(f"port {port} of {host} {problem}") from exc
