"""What a verdict keeps of its facts is enough to make them again, exactly, after a journey through JSON."""

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given

from duecourse.policy.facts import ContactFacts
from duecourse.policy.packs.vocabulary import Medium
from duecourse.policy.record import facts_from_record, record_of
from tests.any_facts import any_facts
from tests.gate_rules import PLAIN


def kept(facts: ContactFacts) -> dict[str, Any]:
    """As the gate puts a verdict's facts together."""
    return {"now": "when it was judged", **record_of(facts)}


@given(any_facts)
def test_facts_come_back_from_their_record_as_they_were(facts: ContactFacts) -> None:
    stored = json.loads(json.dumps(kept(facts)))
    again = facts_from_record(stored, contact_id=facts.contact_id, borrower_id=facts.borrower_id)
    assert again == facts
    for name in (field.name for field in fields(ContactFacts)):
        was, now = getattr(facts, name), getattr(again, name)
        assert type(was) is type(now) or isinstance(was, Medium), name


def test_every_fact_is_tried_by_that_property() -> None:
    drawn = {name for name in any_facts.wrapped_strategy.kwargs}  # type: ignore[attr-defined] # noqa: C416
    assert drawn == {field.name for field in fields(ContactFacts)}


def test_a_usual_contacts_record_holds_no_more_than_what_was_read() -> None:
    said = record_of(PLAIN)
    assert "history" not in said
    assert "contact_id" not in said
    assert said["not_after"] == "2026-12-08T17:00:00+00:00"


@pytest.mark.parametrize("name", ["not_after", "stop", "channel"])
def test_a_record_that_lost_something_is_refused(name: str) -> None:
    stored = kept(PLAIN)
    del stored[name]
    with pytest.raises(KeyError, match=name):
        facts_from_record(stored, contact_id=1, borrower_id=1)
