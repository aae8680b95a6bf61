"""Child processes under one supervisor: restarted when they crash, and never left behind.

supervisor = Supervisor(env=os.environ, logs=folder)
supervisor.add("sms", python("-m", "dramatiq", "workers.sms", "--processes", "1"))
async with supervisor:          # start() ... stop()
    await supervisor.wait()     # until request_stop(), or a child that cannot live (raises ChildError)
"""

from duecourse.processes.supervisor import ChildError, Supervisor, python

__all__ = ["ChildError", "Supervisor", "python"]
