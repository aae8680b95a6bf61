"""A book that is due on two days, one by push and one by SMS: what the parts that deliver have in common."""

from asyncio import to_thread

from bench.delivery import SMS_AT, book, load_book
from bench.stage import Stage

#: The database that the parts copy: see `Stage.database`.
DAY = "due_day"

BEGUN = "SELECT EXISTS (SELECT FROM attempts)"
#: Asked often while others are measured, so it looks at three partial indexes, all empty in the end.
ENDED = f"""
SELECT NOT EXISTS (SELECT FROM contacts WHERE state = 'planned' AND channel = 'sms' AND not_before <= '{SMS_AT}')
   AND NOT EXISTS (SELECT FROM contacts WHERE state = 'released' AND channel = 'sms')
   AND NOT EXISTS (SELECT FROM contacts WHERE state = 'sending' AND channel = 'sms')
"""  # noqa: S608 - a constant


async def make_day(stage: Stage, env: dict[str, str], contacts: int) -> None:
    """A book whose borrowers can be written to, by the import that everybody uses."""
    files = stage.folder / "book"
    files.mkdir()
    await to_thread(load_book, env, await to_thread(book, files, contacts))
