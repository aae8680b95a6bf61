"""Embedded stores through every kind of end: stopped, killed, interrupted, raced for, and left behind."""

import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import redis

from duecourse.domain.errors import StoreUnavailable
from duecourse.embedded import EmbeddedServer, guard, server, start_postgres, start_redis

Start = Callable[[Path], EmbeddedServer]
STORES = pytest.mark.parametrize("start", [start_postgres, start_redis], ids=["postgres", "redis"])

USE = """
import sys
from pathlib import Path
from duecourse import embedded
server = getattr(embedded, sys.argv[1])(Path(sys.argv[2]))
print(server.url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A server's folder; whatever a failed test leaves running in it is ended."""
    folder = tmp_path / "store"
    yield folder
    for name in ("data/postmaster.pid", "redis.pid"):
        pid = guard.running(folder / name, str(folder))
        if pid is not None:
            os.kill(pid, signal.SIGKILL)


def pid_of(store: EmbeddedServer) -> int | None:
    return guard.running(store.program.pid_file, store.program.marker)


def use_elsewhere(start: Start, folder: Path, environment: dict[str, str]) -> subprocess.Popen[str]:
    """A process of its own that has started the server, and uses it until it is killed or told to end."""
    process = subprocess.Popen(
        (sys.executable, "-c", USE, start.__name__, str(folder)),
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().strip()
    return process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def becomes(question: Callable[[], bool]) -> bool:
    for _ in range(1500):
        if question():
            return True
        time.sleep(0.02)
    return False


def write(store: EmbeddedServer, value: str) -> None:
    if store.url.startswith("unix"):
        with redis.Redis.from_url(store.url) as client:
            client.rpush("kept", value)
        return
    with psycopg.connect(store.owner_url) as conn:
        conn.execute("CREATE TABLE IF NOT EXISTS kept (value text)")
        conn.execute("INSERT INTO kept VALUES (%s)", (value,))


def read(store: EmbeddedServer) -> list[str]:
    if store.url.startswith("unix"):
        with redis.Redis.from_url(store.url, decode_responses=True) as client:
            return list(client.lrange("kept", 0, -1))
    with psycopg.connect(store.owner_url) as conn:
        return [value for (value,) in conn.execute("SELECT value FROM kept")]


@pytest.fixture
def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}


@STORES
def test_a_stopped_server_keeps_its_data_for_the_next_start(start: Start, folder: Path) -> None:
    first = start(folder)
    write(first, "a")
    first.stop()
    assert pid_of(first) is None
    second = start(folder)
    assert read(second) == ["a"]
    second.stop()
    second.stop()
    assert pid_of(second) is None


@STORES
def test_the_last_user_ends_the_server_and_no_other(start: Start, folder: Path) -> None:
    first, second = start(folder), start(folder)
    assert (first.url, pid_of(first)) == (second.url, pid_of(second))
    first.stop()
    write(second, "still here")
    second.stop()
    assert pid_of(second) is None


@STORES
def test_a_server_that_another_process_uses_is_left_running(
    start: Start, folder: Path, environment: dict[str, str]
) -> None:
    other = use_elsewhere(start, folder, environment)
    mine = start(folder)
    pid = pid_of(mine)
    mine.stop()
    assert pid is not None
    assert pid_of(mine) == pid
    other.communicate()
    assert becomes(lambda: pid_of(mine) is None)


@STORES
def test_killing_the_only_user_ends_the_server_and_loses_nothing(
    start: Start, folder: Path, environment: dict[str, str]
) -> None:
    owner = use_elsewhere(start, folder, environment)
    mine = start(folder)
    write(mine, "a")
    mine.stop()
    kill(owner)
    assert becomes(lambda: pid_of(mine) is None)
    again = start(folder)
    assert read(again) == ["a"]
    again.stop()


@STORES
def test_a_server_whose_user_and_guard_were_killed_is_joined_and_ended(
    start: Start, folder: Path, environment: dict[str, str]
) -> None:
    owner = use_elsewhere(start, folder, environment)
    mine = start(folder)
    pid = pid_of(mine)
    assert pid is not None
    os.kill(parent_of(pid), signal.SIGKILL)
    kill(owner)
    mine.stop()
    assert pid_of(mine) is None

    owner = use_elsewhere(start, folder, environment)
    pid = pid_of(mine)
    assert pid is not None
    os.kill(parent_of(pid), signal.SIGKILL)
    kill(owner)
    joined = start(folder)
    assert pid_of(joined) == pid
    other = use_elsewhere(start, folder, environment)
    joined.stop()
    kill(other)
    assert becomes(lambda: pid_of(joined) is None)


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


