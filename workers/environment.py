"""A worker's settings, or one clear line and an end: Dramatiq would print a traceback instead."""

import os
import sys

from duecourse.bootstrap import require_stores
from duecourse.domain.errors import ConfigError
from duecourse.logs import configure
from duecourse.settings import Settings, load

#: What the command line answers to a wrong configuration, too.
_WRONG_CONFIGURATION = 2


def settings_of_process() -> Settings:
    """Read the environment, and set up this process's log."""
    try:
        settings = load(os.environ)
        require_stores(settings)
    except ConfigError as exc:
        sys.stderr.write(f"error: {exc}\n")
        raise SystemExit(_WRONG_CONFIGURATION) from exc
    configure(settings.log_format)
    return settings
