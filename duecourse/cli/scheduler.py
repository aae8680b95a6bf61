"""`duecourse scheduler`: hand this process over to the scheduler."""

import os
import sys


def scheduler() -> None:
    """Run the scheduler: plans contacts, releases them to the channels' queues, sweeps up after dead workers.

    Several may run at once, on one machine or many; none is the leader. Stops cleanly on SIGTERM or Ctrl-C.
    It writes its progress as log lines (DUECOURSE_LOG_FORMAT=json for machines).
    """
    # The command line may not import the workers' side, so it becomes it.
    os.execv(sys.executable, [sys.executable, "-m", "workers.scheduler"])  # noqa: S606 - a fixed program, no shell
