"""Real Postgres and Redis servers out of wheels, for a machine with nothing set up.

Each runs in a folder of its own, on a private unix socket, and belongs to every process that started it:
the last one to stop, or to die, ends it.
"""

from duecourse.embedded.machine import completed, has_data, joined, var_folder
from duecourse.embedded.postgres import start_postgres
from duecourse.embedded.redis import start_redis
from duecourse.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "completed", "has_data", "joined", "start_postgres", "start_redis", "var_folder"]
