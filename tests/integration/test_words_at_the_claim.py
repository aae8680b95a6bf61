"""An allowed contact whose words break a rule does not leave: decided in the claim, recorded without the words."""

from dataclasses import replace
from functools import partial

from duecourse.domain.message import Rendered
from duecourse.policy.packs import params as p
from duecourse.policy.packs.clauses import DisclosureWhen, OptOutScope
from duecourse.policy.packs.compile import PackSet
from duecourse.policy.packs.headings import PackKind
from duecourse.policy.text_gate import judge_text
from duecourse.ports import TextRequest
from tests.gate_rules import pack, rule
from tests.pipeline import World
from tests.seed import Person, seed

#: The texts of these tests teach nobody how to refuse.
STRICT = PackSet([
    pack(rule(p.OptOut(scope=OptOutScope.CHANNEL, text_required=True), "law.way_out"), kind=PackKind.HOUSE)
])


class EnglishOnly:
    """Texts as a library renders them that has none in the reader's language."""

    def render(self, request: TextRequest) -> Rendered:
        return Rendered(text=f"Hello {request.name}", locale="en")


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


async def test_the_words_asked_for_are_those_of_the_language_really_written(world: World) -> None:
    await seed(world.ledger, Person(locale="zh-CN"))
    await world.plan()
    spoken = p.Disclosure(
        when=DisclosureWhen.EVERY, fragments=(p.Fragment(id="sender", lang="zh", regex=""),), same_language=True
    )
    chinese = PackSet([pack(rule(spoken, "law.sender"), kind=PackKind.HOUSE)])
    worker = world.worker()
    worker = replace(worker, arm=replace(worker.arm, texts=EnglishOnly(), reader=partial(judge_text, packs=chinese)))

    await worker(await world.release())

    assert world.channel.sent == []
    assert ("sms", "suppressed", "law.sender") in await world.rows("SELECT channel, state, reason FROM contacts")


async def test_a_provider_is_told_the_language_really_written(world: World) -> None:
    await seed(world.ledger, Person(locale="zh-CN"))
    await world.plan()
    worker = world.worker()

    await replace(worker, arm=replace(worker.arm, texts=EnglishOnly()))(await world.release())

    assert [message.locale for message in world.channel.sent] == ["en"]
