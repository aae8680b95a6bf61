"""What the migrations promise, asked of a real Postgres."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.rows import TupleRow

from duecourse.domain.contact import TRANSITIONS, ContactState, due_month, month_base
from duecourse.domain.errors import ConfigError, StoreUnavailable
from duecourse.embedded import EmbeddedServer
from duecourse.ledger.clock import step_virtual_clock
from duecourse.ledger.migrate import Migration, migrate, migrations, pending
from duecourse.ledger.partitions import ensure_months

Connection = psycopg.AsyncConnection[TupleRow]

APP = "-c role=duecourse_app -c timezone=UTC"
AT = datetime(2018, 4, 16, 9, tzinfo=UTC)

ADD_CONTACT = """
INSERT INTO contacts (contact_id, due_on, borrower_id, cadence, version, rung, channel, audience, template, stop,
    priority, state, scheduled_at, not_before, not_after, planned_at, state_at)
VALUES (%(id)s, %(due)s, %(id)s, 'default', 1, 'due', 'sms', 'standard', 'due', '{}', 5, %(state)s, %(at)s, %(at)s,
    %(at)s, %(at)s, %(at)s)
"""
ADD_EVENT = "INSERT INTO events (at, recorded_at, kind, actor) VALUES (%(at)s, %(at)s, 'contact.planned', 'test')"
ADD_ATTEMPT = """
INSERT INTO attempts (contact_id, due_on, number, kind, borrower_id, channel, provider, fence, owner, reference,
    idempotency_key, body_hash, body_sealed, armed_business, armed_at, local_day, provider_message_id)
