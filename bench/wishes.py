"""What one run of the benchmark is to measure, and how much of it."""

from dataclasses import dataclass, replace

from bench.books import SIZES

PARTS = ("delivery", "celery", "costs", "latency", "payments", "planning", "limits")
#: These need a book whose borrowers can be written to.
ON_A_DUE_DAY = frozenset({"delivery", "celery", "costs", "latency", "payments"})


@dataclass(frozen=True, kw_only=True)
class Wishes:
    parts: tuple[str, ...] = PARTS
    contacts: int = 20_000
    """Of each governed measurement."""
    workers: int = 2
    books: tuple[str, ...] = ("100k", "1m", "10m")
    seconds: float = 10.0
    """Of each measurement that takes a time and not a count."""

    def quick(self) -> "Wishes":
        """Small enough for a test, too small for a figure."""
        return replace(self, contacts=2_000, books=("20k",), seconds=2.0)


def chosen(text: str, known: tuple[str, ...], option: str) -> tuple[str, ...]:
    """Names out of `known`, in its order.

    Raises:
        ValueError: names the option and the word that is none of them.
    """
    wanted = [word.strip().lower() for word in text.split(",") if word.strip()]
    for word in wanted:
        if word not in known:
            raise ValueError(f"{option}: {word!r} is none of {', '.join(known)}")
    if not wanted:
        raise ValueError(f"{option}: name at least one of {', '.join(known)}")
    return tuple(name for name in known if name in wanted)


def chosen_books(text: str) -> tuple[str, ...]:
    return chosen(text, tuple(SIZES), "--books")


def chosen_parts(text: str) -> tuple[str, ...]:
    return chosen(text, PARTS, "--only")
