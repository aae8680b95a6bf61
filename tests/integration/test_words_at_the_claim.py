"""An allowed contact whose words break a rule does not leave: decided in the claim, recorded without the words."""

from dataclasses import replace
from functools import partial

from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import OptOutScope
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import PackKind
from duecourse.policy.text_gate import judge_text
from tests.gate_rules import pack, rule
from tests.pipeline import World
from tests.seed import seed

#: The texts of these tests teach nobody how to refuse.
STRICT = PackSet([
    pack(rule(p.OptOut(scope=OptOutScope.CHANNEL, text_required=True), "law.way_out"), kind=PackKind.HOUSE)
])


async def test_a_text_without_a_way_out_does_not_leave_and_the_next_channel_is_tried(world: World) -> None:
    await seed(world.ledger)
    await world.plan()
    worker = world.worker()
    worker = replace(worker, arm=replace(worker.arm, reader=partial(judge_text, packs=STRICT)))

    await worker(await world.release())

    assert world.channel.sent == []
    assert ("sms", "suppressed", "law.way_out") in await world.rows("SELECT channel, state, reason FROM contacts")
    [(words, cited)] = await world.rows(
        "SELECT data->'verdict'->'facts'->>'words', data->'verdict'->'citations'->0->>'pinpoint' FROM events"
        " WHERE kind = 'contact.suppressed'"
    )
    assert (words, cited) == ('["law.way_out"]', "s. 1")
    assert ("email", "planned") in await world.rows("SELECT channel, state FROM contacts")
    assert await world.rows("SELECT count(*) FROM attempts") == [(0,)]
