"""A machine with nothing set up: its own stores and keys, wherever the environment names none."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.postgres import start_postgres
from duecourse.embedded.redis import start_redis
from duecourse.settings import ensure_keys, find_config_dir

FOLDER_VARIABLE = "DUECOURSE_VAR_DIR"
_KEYS = ("DUECOURSE_MASTER_KEY", "DUECOURSE_MASTER_KEY_FILE", "DUECOURSE_INDEX_KEY", "DUECOURSE_INDEX_KEY_FILE")


def var_folder(environ: Mapping[str, str]) -> Path:
    """Where embedded data lives: named by the environment, else `var` beside the configuration.

    Raises:
        ConfigError: there is no configuration to be beside of.
    """
    named = environ.get(FOLDER_VARIABLE)
    return Path(named).resolve() if named else find_config_dir(environ).parent / "var"


@contextmanager
def completed(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment with an embedded store for each URL that it lacks, running for as long as the block lasts.

    Keys are made only for an embedded Postgres: data on a server of your own must not hang on a file of this machine.

    Raises:
        StoreUnavailable: a store does not come up, or no wheel for this platform is installed.
    """
    folder = var_folder(environ)
    full = dict(environ)
    with ExitStack() as stack:
        if not environ.get("DATABASE_URL"):
            postgres = start_postgres(folder / "postgres")
            stack.callback(postgres.stop)
            full |= {"DATABASE_URL": postgres.url, "DATABASE_OWNER_URL": postgres.owner_url}
            if not any(environ.get(name) for name in _KEYS):
                full |= ensure_keys(folder / "keys")
        if not environ.get("REDIS_URL"):
            redis = start_redis(folder / "redis")
            stack.callback(redis.stop)
            full["REDIS_URL"] = redis.url
        yield full


def has_data(environ: Mapping[str, str]) -> bool:
    """Whether an embedded Postgres was ever made here."""
    return (var_folder(environ) / "postgres" / "data").exists()


@contextmanager
def joined(environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """As `completed`, but only with stores that were made before: a command that asks something makes none.

    Raises:
        StoreUnavailable: a URL is missing and there is no embedded store, or it does not come up.
    """
    named = bool(environ.get("DATABASE_URL")) and bool(environ.get("REDIS_URL"))
    if not named and not has_data(environ):
        raise StoreUnavailable(
            "DATABASE_URL or REDIS_URL is not set, and there are no embedded stores: set both, or run `duecourse up`"
        )
    with completed(environ) as full:
        yield full
