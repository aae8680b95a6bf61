"""A worker's settings, or one clear line and an end: Dramatiq would print a traceback instead."""

import os
import sys
from typing import NoReturn

import dramatiq
from dramatiq.middleware import Middleware

from duecourse.bootstrap import require_stores
from duecourse.domain.errors import ConfigError
from duecourse.logs import configure
from duecourse.settings import Settings, load
from workers.broker import make_broker

#: What the command line answers to a wrong configuration, too.
_WRONG_CONFIGURATION = 2


def settings_of_process() -> Settings:
    """Read the environment, and set up this process's log."""
    try:
        settings = load(os.environ)
        require_stores(settings)
    except ConfigError as exc:
        _refuse(exc)
    configure(settings.log_format)
    return settings


def broker_of_process(settings: Settings, *extra: Middleware) -> dramatiq.Broker:
    """The bus that the hints of this deployment take."""
    try:
        return make_broker(settings.broker_url or settings.redis_url, *extra)
    except ConfigError as exc:
        _refuse(exc)


def _refuse(problem: ConfigError) -> NoReturn:
    sys.stderr.write(f"error: {problem}\n")
    raise SystemExit(_WRONG_CONFIGURATION) from problem
