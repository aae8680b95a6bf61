"""The inbox worker: `dramatiq workers.inbox`. Applies receipts and replies that the web process has stored."""

from contextlib import AsyncExitStack

import dramatiq
import structlog

from duecourse.bootstrap import open_app, open_channels
from duecourse.domain.errors import DuecourseError
from duecourse.domain.vocabulary import Urgency
from duecourse.usecases.apply_inbox import ApplyInbox
from workers.broker import INBOX_QUEUE
from workers.delivery import TIME_LIMIT_MS
from workers.environment import broker_of_process, settings_of_process
from workers.runtime import Runtime
from workers.standing_in import StandIn

log: structlog.stdlib.BoundLogger = structlog.get_logger()
_settings = settings_of_process()


async def _open(stack: AsyncExitStack) -> ApplyInbox:
    app = await stack.enter_async_context(open_app(_settings))
    channels = await stack.enter_async_context(open_channels(_settings))
    return app.reading(channels, stopping=_runtime.stopping.is_set)


async def _serve(_: Urgency) -> bool:
    await (await _runtime.get())()
    return False


_runtime = Runtime(_open)
broker = broker_of_process(_settings, _runtime, StandIn(_runtime, _serve, classes=(Urgency.NORMAL,)))
dramatiq.set_broker(broker)


@dramatiq.actor(queue_name=INBOX_QUEUE, broker=broker, time_limit=TIME_LIMIT_MS)
async def apply_inbox() -> None:
    """Apply what is open, oldest first."""
    try:
        applied = await (await _runtime.get())()
    except DuecourseError as exc:
        log.warning("inbox.failed", error=str(exc))
    else:
        log.info("inbox.applied", **applied)
