"""Two times, and one place for each: nobody else asks a wall clock, and no test waits for one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
WALL_CLOCK = REPOSITORY / "duecourse/domain/clock.py"
DATABASE_CLOCK = REPOSITORY / "duecourse/ledger/clock.py"
SQL_TIME = re.compile(
    r"\b(now|clock_timestamp|statement_timestamp|transaction_timestamp|timeofday)\s*\(\s*\)"
    r"|\b(CURRENT_(TIMESTAMP|DATE|TIME)|LOCALTIME(STAMP)?)\b"
)
WALL_CALLS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"), ("time", "time")}


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((REPOSITORY / folder).rglob("*.py"))


def calls(source: str) -> Iterator[tuple[str, str, int]]:
    """`owner.method(...)` in the source, as (owner, method, line)."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = node.func.value
            name = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
            yield name, node.func.attr, node.lineno


def texts(source: str) -> Iterator[tuple[str, int]]:
    """The string constants in the source that are no docstring."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.value = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value, node.lineno


def wall_clock_reads(source: str) -> list[int]:
    return [line for owner, method, line in calls(source) if (owner, method) in WALL_CALLS]


def sql_time_reads(source: str) -> list[int]:
    return [line for text, line in texts(source) if SQL_TIME.search(text)]


def sleeps(source: str) -> list[int]:
    """Sleeps, but for the pause between two looks of a wait that ends by itself."""
    tree = ast.parse(source)
    pauses = {id(call) for loop in ast.walk(tree) if is_bounded(loop) for call in ast.walk(loop)}
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "time.sleep" and id(node) not in pauses
    ]


def is_bounded(loop: ast.AST) -> bool:
    """`for ... in range(...)`, or `while time.monotonic() < ...`."""
    if isinstance(loop, ast.For):
        return ast.unparse(loop.iter).startswith("range(")
    return isinstance(loop, ast.While) and ast.unparse(loop.test).startswith("time.monotonic() <")


def test_only_the_clock_reads_the_wall() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}:{line}"
        for path in sources("duecourse", "channels", "workers")
        if path != WALL_CLOCK
        for line in wall_clock_reads(path.read_text())
    }
    assert found == set()


def test_only_the_clock_service_asks_postgres_for_the_time() -> None:
    found = {
        f"{path.relative_to(REPOSITORY)}:{line}"
        for path in sources("duecourse", "channels", "workers")
        if path != DATABASE_CLOCK
        for line in sql_time_reads(path.read_text())
    }
    assert found == set()


def test_no_sql_file_asks_for_the_time() -> None:
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}"
        for path in sorted((REPOSITORY / "duecourse").rglob("*.sql"))
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if SQL_TIME.search(line.split("--", 1)[0])
    ]
    assert found == []


def test_no_test_sleeps() -> None:
    found = {f"{path.relative_to(REPOSITORY)}:{line}" for path in sources("tests") for line in sleeps(path.read_text())}
    assert found == set()


@pytest.mark.parametrize(
    ("search", "guilty", "innocent"),
    [
        (wall_clock_reads, "datetime.now(UTC)", "clock.now()"),
        (wall_clock_reads, "datetime.date.today()", "time.monotonic()"),
        (sql_time_reads, "q = 'UPDATE t SET at = now()'", "q = 'SELECT known() FROM t'"),
        (sleeps, "time.sleep(1)", "asyncio.sleep(0)"),
        (sleeps, "while not done(): time.sleep(1)", "for _ in range(9): done() or time.sleep(1)"),
        (sleeps, "while True: time.sleep(1)", "while time.monotonic() < end: time.sleep(1)"),
    ],
)
def test_the_searches_find_what_they_look_for(search: object, guilty: str, innocent: str) -> None:
    assert callable(search)
    assert search(guilty) == [1]
    assert search(innocent) == []
