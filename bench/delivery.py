"""How fast messages leave, side by side in one run on one sink: a bare actor, the transport's ceiling, and all of us.

    python bench/delivery.py [--contacts 10000] [--workers 2]

The governed pipeline is the real thing: scheduler and Dramatiq workers as processes, claim, gate, text, budget, ledger.
Its time runs from the first claim to the last settle, as Postgres recorded them. Everything shares this machine.
The sink is rivals/sink.py, not the sandbox, whose own cost per message would hide the difference. The bare actor gets
half as many messages and the ceiling twice as many: each is then long enough to measure. One run is one sample.
"""

import argparse
import asyncio
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import UTC, date, datetime
from datetime import time as daytime
from pathlib import Path

import redis

from duecourse.bootstrap import App, open_app
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.migrate import migrate
from duecourse.settings import load
from duecourse.simulator.deployment import environment, start_stores

PUSH_DUE, SMS_DUE = date(2018, 7, 10), date(2018, 7, 11)
PUSH_AT = datetime.combine(PUSH_DUE, daytime(13, 30), UTC)  # 09:30 in New York: push first
SMS_AT = datetime.combine(SMS_DUE, daytime(17, 30), UTC)  # 13:30: by SMS
KEY = "sandbox-key"
RIVALS = Path(__file__).parent / "rivals"


def book(folder: Path, contacts: int) -> list[Path]:
    """Half can be reached by SMS only, half by push only; each half owes one instalment on a day of its own."""
    files = {
        "borrowers": ["external_id,name,locale,country,region,sms,sms_consent,push,push_consent"],
        "loans": ["external_id,borrower_external_id,currency,principal,issued_on"],
        "instalments": ["loan_external_id,number,due_on,principal,interest"],
    }
    for n in range(contacts * 2):
        sms = f"+1212{2000000 + n:07d},granted,," if n % 2 else f",unknown,token-{n},granted"
        files["borrowers"].append(f"B{n},Given Family {n},en,US,NY,{sms}")
        files["loans"].append(f"L{n},B{n},USD,1000.00,2018-01-15")
        files["instalments"].append(f"L{n},3,{SMS_DUE if n % 2 else PUSH_DUE},100.00,0.00")
    paths = []
    for name, lines in files.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text("\n".join(lines) + "\n")
    return paths


def load_book(env: dict[str, str], files: list[Path]) -> None:
    command = [sys.executable, "-m", "duecourse.cli.main", "import", *map(str, files)]
    subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)


def unlimited(source: Path, folder: Path) -> Path:
    """Our configuration, with a limit that is never met: here the machine is measured, not the provider."""
    shutil.copytree(source, folder)
    for path in (folder / "providers").glob("sandbox-*.toml"):
        path.write_text(re.sub(r"(?m)^(rate_per_s|burst) = .*$", r"\1 = 200000", path.read_text()))
    return folder


@contextmanager
def running(env: dict[str, str], *commands: Sequence[str], cwd: Path | None = None) -> Iterator[None]:
    with ExitStack() as stack:
        for command in commands:
            child = stack.enter_context(
                subprocess.Popen([sys.executable, "-m", *command], env=env, cwd=cwd, stdout=subprocess.DEVNULL)
            )
            stack.callback(child.terminate)
        yield


