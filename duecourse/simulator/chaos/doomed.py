"""Runs a process of a deployment with live fault points: `python -m ...chaos.doomed NAME MODULE [ARGUMENT ...]`.

No product code knows of points: in a process that is started in any other way there is nothing of them. It refuses
where real providers may be called. `DUECOURSE_CHAOS_POINTS` names the folder of orders; the kind of process is the
name up to its hyphen.
"""

import os
import runpy
import sys
from pathlib import Path

from duecourse.simulator.chaos.points import Points
from duecourse.simulator.chaos.skew import Skew, install

FOLDER_VARIABLE = "DUECOURSE_CHAOS_POINTS"


def main() -> None:
    """Become the module, doomed."""
    if os.environ.get("DUECOURSE_SANDBOX") != "true" or FOLDER_VARIABLE not in os.environ:
        sys.exit(f"error: {FOLDER_VARIABLE}: fault points need a folder of orders, and a sandbox to send to")
    name, module, *arguments = sys.argv[1:]
    folder = Path(os.environ[FOLDER_VARIABLE])
    install(Skew(folder / "clocks" / name))
    from duecourse.simulator.chaos.doomed_app import doom  # noqa: PLC0415 - what it imports is to have the wrong clock

    doom(Points(folder, name.partition("-")[0]))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
