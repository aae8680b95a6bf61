"""Where less urgent jobs of a process wait for a provider's rate: together, so that no more than one thread waits."""

from collections.abc import Awaitable, Callable

from duecourse.domain.vocabulary import Urgency


class WaitingRoom:
    """A job holds a thread while it waits. Were all threads to wait for bulk mail, an urgent job would find none."""

    def __init__(self) -> None:
        self._seated: dict[Urgency, list[int]] | None = None

    async def wait(self, waiting: dict[Urgency, list[int]], pause: Callable[[], Awaitable[object]]) -> bool:
        """False where another job waits already: it has taken these contacts over.

        Args:
            waiting: contact ids, to which others may be added meanwhile.
            pause: returns once the rate may be asked again.
        """
        if Urgency.URGENT in waiting:
            await pause()
            return True
        if self._seated is not None:
            for urgency, ids in waiting.items():
                self._seated.setdefault(urgency, []).extend(ids)
            return False
        self._seated = waiting
        try:
            await pause()
        finally:
            self._seated = None
        return True
