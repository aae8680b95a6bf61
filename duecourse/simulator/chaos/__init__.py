"""The chaos harness: a due day with real processes, broken in every way we know of, and then three books compared."""
