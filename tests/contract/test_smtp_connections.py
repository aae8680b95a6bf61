"""SMTP connections: what one may carry, when it is given up, and to whom nothing is said."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from channels.email.connection import Passage, Pool
from channels.email.mime import Envelope
from channels.email.replies import Reply, Stage
from channels.http import DeadlinePassed
from duecourse.domain.message import Outcome
from duecourse.domain.vocabulary import OutcomeClass
from tests.contract.fake_smtp import HANG_UP, QUEUED, SILENCE, FakeSmtp
from tests.contract.mailing import PASSWORD, TO, Make, outbound
from tests.contract.wire import self_signed

O = OutcomeClass  # noqa: E741 - the tables below read better


async def test_waiting_for_one_of_our_connections_is_surely_not_sent(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1, timeout_s=0.1)

    async with channel._pool._slots:
        [outcome] = await channel.send([outbound()])

    assert outcome == Outcome(kind=O.TRANSIENT, code="pool_timeout")
    assert server.verbs == []


@dataclass(kw_only=True, slots=True)
class Expiring(Passage):
    """Its deadline passes before the given check."""

    checks: int

    def check(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise DeadlinePassed


@pytest.mark.parametrize(("checks", "stage"), [(0, "wait"), (1, "mail"), (2, "data"), (3, "data")])
async def test_a_deadline_that_passes_on_the_way_stops_the_content(
    make: Make, server: FakeSmtp, checks: int, stage: str
) -> None:
    pool = make()._pool
    envelope = Envelope(sender="a@mail.example.org", recipient=TO, content=b"Subject: x\r\n\r\nx\r\n")
    passage = Expiring(envelope=envelope, deadline=0.0, checks=checks)

    with pytest.raises(DeadlinePassed):
        await pool.transmit(passage)

    assert passage.stage == stage
    assert "CONTENT" not in server.verbs
    assert await pool.transmit(Expiring(envelope=envelope, deadline=0.0, checks=4)) == Reply(
        stage=Stage.CONTENT, code=250, text=QUEUED[4:]
    )
    assert server.letters == 1


async def test_a_connection_carries_one_message_after_another(make: Make, server: FakeSmtp) -> None:
    outcomes = await make(connections=2).send([outbound(reference=f"c{n}-1") for n in range(20)])

    assert {outcome.kind for outcome in outcomes} == {O.ACCEPTED}
    assert server.letters == 20
    assert len(server.sessions) == 2


async def test_a_refusal_leaves_the_connection_fit_for_the_next_message(make: Make, server: FakeSmtp) -> None:
    server.script = {"RCPT": lambda address: "550 5.1.1 no" if address.startswith("bad") else None}
    channel = make(connections=1)

    kinds = [(await channel.send([outbound(to=to)]))[0].kind for to in ("bad@example.com", TO, "bad@example.com", TO)]

    assert kinds == [O.REJECTED, O.ACCEPTED, O.REJECTED, O.ACCEPTED]
    assert len(server.sessions) == 1


@pytest.mark.parametrize("said", ["421 4.4.2 idle for too long", HANG_UP])
async def test_a_kept_connection_that_died_is_replaced_before_anything_was_said(
    make: Make, server: FakeSmtp, said: str
) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    answers = [said]
    server.script = {"MAIL": lambda _: answers.pop() if answers else None}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert server.letters == 2
    assert len(server.sessions) == 2


async def test_a_kept_connection_that_the_server_closed_is_not_used(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    server.drop()

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert server.letters == 2


async def test_a_kept_connection_that_dies_in_the_content_is_unclear_and_not_repeated(
    make: Make, server: FakeSmtp
) -> None:
    channel = make(connections=1)
    await channel.send([outbound()])
    server.script = {"CONTENT": HANG_UP}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.UNKNOWN
    assert server.verbs.count("CONTENT") == 2


async def test_a_connection_idle_for_too_long_is_closed_by_us(make: Make, server: FakeSmtp) -> None:
    now = 100.0
    pool = Pool(make(idle_s=20)._options.server, timeout_s=5.0, monotonic=lambda: now)
    envelope = Envelope(sender="a@mail.example.org", recipient=TO, content=b"Subject: x\r\n\r\nx\r\n")
    for pause in (19.0, 19.0, 21.0):
        await pool.transmit(Passage(envelope=envelope, deadline=time.monotonic() + 60))
        now += pause
    await pool.transmit(Passage(envelope=envelope, deadline=time.monotonic() + 60))
    await pool.aclose()

    assert server.letters == 4
    assert len(server.sessions) == 2


async def test_a_connection_carries_no_more_messages_than_it_should(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1, messages_per_connection=3)
    for n in range(7):
        await channel.send([outbound(reference=f"c{n}-1")])

    assert len(server.sessions) == 3


async def test_a_cancelled_send_gives_its_connection_up(make: Make, server: FakeSmtp) -> None:
    channel = make(connections=1)
    reached = asyncio.Event()

    def content(_: str) -> str:
        reached.set()
        return SILENCE

    server.script = {"CONTENT": content}
    sending = asyncio.create_task(channel.send([outbound()]))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    server.script = {}

    [outcome] = await channel.send([outbound(reference="c8-1")])

    assert outcome.kind is O.ACCEPTED
    assert len(server.sessions) == 2


async def test_closing_says_goodbye(make: Make, server: FakeSmtp) -> None:
    channel = make()
    await channel.send([outbound()])
    await channel.aclose()

    assert server.verbs[-1] == "QUIT"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_verified_server_gets_our_login_and_mail(make: Make, tmp_path: Path, security: str) -> None:
    context, _ = self_signed(tmp_path)
    secure = FakeSmtp()
    await secure.start(tls=context, implicit=security == "tls", auth=True)
    login = {"username": "harbour", "password": PASSWORD, "ca_file": str(tmp_path / "server.pem")}

    [outcome] = await make(port=secure.port, security=security, **login).send([outbound()])
    [refused] = await make(port=secure.port, security=security, **{**login, "password": "wrong"}).send([outbound()])
    await secure.stop()

    assert outcome.kind is O.ACCEPTED
    assert refused == Outcome(kind=O.MISCONFIGURED, code="5.7.8")
    assert (b"harbour", PASSWORD.encode()) in secure.logins


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_unverified_server_gets_neither_login_nor_mail(make: Make, tmp_path: Path, security: str) -> None:
    context, _ = self_signed(tmp_path)
    secure = FakeSmtp()
    await secure.start(tls=context, implicit=security == "tls", auth=True)

    [outcome] = await make(port=secure.port, security=security, username="harbour", password=PASSWORD).send([
        outbound()
    ])
    await secure.stop()

    assert outcome == Outcome(kind=O.TRANSIENT, code="tls")
    assert (secure.logins, secure.mails) == ([], [])


async def test_a_server_without_tls_gets_nothing_where_tls_is_asked_for(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make(security="starttls").send([outbound()])

    assert outcome == Outcome(kind=O.MISCONFIGURED, code="not_offered")
    assert "MAIL" not in server.verbs


async def test_a_server_that_knows_no_login_is_a_fault_of_the_configuration(make: Make, server: FakeSmtp) -> None:
    [outcome] = await make(username="harbour", password=PASSWORD).send([outbound()])

    assert outcome == Outcome(kind=O.MISCONFIGURED, code="not_offered")
