"""The statistics that verdicts rest on: few, standard, and each with what it assumes.

Quantiles are bounded by order statistics, shares by Clopper-Pearson intervals: both hold for any distribution and
any number of samples, so no judge has to assume that gaps are normal or that samples are many.

scipy.stats takes two seconds to import, and is imported by whoever calls it: most commands never do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A value known to lie between two bounds."""

    lower: float
    upper: float


def supported_quantile(n: int, confidence: float = CONFIDENCE) -> float:
    """The highest quantile that the worst of n trials bounds from above; 0 without trials."""
    return (1 - confidence) ** (1 / n) if n else 0.0


def quantile_upper_bound(samples: Sequence[float], quantile: float, confidence: float = CONFIDENCE) -> float | None:
    """One-sided upper confidence bound of a quantile: the smallest order statistic that is one.

    The r-th smallest of n samples is at least the quantile with probability P(Binomial(n, q) < r).

    Returns:
        The bound, None if there are too few samples for it.
    """
    from scipy import stats

    rank = int(stats.binom.ppf(confidence, len(samples), quantile)) + 1 if samples else 1
    return sorted(samples)[rank - 1] if rank <= len(samples) else None


def quantile_lower_bound(samples: Sequence[float], quantile: float, confidence: float = CONFIDENCE) -> float | None:
    """One-sided lower confidence bound of a quantile: the mirror image of `quantile_upper_bound`."""
    mirrored = quantile_upper_bound([-value for value in samples], 1 - quantile, confidence)
    return None if mirrored is None else -mirrored


def median_interval(samples: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """Two-sided confidence interval of the median by symmetric ranks: 10 samples give ranks 2 and 9.

    Returns:
        The interval, None for fewer samples than it takes (6 at 95 %).
    """
    from scipy import stats

    ordered, n = sorted(samples), len(samples)
    # Outside the ranks r and n+1-r lies the median with probability 2 P(Binomial(n, 1/2) < r).
    rank = int(np.sum(2 * stats.binom.cdf(np.arange(n), n, 0.5) <= 1 - confidence))
    return Interval(ordered[rank - 1], ordered[n - rank]) if rank else None


def clopper_pearson(successes: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Exact confidence interval of a share from counts; [0, 1] without observations."""
    if not n:
        return Interval(0.0, 1.0)
    from scipy import stats

    interval = stats.binomtest(successes, n).proportion_ci(confidence, method="exact")
    return Interval(float(interval.low), float(interval.high))


@dataclass(frozen=True)
class Spread:
    """How counts over members compare with expected shares.

    Attributes:
        n: observations.
        p: chi-square test of the expected shares; 1 for fewer than two members.
        effect: Cohen's w, the size of the deviation whatever n.
        worst: the member that deviates most.
        deviation: how far its observed share is from the expected one (0 to 1), with the confidence interval of
            the worst deviation over all members at once (Bonferroni).
    """

    n: int
    p: float
    effect: float
    worst: str
    deviation: float
    interval: Interval


def spread(counts: Mapping[str, int], shares: Mapping[str, float], confidence: float = CONFIDENCE) -> Spread:
    """Compare counts with expected shares (which sum to 1).

    Raises:
        ValueError: if a member is counted that no share is expected of, or there is nothing to count.
    """
    from scipy import stats

    if foreign := counts.keys() - shares.keys():
        raise ValueError(f"no share is expected of {', '.join(sorted(foreign))}")
    observed = np.array([counts.get(member, 0) for member in shares], dtype=float)
    expected = np.array(list(shares.values()), dtype=float)
    n, degrees = int(observed.sum()), len(shares) - 1
    if not n:
        raise ValueError("there is nothing to count")
    statistic = float(((observed - n * expected) ** 2 / (n * expected)).sum())
    p = float(stats.chi2.sf(statistic, degrees)) if degrees else 1.0
    each = 1 - (1 - confidence) / len(shares)
    deviations: dict[str, tuple[float, Interval]] = {}
    for member, share in shares.items():
        low, high = clopper_pearson(counts.get(member, 0), n, each)
        nearest = max(low - share, share - high, 0.0)
        deviations[member] = (
            abs(counts.get(member, 0) / n - share),
            Interval(nearest, max(high - share, share - low)),
        )
    worst = max(deviations, key=lambda member: deviations[member][0])
    interval = Interval(
        max(interval.lower for _, interval in deviations.values()),
        max(interval.upper for _, interval in deviations.values()),
    )
    return Spread(n, p, math.sqrt(statistic / n), worst, deviations[worst][0], interval)


@dataclass(frozen=True)
class Homogeneity:
    """Whether two rows of counts come from one distribution.

    Attributes:
        p: chi-square test of homogeneity; 1 if there is nothing to compare.
        effect: Cramer's V.
    """

    p: float
    effect: float


def homogeneity(first: Mapping[str, int], second: Mapping[str, int]) -> Homogeneity:
    """Compare the counts of two sets of flows over the same members."""
    members = sorted({*first, *second})
    table = np.array([[counts.get(member, 0) for member in members] for counts in (first, second)])
    table = table[:, table.sum(axis=0) > 0]
    if 0 in table.sum(axis=1):
        return Homogeneity(1.0, 0.0)
    from scipy import stats

    result = stats.chi2_contingency(table, correction=False)
    return Homogeneity(float(result.pvalue), math.sqrt(float(result.statistic) / int(table.sum())))


class Moved(NamedTuple):
    """Which share of flows changes its member.

    Attributes:
        all: of all flows.
        survivors: of the flows whose member was there before and is there after.
    """

    all: Fraction
    survivors: Fraction


def hash_threshold(before: Sequence[str], after: Sequence[str]) -> Moved:
    """The share of flows that hash-threshold moves when the members change (RFC 2992).

    The hash space is cut into equal regions, one a member, in their order. A flow moves where the regions before
    and after belong to different members.

    Args:
        before: members in the order of the next hops.
        after: members afterwards, likewise.
    """
    stayed = Fraction(0)
    for position, member in enumerate(before):
        if member in after:
            start, end = Fraction(position, len(before)), Fraction(position + 1, len(before))
            new = after.index(member)
            overlap = min(end, Fraction(new + 1, len(after))) - max(start, Fraction(new, len(after)))
            stayed += max(overlap, Fraction(0))
    surviving = Fraction(sum(member in after for member in before), len(before)) if before else Fraction(0)
    return Moved(1 - stayed, 1 - stayed / surviving if surviving else Fraction(0))
