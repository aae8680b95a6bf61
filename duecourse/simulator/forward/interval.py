"""The difference between two policies over several seeds, with what chance alone may have made of it."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from duecourse.domain.value import value

#: Two-sided 95 % points of Student's t by degrees of freedom, 1 to 30 (Student 1908; Fisher's table IV).
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip
_NORMAL95 = NormalDist().inv_cdf(0.975)


@value
class Difference:
    """Other minus base, of pairs that share a seed."""

    mean: float
    low: float | None
    high: float | None
    """The 95 % interval; None where one seed tells nothing about chance."""

    @property
    def clear(self) -> bool:
        """The interval leaves out zero."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


def difference(base: Sequence[float], other: Sequence[float]) -> Difference:
    """Paired: both met the same people, so only what differs between the policies is left.

    Raises:
        ValueError: no pairs, or not as many of one as of the other.
    """
    if not base or len(base) != len(other):
        raise ValueError("needs as many results of one policy as of the other")
    gaps = [b - a for a, b in zip(base, other, strict=True)]
    mean = fmean(gaps)
    if len(gaps) == 1:
        return Difference(mean=mean, low=None, high=None)
    half = _t95(len(gaps) - 1) * stdev(gaps) / math.sqrt(len(gaps))
    return Difference(mean=mean, low=mean - half, high=mean + half)


def _t95(freedom: int) -> float:
    return _T95[freedom - 1] if freedom <= len(_T95) else _NORMAL95
