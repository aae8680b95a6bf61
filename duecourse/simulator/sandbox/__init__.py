"""A provider that is nobody's: it behaves like real ones, misbehaves by seed, and keeps its own book."""

from duecourse.simulator.sandbox.account import Account, Faults, ReceiptHabits
from duecourse.simulator.sandbox.double import running_sandbox

__all__ = ["Account", "Faults", "ReceiptHabits", "running_sandbox"]