async def answered(app: App, sql: str, seconds: float = 120) -> tuple[object, ...]:
    """The first row of `sql` once its first column is true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        async with app.ledger.transaction() as tx:
            row = await (await tx.conn.execute(sql.encode())).fetchone()
        if row and row[0]:
            return tuple(row[1:])
        await asyncio.sleep(0.1)
    raise TimeoutError(sql)


class Silent:
    """A queue that nobody listens to."""

    async def hint(self, *_: object) -> None: ...

    async def hint_inbox(self) -> None: ...


async def tidy(app: App) -> None:
    """What the step of the clock brings besides: contacts of days to come are planned, of days gone by expired."""
    await app.planning()()
    sweep = app.sweeping(Silent())
    while any((await sweep()).values()):
        pass


async def pipeline(app: App, env: dict[str, str], due: tuple[str, datetime], args: argparse.Namespace) -> float:
    """Governed contacts a second through one channel, at the instant when it is due."""
    channel, at = due
    async with app.ledger.transaction() as tx:
        await step_virtual_clock(tx.conn, at)
    await tidy(app)
    # The import rang the bell: answered now, the book would be planned a second time while messages leave.
    await app.redis.flushall()
    worker = ("dramatiq", f"workers.{channel}", "--processes", "1", "--threads", "4")
    # Asked often, so it must cost nothing: of two partial indexes, both empty in the end.
    ended = (
        f"SELECT NOT EXISTS (SELECT 1 FROM contacts WHERE channel = '{channel}' AND state = 'released')"  # noqa: S608
        f" AND NOT EXISTS (SELECT 1 FROM contacts WHERE channel = '{channel}' AND state = 'sending')"
    )
    done = (
        f"SELECT count(*) >= {args.contacts}, count(*), extract(epoch FROM max(settled_at) - min(armed_at))"  # noqa: S608
        f" FROM attempts WHERE channel = '{channel}' AND outcome IN ('accepted', 'duplicate')"
    )
    begun = f"SELECT EXISTS (SELECT 1 FROM attempts WHERE channel = '{channel}')"  # noqa: S608
    with running(env, *[worker] * args.workers, ("workers.scheduler",)):
        await answered(app, begun)
        await answered(app, ended)
        count, seconds = await answered(app, done)
    return float(str(count)) / float(str(seconds))


def wait_for_sink(sink: redis.Redis, key: str) -> None:
    while sink.exists(key):
        time.sleep(0.05)


def bare(env: dict[str, str], count: int) -> float:
    """Messages a second through two processes of eight threads, Dramatiq's own way."""
    code = f"import bare_actor; bare_actor.enqueue({count})"
    subprocess.run([sys.executable, "-c", code], env=env, cwd=RIVALS, check=True)
    with redis.Redis.from_url(env["REDIS_URL"]) as client:
        command = ("dramatiq", "bare_actor", "--processes", "2", "--threads", "8")
        with running(env, command, cwd=RIVALS):
            while client.hlen("bare:default.msgs") == count:
                time.sleep(0.01)
            began = time.monotonic()
            wait_for_sink(client, "bare:default.msgs")
            return count / (time.monotonic() - began)


def ceiling(env: dict[str, str], count: int, processes: int, transport: str = "aiohttp") -> float:
    """Prepared requests a second, start-up of the processes taken off. `transport`: see rivals/ceiling.py."""

    def run(each: int) -> float:
        began = time.monotonic()
        children = [
            subprocess.Popen([sys.executable, str(RIVALS / "ceiling.py"), str(n * each), str(each), transport], env=env)
            for n in range(processes)
        ]
        for child in children:
            child.wait()
        return time.monotonic() - began

    return count / (run(count // processes) - run(1))


async def measure(args: argparse.Namespace, folder: Path, stack: AsyncExitStack) -> dict[str, float]:
    postgres, cache = await start_stores(folder, stack)
    await migrate(postgres.owner_url)
    env = environment(folder, postgres, cache)
    # The demonstration's own: here a worker looks for hints as often as one that is shipped.
    del env["dramatiq_worker_timeout"]
    env["DUECOURSE_CONFIG_DIR"] = str(unlimited(Path(env["DUECOURSE_CONFIG_DIR"]), folder / "config"))
    port = env["DUECOURSE_SANDBOX_URL"].rpartition(":")[2]
    env |= {"SINK_URL": f"{env['DUECOURSE_SANDBOX_URL']}/v1/sms/messages", "SINK_KEY": KEY}
    await asyncio.to_thread(load_book, env, book(folder, args.contacts))
    app = await stack.enter_async_context(open_app(load(env)))
    with running(env, ("sink", port), cwd=RIVALS):
        batch = await pipeline(app, env, ("push", PUSH_AT), args)
        single = await pipeline(app, env, ("sms", SMS_AT), args)
        bare_rate = await asyncio.to_thread(bare, env, args.contacts // 2)
        most = await asyncio.to_thread(ceiling, env, args.contacts * 2, args.workers)
    return {
        "contacts": args.contacts,
        "workers": args.workers,
        "bare_dramatiq_per_s": round(bare_rate),
        "http_ceiling_per_s": round(most),
        "governed_single_per_s": round(single),
        "governed_batch_per_s": round(batch),
        "ratio_vs_bare_dramatiq": round(single / bare_rate, 2),
        "ratio_vs_http_ceiling": round(single / most, 2),
        "batch_ratio_vs_bare": round(batch / bare_rate, 2),
    }


async def main(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # noqa: ASYNC240 - once, before anything runs
        async with AsyncExitStack() as stack:
            print(json.dumps(await measure(args, Path(folder), stack), indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--contacts", type=int, default=10_000, help="per governed measurement")
    parser.add_argument("--workers", type=int, default=2, help="worker processes of the governed pipeline")
    asyncio.run(main(parser.parse_args()))
