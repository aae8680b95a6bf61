"""Runs a command's work against the application that the settings describe."""

import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from duecourse import settings
from duecourse.bootstrap import App, open_app
from duecourse.cli.output import run
from duecourse.embedded import joined

T = TypeVar("T")

#: A person is waiting: long enough for a server that is starting a connection, not for one that is starting.
_WAIT_S = 5.0


def run_with_app(work: Callable[[App], Awaitable[T]]) -> T:
    """Open the application, do the work, close it.

    Raises:
        ConfigError: a setting is wrong.
        StoreUnavailable: Postgres or Redis cannot be reached.
    """
    # A command says itself what went wrong; what libraries log is for services.
    logging.getLogger().addHandler(logging.NullHandler())
    with joined(os.environ) as environ:
        return run(_opened(work, environ))


async def _opened(work: Callable[[App], Awaitable[T]], environ: Mapping[str, str]) -> T:
    async with open_app(settings.load(environ), wait_s=_WAIT_S) as app:
        return await work(app)
