"""Which rules a person may lift for one contact: those that leave it to a person, and none that forbids."""

from collections.abc import Iterable

from duecourse.policy.packs.headings import OnFail
from duecourse.policy.packs.model import Pack


def left_to_people(rule_ids: Iterable[str], packs: Iterable[Pack]) -> tuple[str, ...]:
    """Of these, the rules that ask for a review in the packs as they are now. An unknown one is not among them."""
    every = [rule for pack in packs for rule in pack.rules]
    asking = {rule.id for rule in every if rule.on_fail is OnFail.REVIEW}
    firm = {rule.id for rule in every if rule.on_fail is not OnFail.REVIEW}
    return tuple(rule_id for rule_id in rule_ids if rule_id in asking - firm)
