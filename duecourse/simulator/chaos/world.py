"""Builds a chaos run's world: stores, a book of many who are due, and every process of a deployment twice over."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from duecourse import settings as configuration
from duecourse.bootstrap import App, open_app
from duecourse.embedded.postgres import DATABASE, LOGIN
from duecourse.ledger.chaos import ChaosRows, Debtor
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.migrate import migrate
from duecourse.processes import Supervisor, python
from duecourse.settings import Settings
from duecourse.simulator.chaos import doomed
from duecourse.simulator.chaos.doomed import FOLDER_VARIABLE
from duecourse.simulator.chaos.lines import Line, running_line, to_socket
from duecourse.simulator.chaos.people import debtors
from duecourse.simulator.chaos.points import Orders
from duecourse.simulator.chaos.setting import write_setting
from duecourse.simulator.chaos.stores import Stores, postgres_socket, redis_socket
from duecourse.simulator.chaos.wishes import START, ChaosWishes
from duecourse.simulator.deployment import environment, ready, while_alive
from duecourse.simulator.remote import RemoteSandbox, remote_sandbox
from duecourse.simulator.tempers import accounts_toml

Note = Callable[[str], None]
"""Called with what is being done now."""

_GRACE_S = 8.0
#: A poison among so many: somebody whose key was destroyed, and whose neighbours must not suffer for it.
_ERASED_EACH = 250
_ONE = ("--processes", "1", "--threads", "2")
_PROCESSES = {
    "web": ("duecourse.cli.main", "web"),
    "scheduler-1": ("workers.scheduler",),
    "scheduler-2": ("workers.scheduler",),
    "sms-1": ("dramatiq", "workers.sms", *_ONE),
    "sms-2": ("dramatiq", "workers.sms", *_ONE),
    "push-1": ("dramatiq", "workers.push", *_ONE),
    "email-1": ("dramatiq", "workers.email", *_ONE),
    "inbox-1": ("dramatiq", "workers.inbox", *_ONE),
}
#: Whose line to Postgres can be cut while the others keep theirs.
_CUT_OFF = ("sms", "push", "email", "inbox")


class Undaunted(Supervisor):
    """Starts again whatever dies, for as long as it takes: here processes are meant to die."""

    tries = 1_000_000
    backoff_s = (0.3, 1.0)


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything runs, everybody is due, nothing is broken yet."""

    wishes: ChaosWishes
    app: App
    stores: Stores
    sandbox: RemoteSandbox
    supervisor: Supervisor
    debtors: tuple[Debtor, ...]
    lines: Mapping[str, Line]
    """What can be cut: `redis` for every process, `postgres` for the workers."""
    orders: Orders

    @property
    def log(self) -> Path:
        """The provider's own book."""
        return self.wishes.folder / "sandbox.jsonl"

    @property
    def process_logs(self) -> Path:
        return self.wishes.folder / "logs"


@asynccontextmanager
async def build_world(wishes: ChaosWishes, note: Note) -> AsyncIterator[World]:
    """Start everything in the wishes' folder; at the end of the block nothing of it runs any more.

    Raises:
        StoreUnavailable: a store or a process does not come up.
    """
    async with AsyncExitStack() as stack:
        note("starting Postgres and Redis")
        stores = await Stores.start(wishes.folder)
        stack.push_async_callback(stores.stop)
        env = environment(wishes.folder, stores.postgres, stores.redis)
        shipped = Path(env["DUECOURSE_CONFIG_DIR"])
        env["DUECOURSE_CONFIG_DIR"] = str(write_setting(shipped, wishes.folder / "config", wishes))
        settings = configuration.load(env)
        await migrate(settings.owner_database_url)
        lines = await _lines(stack, stores)
        orders = Orders(wishes.folder / "points")
        app = await stack.enter_async_context(open_app(settings, pool_size=4))
        note(f"writing a book of {wishes.contacts:,} borrowers who are due")
        book = tuple(debtors(wishes))
        await _seed(app, book)
        note("starting the sandbox, the web process, schedulers and workers")
        supervisor = await stack.enter_async_context(_processes(wishes, settings, env, lines))
        sandbox = await stack.enter_async_context(remote_sandbox(env["DUECOURSE_SANDBOX_URL"]))
        web = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        urls = [f"{env['DUECOURSE_SANDBOX_URL']}/control/state", f"{settings.public_url}/healthz"]
        await while_alive(supervisor, ready(web, urls))
        await asyncio.to_thread(stores.back_up_redis)
        yield World(
            wishes=wishes,
            app=app,
            stores=stores,
            sandbox=sandbox,
            supervisor=supervisor,
            debtors=book,
            lines=lines,
            orders=orders,
        )
        note("stopping")


async def _seed(app: App, book: tuple[Debtor, ...]) -> None:
    async with app.ledger.transaction() as tx:
        await ChaosRows(tx.conn, tx.vault).seed(book, now=START)
        await ChaosRows(tx.conn, tx.vault).erase(book[::_ERASED_EACH])
        await step_virtual_clock(tx.conn, START)


async def _lines(stack: AsyncExitStack, stores: Stores) -> dict[str, Line]:
    paths = {"postgres": postgres_socket(stores.postgres), "redis": redis_socket(stores.redis)}
    return {name: await stack.enter_async_context(running_line(to_socket(path))) for name, path in paths.items()}


def _processes(
    wishes: ChaosWishes, settings: Settings, env: Mapping[str, str], lines: Mapping[str, Line]
) -> Supervisor:
    accounts = wishes.folder / "accounts.toml"
    accounts.write_text(accounts_toml(settings))
    accounts.chmod(0o600)
    port = env["DUECOURSE_SANDBOX_URL"].rpartition(":")[2]
    supervisor = Undaunted(env=env, logs=wishes.folder / "logs", grace_s=_GRACE_S)
    supervisor.add(
        "sandbox",
        python("-m", "duecourse.cli.main", "sandbox", "--port", port, "--seed", str(wishes.seed),
               "--accounts", str(accounts), "--log", str(wishes.folder / "sandbox.jsonl")),
    )  # fmt: skip
    everybody = {
        FOLDER_VARIABLE: str(wishes.folder / "points"),
        "REDIS_URL": f"redis://127.0.0.1:{lines['redis'].port}/0",
    }
    cut_off = {"DATABASE_URL": f"postgresql://{LOGIN}@127.0.0.1:{lines['postgres'].port}/{DATABASE}"}
    for name, module in _PROCESSES.items():
        more = cut_off if name.startswith(_CUT_OFF) else {}
        supervisor.add(name, python("-m", doomed.__name__, name, *module), env=everybody | more)
    return supervisor
