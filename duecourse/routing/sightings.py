"""Counts of what was seen of a provider, in buckets of time, and what of them counts for a judgement."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from duecourse.routing.health import Evidence, HealthTerms, Sign

#: Width of the buckets in seconds: equal to `channels/health.lua`.
CALLS_S = 2
RECEIPTS_S = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Sightings:
    """`counts` is as Redis keeps it: `<bucket>:<sign>` to a count. `now` is Redis' clock, in Unix seconds."""

    now: float
    counts: Mapping[str, int]

    def evidence(self, terms: HealthTerms, age_s: float) -> Evidence:
        """`age_s`: since the share was changed last. Older calls were judged already."""
        return Evidence(
            recent=self._calls(min(age_s, terms.window_s)),
            longer=self._calls(min(age_s, terms.idle_s)),
            receipts=self._receipts(terms),
        )

    def _calls(self, age_s: float) -> Counter[Sign]:
        tally: Counter[Sign] = Counter()
        for bucket, sign, count in self._each():
            # A bucket counts where all of it lies in the span.
            if sign in _SIGNS and bucket * CALLS_S >= self.now - age_s:
                tally[_SIGNS[sign]] += count
        return tally

    def _receipts(self, terms: HealthTerms) -> tuple[int, int]:
        """Only messages whose receipt should be here by now: the young ones would all count as late."""
        newest = self.now - terms.late_after_s - RECEIPTS_S
        oldest = newest - terms.late_window_s
        found = {"sent": 0, "timely": 0}
        for bucket, sign, count in self._each():
            if sign in found and oldest <= bucket * RECEIPTS_S <= newest:
                found[sign] += count
        # More in time than sent: some had an unknown end, and turned out to be sent.
        return found["sent"], min(found["timely"], found["sent"])

    def _each(self) -> Iterator[tuple[int, str, int]]:
        for field, count in self.counts.items():
            bucket, _, sign = field.partition(":")
            yield int(bucket), sign, count


_SIGNS = {sign.value: sign for sign in Sign}


def memory_s(terms: HealthTerms) -> int:
    """How far back anything counts."""
    return int(max(terms.window_s, terms.idle_s, terms.late_after_s + terms.late_window_s + 2 * RECEIPTS_S)) + CALLS_S
