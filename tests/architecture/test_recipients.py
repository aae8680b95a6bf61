"""Only the debtor's own, agreed and working address can be given to a provider: its type has two makers only."""

import ast
from pathlib import Path

import pytest

from duecourse.domain.address import DebtorAddress
from duecourse.domain.book import ContactPoint
from duecourse.domain.errors import NotReachable
from duecourse.domain.letter import Letter
from duecourse.domain.message import Outbound
from duecourse.domain.vocabulary import ChannelKind, Consent

ROOT = Path(__file__).parents[2]
#: Where an address of the debtor comes from: a contact point that may be used, and a letter that was written to one.
MAKERS = {"duecourse/domain/book.py", "duecourse/domain/letter.py"}


def _calls(path: Path, name: str) -> bool:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute) and _named(node.func) == name
        for node in ast.walk(tree)
    )


def _named(func: ast.Name | ast.Attribute) -> str:
    return func.id if isinstance(func, ast.Name) else func.attr


def test_a_debtors_address_is_made_in_two_places_only() -> None:
    files = [path for folder in ("duecourse", "channels", "workers") for path in (ROOT / folder).rglob("*.py")]
    assert {str(path.relative_to(ROOT)) for path in files if _calls(path, "DebtorAddress")} == MAKERS


def test_letters_and_providers_calls_take_nothing_else_as_recipient() -> None:
    assert Letter.__annotations__["to"] is DebtorAddress
    assert Outbound.__annotations__["to"] is DebtorAddress


@pytest.mark.parametrize(
    ("valid", "consent"), [(False, Consent.GRANTED), (True, Consent.WITHDRAWN), (True, Consent.UNKNOWN)]
)
def test_an_address_that_is_dead_or_not_agreed_to_cannot_be_written_to(*, valid: bool, consent: Consent) -> None:
    point = ContactPoint(
        contact_point_id=5, channel=ChannelKind.SMS, address="+canary", consent=consent, valid=valid, index=b""
    )
    with pytest.raises(NotReachable, match=r"^contact point 5$"):
        point.debtor_address()


def test_an_address_that_works_and_is_agreed_to_can() -> None:
    point = ContactPoint(
        contact_point_id=5, channel=ChannelKind.SMS, address="+1", consent=Consent.GRANTED, valid=True, index=b""
    )
    assert point.debtor_address() == "+1"
