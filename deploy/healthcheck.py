# ruff: noqa: INP001
# A script, not a package.
"""Can this container do its work? Standard library only: it runs every few seconds in every container.

healthcheck.py web            the web process answers on DUECOURSE_WEB_PORT
healthcheck.py scheduler|sms|push|email|inbox
                              its process runs (a worker's pool too), and its stores can be connected to
"""

import os
import socket
import sys
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

_PATIENCE_S = 3.0
_PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671}


def main(name: str) -> str:
    """What is wrong, or nothing."""
    if name == "web":
        return _web(int(os.environ.get("DUECOURSE_WEB_PORT") or 8080))
    # A worker is its supervisor and at least one process that takes messages.
    marks = {"scheduler": ("workers.scheduler", 1)}
    mark, least = marks.get(name, (f"workers.{name}", 2))
    if _processes(mark) < least:
        return f"{name} does not run"
    return next(filter(None, map(_store, ("DATABASE_URL", "REDIS_URL", "BROKER_URL"))), "")


def _web(port: int) -> str:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/healthz", timeout=_PATIENCE_S):
            return ""
    except OSError as exc:
        return f"web does not answer: {type(exc).__name__}"


def _processes(mark: str) -> int:
    """How many processes of this container name it, this one left out. A forked worker keeps the whole command."""
    commands = (_command(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sum(mark in command and "healthcheck" not in command for command in commands)


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def _store(variable: str) -> str:
    url = urlsplit(os.environ.get(variable, ""))
    if url.hostname is None:
        return ""  # a unix socket, or several hosts: the process itself says what it cannot reach
    try:
        socket.create_connection((url.hostname, url.port or _PORTS.get(url.scheme, 0)), _PATIENCE_S).close()
    except (OSError, ValueError) as exc:
        return f"{variable} cannot be reached: {type(exc).__name__}"
    return ""


if __name__ == "__main__":
    problem = main(sys.argv[1])
    if problem:
        sys.exit(problem)
