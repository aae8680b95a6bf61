"""Everything that knows Dramatiq, and the scheduler that feeds it."""
