"""The demonstration from the first process to the report."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from duecourse.domain.vocabulary import ChannelKind
from duecourse.ledger.demo import Debt, DemoRows, Point
from duecourse.simulator.book_head import number_of, states_of
from duecourse.simulator.borrowers import Crowd, behaviours
from duecourse.simulator.deployment import while_alive
from duecourse.simulator.driver import Driver
from duecourse.simulator.people import People
from duecourse.simulator.report import Evidence, report_of
from duecourse.simulator.sandbox.chance import Chance
from duecourse.simulator.states import ZONE_OF_STATE
from duecourse.simulator.wishes import Wishes
from duecourse.simulator.world import World, build_world


class Audience(Protocol):
    """Who watches: the terminal, or a test."""

    def note(self, doing: str) -> None:
        """What is being done now."""
        ...

    def built(self, world: World) -> None:
        """Everything runs; the days begin."""
        ...

    def step(self, now: datetime, states: Mapping[str, int]) -> None:
        """The clock came to rest at a business time; how many contacts are in each state."""
        ...

    async def reported(self, report: Mapping[str, Any]) -> None:
        """The report is made and everything still runs, until this returns."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cast:
    """Who lives in the world."""

    debts: list[Debt]
    points: list[Point]
    states: Mapping[str, str]
    """Where the borrower of each number in the file lives."""


async def demonstrate(wishes: Wishes, audience: Audience) -> dict[str, Any]:
    """Run it; returns the report.

    Raises:
        DuecourseError: something does not come up, or the pipeline does not come to rest.
    """
    async with build_world(wishes, audience.note) as world:
        start = wishes.first_instant
        end = start + timedelta(days=wishes.days)
        cast = await _cast(world, wishes.book, end)
        driver = await _driver(world, cast, Chance(wishes.seed), audience)
        audience.built(world)
        began = monotonic()
        await while_alive(world.supervisor, driver.run(start, end))
        audience.note("reconciling with the provider's book")
        report = report_of(await _evidence(world, driver, cast, wall_s=monotonic() - began))
        await audience.reported(report)
        return report


async def _cast(world: World, book: Path, end: datetime) -> _Cast:
    async with world.app.ledger.transaction() as tx:
        rows = DemoRows(tx.conn, tx.vault)
        return _Cast(
            debts=await rows.debts((end + timedelta(days=7)).date()),
            points=await rows.points(),
            states=states_of(book),
        )


async def _driver(world: World, cast: _Cast, chance: Chance, audience: Audience) -> Driver:
    await world.sandbox.behave(behaviours(chance, cast.points))
    points: dict[tuple[ChannelKind, str], list[Point]] = defaultdict(list)
    for point in cast.points:
        points[point.channel, point.address].append(point)
    return Driver(
        app=world.app,
        sandbox=world.sandbox,
        book=world.book,
        crowd=Crowd(chance, cast.debts),
        people=People(app=world.app, sandbox=world.sandbox, web=world.web),
        points=points,
        watch=audience.step,
    )


async def _evidence(world: World, driver: Driver, cast: _Cast, *, wall_s: float) -> Evidence:
    world.book.read_on()
    times = await world.app.clock.read()
    async with world.app.ledger.transaction() as tx:
        rows = DemoRows(tx.conn, tx.vault)
        loans, instalments = await rows.book()
        return Evidence(
            loans=loans,
            instalments=instalments,
            now=times.business,
            contacts=await rows.contacts(),
            attempts=await rows.attempts(),
            released=await rows.released(),
            steps=await rows.steps(),
            log=world.book.entries,
            zones=_zones(cast),
            met=driver.people.met,
            quiet=world.app.settings.quiet,
            wall_s=wall_s,
            acts=dict(driver.people.done),
        )


def _zones(cast: _Cast) -> dict[str, ZoneInfo]:
    """Each address' zone from the state in the book's file, by a table of our own."""
    states = ((point.address, cast.states.get(number_of(point.borrower), "")) for point in cast.points)
    zones = ((address, ZONE_OF_STATE.get(state)) for address, state in states)
    return {address: zone for address, zone in zones if zone}
