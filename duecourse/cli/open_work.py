"""What `duecourse doctor` says of work that only people can do: nothing is broken, but somebody is waited for."""

from duecourse.cli.findings import Finding, Health, judge
from duecourse.cli.output import shown
from duecourse.domain.errors import StoreUnavailable
from duecourse.ledger.waiting import Waiting, what_waits
from duecourse.settings import Settings


async def of_people(settings: Settings) -> list[Finding]:
    """Nothing where Postgres cannot say: why, another finding tells."""
    try:
        waiting = await what_waits(settings.database_url, virtual=settings.virtual_clock)
    except StoreUnavailable:
        return []
    return [_reviews(waiting), _questions(waiting), _encounters(waiting)]


def _reviews(waiting: Waiting) -> Finding:
    end = f", the first until {shown(waiting.first_end)}" if waiting.first_end else ""
    found = f"{waiting.reviews} contacts wait for a decision{end}"
    return judge(
        "people.reviews", not waiting.reviews, found, "decide them: `duecourse reviews list`", otherwise=Health.WARN
    )


def _questions(waiting: Waiting) -> Finding:
    found = f"{waiting.questions} words were perhaps an opt-out"
    do = "answer them: `duecourse optouts questions`"
    return judge("people.questions", not waiting.questions, found, do, otherwise=Health.WARN)


def _encounters(waiting: Waiting) -> Finding:
    found = f"{waiting.unrecorded} calls or visits were allowed and never recorded"
    do = "record or release them, until then they count: `duecourse encounters list --open`"
    return judge("people.encounters", not waiting.unrecorded, found, do, otherwise=Health.WARN)
