"""Reads `[policy]` of `config/duecourse.toml`: which packs count, and who the lender is to the law."""

from enum import StrEnum
from typing import TypeVar

from duecourse.domain.table import Table
from duecourse.domain.territories import is_country
from duecourse.policy.packs.vocabulary import ActorRole, LenderType
from duecourse.settings.values import Policy

Word = TypeVar("Word", bound=StrEnum)


def policy(table: Table) -> Policy:
    """Whether the packs and rules exist is known to who loads them.

    Raises:
        ConfigError: names the file and key.
    """
    found = Policy(
        packs=_distinct(table, "packs"),
        opt_in=_distinct(table, "opt_in"),
        lender_country=_country(table),
        lender_role=table.choice("lender_role", ActorRole, ActorRole.FIRST_PARTY),
        lender_type=_word(table, "lender_type", LenderType),
        reservation_hours=table.number("reservation_hours", Policy().reservation_hours, low=1, high=24 * 31),
    )
    table.finish()
    return found


def _distinct(table: Table, key: str) -> tuple[str, ...]:
    words = table.texts(key, ())
    if len(set(words)) < len(words):
        raise table.error(key, "names the same twice")
    return words


def _country(table: Table) -> str | None:
    code = table.text("lender_country", "", blank=True)
    if code and not is_country(code):
        raise table.error("lender_country", f"{code!r} is no country: ISO 3166-1 alpha-2 in capitals, like US")
    return code or None


def _word(table: Table, key: str, kind: type[Word]) -> Word | None:
    """Blank is unknown, so that a file may say so."""
    return table.choice(key, kind) if table.text(key, "", blank=True) else None