@STORES
def test_a_killed_server_starts_again_on_what_it_had_committed(start: Start, folder: Path) -> None:
    first = start(folder)
    write(first, "a")
    pid = pid_of(first)
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert becomes(lambda: pid_of(first) is None)
    second = start(folder)
    assert read(second) == ["a"]
    second.stop()
    first.stop()


@STORES
@pytest.mark.parametrize("number", [os.getpid(), 4_194_305], ids=["alive", "dead"])
def test_a_stale_pid_file_confuses_nobody(start: Start, folder: Path, number: int) -> None:
    first = start(folder)
    write(first, "a")
    pid_file = first.program.pid_file
    lines = pid_file.read_text().split("\n")
    first.stop()
    pid_file.write_text("\n".join([str(number), *lines[1:]]))
    if first.program.keywords:
        os.chown(pid_file, first.program.keywords["user"], first.program.keywords["group"])
    second = start(folder)
    assert read(second) == ["a"]
    second.stop()


@STORES
def test_many_starters_at_once_share_one_server(start: Start, folder: Path, environment: dict[str, str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        users = list(pool.map(lambda _: use_elsewhere(start, folder, environment), range(4)))
    mine = start(folder)
    pid = pid_of(mine)
    mine.stop()
    for user in users:
        assert pid_of(mine) == pid
        kill(user)
    assert becomes(lambda: pid_of(mine) is None)


@STORES
def test_a_deep_folder_is_no_hindrance(start: Start, folder: Path) -> None:
    """A unix socket's path is short by law, a folder's is not."""
    deep = folder / ("deep" * 20) / ("deeper" * 10)
    store = start(deep)
    write(store, "a")
    assert read(store) == ["a"]
    store.stop()
    shutil.rmtree(short(deep))


def short(folder: Path) -> Path:
    return Path(tempfile.gettempdir()) / f"duecourse-{hashlib.sha256(bytes(folder)).hexdigest()[:16]}"


@STORES
def test_a_short_folder_that_is_open_to_others_is_refused(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = folder / ("deep" * 30)
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    short(deep).mkdir(parents=True)
    short(deep).chmod(0o777)
    with pytest.raises(StoreUnavailable, match="is not a private folder of this user: remove it"):
        start(deep)


@STORES
def test_without_a_wheel_it_says_what_to_set(start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(StoreUnavailable, match="set DATABASE_URL and REDIS_URL to servers of your own"):
        start(folder)
    assert not folder.exists()


def test_an_interrupted_creation_is_begun_anew(folder: Path) -> None:
    (folder / "data.new").mkdir(parents=True)
    (folder / "data.new" / "PG_VERSION").write_text("half")
    store = start_postgres(folder)
    write(store, "a")
    store.stop()


def test_a_server_that_cannot_start_names_its_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_postgres(folder).stop()
    (folder / "data" / "PG_VERSION").write_text("9.1\n")
    monkeypatch.setattr(server, "_RETRY_S", 0.0)
    with pytest.raises(StoreUnavailable, match=r"Postgres does not start, see .*server\.log"):
        start_postgres(folder)
    assert "incompatible with server" in (folder / "server.log").read_text()


def test_the_application_logs_in_without_the_owners_rights(folder: Path) -> None:
    store = start_postgres(folder)
    with psycopg.connect(store.url) as conn:
        row = conn.execute("SELECT rolsuper OR rolcreaterole OR rolcreatedb FROM pg_roles WHERE rolname = current_user")
        assert row.fetchone() == (False,)
        assert conn.execute("SHOW fsync").fetchone() == ("on",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("CREATE TABLE mine (a int)")
    store.stop()


def test_neither_server_listens_on_the_network_nor_to_other_users(
    postgres_server: EmbeddedServer, redis_server: EmbeddedServer
) -> None:
    with psycopg.connect(postgres_server.owner_url) as conn:
        assert conn.execute("SHOW listen_addresses").fetchone() == ("",)
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("port") == {"port": "0"}
    for store in (postgres_server, redis_server):
        assert store.program.folder.stat().st_mode & 0o077 == 0


def test_redis_forgets_nothing_on_purpose(folder: Path) -> None:
    store = start_redis(folder)
    with redis.Redis.from_url(store.url) as client:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "save": ""}
        assert {name: client.config_get(name)[name] for name in wanted} == wanted
    store.stop()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to lend an account")


@as_root
def test_root_lends_postgres_an_account_that_is_not_root(postgres_server: EmbeddedServer) -> None:
    pid = pid_of(postgres_server)
    assert Path(f"/proc/{pid}").stat().st_uid != 0


@as_root
@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux")
def test_a_private_folder_of_root_stays_private(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    store = start_postgres(private / "store")
    write(store, "a")
    assert read(store) == ["a"]
    assert private.stat().st_mode & 0o777 == 0o700
    store.stop()