VALUES (1, %(due)s, %(number)s, 'send', 1, 'sms', 'fake', 1, 1, 'r', 'k', '', '', %(at)s, %(at)s, %(due)s, %(message)s)
"""
ROOMS = "SELECT relname, reloptions FROM pg_class WHERE relname ~ '^(contacts|attempts)_2018_05$' ORDER BY 1"


async def connect(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True, options=APP)


async def as_owner(url: str) -> Connection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)


async def add_contact(conn: Connection, number: int, state: str = "planned") -> int:
    due = date(2018, 4, 16)
    contact_id = month_base(due) + number
    await conn.execute(ADD_CONTACT, {"id": contact_id, "due": due, "state": state, "at": AT})
    return contact_id


async def test_an_empty_database_is_migrated_once(empty_database_url: str) -> None:
    names = [migration.name for migration in migrations()]
    assert await migrate(empty_database_url) == names
    assert await migrate(empty_database_url) == []
    async with await as_owner(empty_database_url) as conn:
        rows = await (await conn.execute("SELECT name FROM schema_migrations ORDER BY name")).fetchall()
    assert [name for (name,) in rows] == names


async def test_two_migrators_at_once_apply_each_migration_once(empty_database_url: str) -> None:
    both = await asyncio.gather(migrate(empty_database_url), migrate(empty_database_url))
    assert sorted(both) == [[], [migration.name for migration in migrations()]]


async def test_a_changed_migration_is_refused_by_name(empty_database_url: str) -> None:
    await migrate(empty_database_url)
    first, *rest = migrations()
    changed = (Migration(name=first.name, digest="other", sql=first.sql), *rest)
    with pytest.raises(ConfigError, match=f"{first.name}.sql: digest: was changed"):
        await migrate(empty_database_url, changed)


async def test_message_ids_of_a_filled_database_go_on_finding_their_attempts(empty_database_url: str) -> None:
    before = tuple(m for m in migrations() if m.name < "0011")
    await migrate(empty_database_url, before)
    async with await as_owner(empty_database_url) as conn:
        await ensure_months(conn, date(2018, 4, 1), date(2018, 5, 1))
        for number, message in ((1, "m1"), (2, None), (3, "m3")):
            await conn.execute(ADD_ATTEMPT, {"number": number, "message": message, "at": AT, "due": date(2018, 5, 1)})
    assert "0011_messages" in await migrate(empty_database_url)
    async with await connect(empty_database_url) as conn:
        rows = await (await conn.execute("SELECT message_id, due_on, number FROM messages ORDER BY 1")).fetchall()
        rooms = await (await conn.execute(ROOMS)).fetchall()
    assert rows == [("m1", date(2018, 5, 1), 1), ("m3", date(2018, 5, 1), 3)]
    assert rooms == [("attempts_2018_05", ["fillfactor=50"]), ("contacts_2018_05", ["fillfactor=100"])]


async def test_a_failing_migration_leaves_nothing_behind_and_keeps_those_before_it(empty_database_url: str) -> None:
    broken = Migration(name="9999_broken", digest="x", sql="CREATE TABLE half (a int); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        await migrate(empty_database_url, (*migrations(), broken))
    async with await as_owner(empty_database_url) as conn:
        row = await (await conn.execute("SELECT to_regclass('half'), to_regclass('contacts')")).fetchone()
        assert row == (None, "contacts")
        assert await pending(conn, (*migrations(), broken)) == [broken]


async def test_pending_lists_everything_for_an_empty_database_and_creates_nothing(empty_database_url: str) -> None:
    async with await as_owner(empty_database_url) as conn:
        assert await pending(conn) == list(migrations())
        row = await (await conn.execute("SELECT to_regclass('schema_migrations')")).fetchone()
    assert row == (None,)


async def test_a_server_that_is_not_there_is_named_as_such() -> None:
    with pytest.raises(StoreUnavailable, match="Postgres cannot be reached"):
        await migrate("postgresql://nobody@127.0.0.1:1/nothing")


async def test_the_transitions_of_the_database_are_those_of_the_domain(database_url: str) -> None:
    pairs = [(old.value, new.value) for old in ContactState for new in ContactState]
    asked = "SELECT o, n FROM unnest(%s::text[], %s::text[]) AS p (o, n) WHERE contact_may_become(o, n)"
    async with await connect(database_url) as conn:
        olds, news = zip(*pairs, strict=True)
        rows = await (await conn.execute(asked, (list(olds), list(news)))).fetchall()
    assert set(rows) == {(old.value, new.value) for old, followers in TRANSITIONS.items() for new in followers}


async def test_every_transition_outside_the_table_is_refused(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await ensure_months(conn, AT.date(), AT.date())
        for number, (old, new) in enumerate((a, b) for a in ContactState for b in ContactState if a is not b):
            contact_id = await add_contact(conn, number)
            await reach(conn, contact_id, old)
            change = conn.execute("UPDATE contacts SET state = %s WHERE contact_id = %s", (new, contact_id))
            if new in TRANSITIONS[old]:
                await change
            else:
                with pytest.raises(psycopg.errors.CheckViolation, match=f"{old} -> {new} is no transition"):
                    await change


async def reach(conn: Connection, contact_id: int, state: ContactState) -> None:
    """Walk the contact to a state by the shortest legal way."""
    ways: dict[ContactState, tuple[ContactState, ...]] = {ContactState.PLANNED: ()}
    for _ in ContactState:
        ways |= {new: (*way, new) for old, way in list(ways.items()) for new in TRANSITIONS[old] if new not in ways}
    for step in ways[state]:
        await conn.execute("UPDATE contacts SET state = %s WHERE contact_id = %s", (step, contact_id))


async def test_a_contact_can_only_be_born_planned(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await ensure_months(conn, AT.date(), AT.date())
        with pytest.raises(psycopg.errors.CheckViolation, match="born accepted"):
            await add_contact(conn, 1, state="accepted")


async def test_a_rung_is_planned_once_for_a_borrower_and_due_date(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await ensure_months(conn, AT.date(), AT.date())
        await add_contact(conn, 1)
        with pytest.raises(psycopg.errors.UniqueViolation):
            await conn.execute(
                ADD_CONTACT.replace("%(id)s, 'default'", "%(borrower)s, 'default'").encode(),
                {
                    "id": month_base(AT.date()) + 2,
                    "borrower": month_base(AT.date()) + 1,
                    "due": AT.date(),
                    "state": "planned",
                    "at": AT,
                },
            )


@pytest.mark.parametrize("statement", ["UPDATE events SET actor = 'x'", "DELETE FROM events", "TRUNCATE events"])
async def test_the_application_cannot_rewrite_events(database_url: str, statement: str) -> None:
    async with await connect(database_url) as conn:
        await ensure_months(conn, AT.date(), AT.date())
        await conn.execute(ADD_EVENT, {"at": AT})
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
            await conn.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET actor = 'x'",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE events_2018_04 SET actor = 'x'",
        "DELETE FROM events_2018_04",
        "TRUNCATE events_2018_04",
    ],
)
async def test_not_even_the_owner_can_rewrite_events(owner_database_url: str, statement: str) -> None:
    async with await as_owner(owner_database_url) as conn:
        await ensure_months(conn, AT.date(), AT.date())
        await conn.execute(ADD_EVENT, {"at": AT})
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
            await conn.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE contacts DISABLE TRIGGER contacts_transition",
        "UPDATE schema_migrations SET digest = ''",
        "INSERT INTO schema_migrations VALUES ('0000', '', '2018-01-01')",
        "UPDATE receipts SET kind = 'x'",
        "UPDATE allocations SET amount_minor = 1",
        "DELETE FROM contacts",
        "DELETE FROM attempts",
        "CREATE TABLE mine (a int)",
        "ALTER TABLE events DISABLE TRIGGER ALL",
        "DROP TABLE events",
    ],
)
async def test_the_application_cannot_change_its_own_rules(database_url: str, statement: str) -> None:
    async with await connect(database_url) as conn:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await conn.execute(statement.encode())


async def test_the_application_may_stage_an_import_and_reverse_an_allocation(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await conn.execute("CREATE TEMPORARY TABLE staged (a int)")
        await conn.execute("UPDATE allocations SET reversed = true")


async def test_month_bases_agree_with_the_domain(database_url: str) -> None:
    days = [date(1999, 12, 31), date(2018, 1, 1), date(2018, 4, 16), date(2024, 2, 29), date(9999, 12, 31)]
    async with await connect(database_url) as conn:
        for day in days:
            row = await (await conn.execute("SELECT contact_month_base(%s)", (day,))).fetchone()
            assert row == (month_base(day),)
            assert due_month(month_base(day)) == day.replace(day=1)


async def test_months_are_made_from_first_to_last_and_twice_is_harmless(database_url: str) -> None:
    async with await connect(database_url) as conn:
        for _ in range(2):
            await ensure_months(conn, date(2017, 11, 30), date(2018, 2, 1))
        rows = await (
            await conn.execute(
                "SELECT relname FROM pg_class"
                " WHERE relname ~ '^(contacts|attempts|messages|events)_(2017|2018)_[0-9]{2}$'"
            )
        ).fetchall()
    wanted = ["2017_11", "2017_12", "2018_01", "2018_02"]
    parents = ("contacts", "attempts", "messages", "events")
    assert sorted(name for (name,) in rows) == sorted(f"{table}_{month}" for table in parents for month in wanted)


async def test_events_belong_to_their_month_in_utc_whatever_the_session_says(owner_database_url: str) -> None:
    async with await as_owner(owner_database_url) as conn:
        await conn.execute("SET timezone = 'Asia/Shanghai'")
        await ensure_months(conn, date(2018, 4, 1), date(2018, 4, 30))
        for at in (datetime(2018, 4, 1, tzinfo=UTC), datetime(2018, 4, 30, 23, 59, 59, tzinfo=UTC)):
            await conn.execute(ADD_EVENT, {"at": at})
        with pytest.raises(psycopg.errors.CheckViolation, match="no partition"):
            await conn.execute(ADD_EVENT, {"at": datetime(2018, 4, 1, tzinfo=UTC) - timedelta(seconds=1)})


async def test_a_temporary_table_cannot_pass_for_a_month(database_url: str) -> None:
    async with await connect(database_url) as conn:
        await conn.execute("CREATE TEMPORARY TABLE contacts_2018_04 (a int)")
        await ensure_months(conn, AT.date(), AT.date())
        await add_contact(conn, 1)


async def test_this_month_is_ready_right_after_migrating(database_url: str) -> None:
    async with await connect(database_url) as conn:
        row = await (await conn.execute("SELECT clock_timestamp()")).fetchone()
        assert row is not None
        await conn.execute(ADD_EVENT, {"at": row[0]})


async def test_a_clock_step_is_kept_and_the_last_one_counts(database_url: str) -> None:
    async with await connect(database_url) as conn:
        for business in (AT, AT + timedelta(days=1), AT + timedelta(days=1)):
            await step_virtual_clock(conn, business)
        now = await (await conn.execute("SELECT business FROM virtual_clock")).fetchall()
        steps = await (await conn.execute("SELECT business FROM virtual_steps ORDER BY 1")).fetchall()
    assert now == [(AT + timedelta(days=1),)]
    assert steps == [(AT,), (AT + timedelta(days=1),)]


async def test_a_clock_is_never_stepped_to_a_naive_time(database_url: str) -> None:
    async with await connect(database_url) as conn:
        with pytest.raises(ValueError, match="aware"):
            await step_virtual_clock(conn, AT.replace(tzinfo=None))


async def test_an_owner_that_is_no_superuser_and_did_not_make_the_role_may_migrate(
    postgres_server: EmbeddedServer, empty_database_url: str
) -> None:
    name = urlsplit(empty_database_url).path.strip("/")
    async with await as_owner(postgres_server.owner_url) as conn:
        await conn.execute("CREATE ROLE plain_owner LOGIN")
        await conn.execute(f"ALTER DATABASE {name} OWNER TO plain_owner".encode())
    try:
        assert await migrate(empty_database_url.replace("postgres@", "plain_owner@"))
    finally:
        async with await as_owner(empty_database_url) as conn:
            await conn.execute("REASSIGN OWNED BY plain_owner TO postgres")
            await conn.execute("DROP OWNED BY plain_owner")
            await conn.execute("DROP ROLE plain_owner")
