"""Cutting a sequence into batches, as `itertools.batched` does from Python 3.12 on."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def batched(items: Sequence[Item], size: int) -> Iterator[Sequence[Item]]:
    """Consecutive slices of at most `size`; the last may be shorter."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
