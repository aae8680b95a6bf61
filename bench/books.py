"""A book of any size, made by Postgres itself: what a tick costs on ten million instalments needs ten million.

Every loan has twelve instalments, thirty days apart. DUE of the loans, spread over the whole book, are due on the days
of TICKS and no other loan is due near them; all others are due in the week around the days of PEAKS. So a tick finds
the same number of instalments whatever the size of the book, and a peak as many as the book has to give.
No name or address in it can be opened: this book is planned and released, never sent.
"""

import shutil
from datetime import UTC, date, datetime, timedelta
from datetime import time as daytime
from pathlib import Path

import psycopg

from bench.stage import NotMeasured

PER_LOAN = 12
DUE = 4_000
FIRST = date(2018, 6, 15)
MONTH = timedelta(days=30)
#: 10:30 in New York on days on which DUE loans are due, and nobody else for nearly two weeks before and after.
TICKS = tuple(datetime.combine(FIRST + MONTH * n, daytime(14, 30), UTC) for n in range(4))
#: 10:30 on a day on which a seventh of all other loans are due.
PEAK = TICKS[3] + timedelta(days=14)
SIZES = {"20k": 20_000, "100k": 100_000, "1m": 1_000_000, "10m": 10_000_000}
#: A loan's row and its instalments' with all indexes, the log, and room for what is planned.
_BYTES = 700

_LOANS = """
WITH key AS (
    INSERT INTO data_keys (purpose, wrapped, master_version) VALUES ('borrower', '\\x00', 1) RETURNING data_key_id
)
INSERT INTO borrowers (external_id, data_key_id, name_sealed, locale, country, region, time_zone, created_at,
                       updated_at)
SELECT 'B' || n, data_key_id, '\\x00', 'en', 'US', 'NY', 'America/New_York', '2018-01-01', '2018-01-01'
FROM key, generate_series(1, %(loans)s) n;
INSERT INTO contact_points (borrower_id, channel, address_sealed, address_index, consent)
SELECT borrower_id, 'sms', '\\x00', sha256(external_id::bytea), 'granted' FROM borrowers;
INSERT INTO loans (external_id, borrower_id, currency, principal_minor, issued_on)
SELECT 'L' || borrower_id, borrower_id, 'USD', 120000, '2018-01-01' FROM borrowers
"""
# The sixth instalment is due on the first tick's day, or 11 to 17 days later: no rung of the cadence reaches that far.
_INSTALMENTS = """
INSERT INTO instalments (loan_id, borrower_id, number, due_on, currency, principal_minor, principal_paid, met_on)
SELECT l.loan_id, l.borrower_id, k, day, 'USD', 10000,
       CASE WHEN day < %(first)s::date THEN 10000 ELSE 0 END,
       -- One in twenty was late once.
       CASE WHEN day < %(first)s::date THEN day + CASE WHEN l.loan_id %% 20 = 0 AND k = 3 THEN 2 ELSE 0 END END
FROM loans l, generate_series(1, %(per_loan)s) k,
     LATERAL (SELECT %(first)s::date + 30 * (k - 6)
                     + CASE WHEN l.loan_id %% %(every)s::bigint = 0 AND l.loan_id <= %(every)s::bigint * %(due)s THEN 0
                            ELSE 11 + (l.loan_id %% 7)::integer END AS day) d
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = 'instalments'::regclass AND NOT indisunique
"""


def make_book(owner_url: str, instalments: int) -> None:
    """Fill an empty database. Foreign keys are true by construction and not checked row by row."""
    loans = instalments // PER_LOAN
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("SET session_replication_role = replica")
        conn.execute("SET maintenance_work_mem = '512MB'")
        for statement in _LOANS.split(";"):
            conn.execute(statement.encode(), {"loans": loans} if "%(" in statement else None)
        indexes = conn.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            conn.execute(f"DROP INDEX {name}".encode())
        due = min(DUE, loans // 2)
        conn.execute(_INSTALMENTS, {"first": FIRST, "per_loan": PER_LOAN, "every": loans // due, "due": due})
        for _, definition in indexes:
            conn.execute(definition.encode())
        for table in ("borrowers", "contact_points", "loans", "instalments"):
            conn.execute(f"VACUUM (ANALYZE) {table}".encode())
        conn.execute("CHECKPOINT")


def tidy(owner_url: str) -> None:
    """Do now what the server does by itself within a minute of so many new rows; else that falls into what follows."""
    with psycopg.connect(owner_url, autocommit=True) as conn:
        conn.execute("VACUUM (ANALYZE) contacts, events")


def require_room(folder: Path, instalments: int) -> None:
    """Refuse a book that the disk cannot hold.

    Raises:
        NotMeasured: how much is free and how much is needed.
    """
    needed, free = instalments * _BYTES, shutil.disk_usage(folder).free
    if free < needed:
        raise NotMeasured(
            f"a book of {instalments:,} instalments needs {needed / 1e9:.1f} GB, {free / 1e9:.1f} are free"
        )
