"""The statistics give the tabulated values, and hold their promised confidence in simulation."""

import math
import random
from dataclasses import FrozenInstanceError
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbcert_reports import statistics as ours
from lbcert_reports.statistics import Interval


@pytest.mark.parametrize(
    ("quantile", "confidence", "trials"),
    [
        (0.9, 0.95, 29),
        (0.9, 0.9, 22),
        (0.95, 0.95, 59),
        (0.95, 0.9, 45),
        (0.99, 0.95, 299),
        (0.99, 0.9, 230),
        (0.9, 0.4, 5),
    ],
)
def test_so_many_trials_bound_a_quantile_by_their_worst(quantile: float, confidence: float, trials: int) -> None:
    assert ours.supported_quantile(trials, confidence) >= quantile
    assert ours.supported_quantile(trials - 1, confidence) < quantile
    worst = list(range(trials))
    assert ours.quantile_upper_bound(worst, quantile, confidence) == trials - 1
    assert ours.quantile_upper_bound(worst[1:], quantile, confidence) is None


def test_no_trial_supports_no_quantile() -> None:
    assert ours.supported_quantile(0) == 0.0
    assert ours.quantile_upper_bound([], 0.5) is None
    assert ours.quantile_lower_bound([], 0.5) is None


@pytest.mark.parametrize(("n", "ranks"), [(6, (1, 6)), (10, (2, 9)), (20, (6, 15)), (30, (10, 21))])
def test_the_interval_of_a_median_has_the_tabulated_ranks(n: int, ranks: tuple[int, int]) -> None:
    assert ours.median_interval([float(rank) for rank in range(n, 0, -1)]) == ranks


def test_five_trials_give_no_interval_of_the_median() -> None:
    assert ours.median_interval([1.0] * 5) is None


def test_an_interval_may_miss_the_median_exactly_as_often_as_is_allowed() -> None:
    """Of two samples both are below the median a quarter of the time, and both above it another quarter."""
    assert ours.median_interval([2.0, 1.0], 0.5) == (1.0, 2.0)
    assert ours.median_interval([2.0, 1.0], 0.51) is None


@pytest.mark.parametrize("n", [29, 40, 100])
def test_the_bounds_of_a_quantile_cover_it_as_often_as_promised(n: int) -> None:
    rng = random.Random(20240607)
    truth, rounds = -math.log(1 - 0.9), 2000  # p90 of the exponential distribution
    samples = [[rng.expovariate(1) for _ in range(n)] for _ in range(rounds)]
    uppers = [ours.quantile_upper_bound(each, 0.9) for each in samples]
    lowers = [ours.quantile_lower_bound(each, 0.9) for each in samples]
    assert sum(upper is not None and upper >= truth for upper in uppers) / rounds >= 0.94
    assert sum(lower is not None and lower <= truth for lower in lowers) / rounds >= 0.94
    if n == 100:  # and are not needlessly wide
        assert sum(upper is not None and upper >= truth for upper in uppers) / rounds <= 0.99


def test_the_interval_of_a_median_covers_it_as_often_as_promised() -> None:
    rng, truth, rounds = random.Random(7), math.log(2), 2000
    intervals = [ours.median_interval([rng.expovariate(1) for _ in range(20)]) for _ in range(rounds)]
    covered = sum(each is not None and each.lower <= truth <= each.upper for each in intervals)
    assert 0.94 <= covered / rounds <= 0.98


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=80), st.floats(0.05, 0.95))
def test_the_lower_bound_mirrors_the_upper(samples: list[float], quantile: float) -> None:
    upper = ours.quantile_upper_bound(samples, quantile)
    lower = ours.quantile_lower_bound(samples, quantile)
    assert upper is None or upper in samples
    assert lower is None or lower in samples
    if upper is not None and lower is not None:
        assert lower <= upper


def test_clopper_pearson_gives_the_rule_of_three_and_known_values() -> None:
    assert ours.clopper_pearson(0, 299).upper == pytest.approx(1 - 0.025 ** (1 / 299))
    assert ours.clopper_pearson(5, 10) == pytest.approx((0.1871, 0.8129), abs=1e-4)
    assert ours.clopper_pearson(10, 10).upper == 1.0
    assert ours.clopper_pearson(0, 0) == Interval(0.0, 1.0)


def test_the_spread_of_known_counts_has_the_known_statistic() -> None:
    result = ours.spread({"a": 986, "b": 1042, "c": 972}, {"a": 1 / 3, "b": 1 / 3, "c": 1 / 3})
    assert result.n == 3000
    assert result.p == pytest.approx(0.2529, abs=1e-3)
    assert result.effect == pytest.approx(math.sqrt(2.744 / 3000), rel=1e-3)
    assert result.worst == "b"
    assert result.deviation == pytest.approx(1042 / 3000 - 1 / 3)
    assert result.interval.lower == 0.0
    assert result.deviation < result.interval.upper < 0.04


def test_a_share_that_is_surely_off_has_a_lower_bound_of_its_deviation() -> None:
    result = ours.spread({"a": 1500, "b": 500}, {"a": 0.5, "b": 0.5})
    assert result.deviation == 0.25
    assert 0.2 < result.interval.lower < 0.25 < result.interval.upper < 0.3
    assert result.p < 1e-9
    assert result.effect == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("counts", "worst"),
    [
        ({"a": 200, "b": 400, "c": 400}, "a"),
        ({"a": 280, "b": 290, "c": 430}, "c"),
        ({"a": 250, "b": 390, "c": 360}, "a"),
    ],
)
@pytest.mark.parametrize("confidence", [0.9, 0.4])
def test_the_worst_deviation_lies_in_the_interval_for_all_members_at_once(
    counts: dict[str, int], worst: str, confidence: float
) -> None:
    share = 1 / 3
    result = ours.spread(counts, dict.fromkeys("abc", share), confidence)
    bounds = [ours.clopper_pearson(count, 1000, 1 - (1 - confidence) / 3) for count in counts.values()]
    assert (result.n, result.worst) == (1000, worst)
    assert result.deviation == pytest.approx(abs(counts[worst] / 1000 - share))
    nearest = max(0.0, *(max(low - share, share - high) for low, high in bounds))
    assert result.interval == pytest.approx((nearest, max(max(high - share, share - low) for low, high in bounds)))
    assert result.interval.lower < result.deviation < result.interval.upper


def test_the_worst_member_is_the_furthest_off_and_the_bound_is_that_of_the_one_that_is_most_surely_off() -> None:
    result = ours.spread({"a": 492, "b": 456, "c": 52}, {"a": 0.49, "b": 0.49, "c": 0.02})
    assert (result.worst, result.deviation) == ("b", pytest.approx(0.034))
    rare = ours.clopper_pearson(52, 1000, 1 - 0.05 / 3)
    assert result.interval.lower == pytest.approx(rare.lower - 0.02)


@pytest.mark.parametrize(
    ("counts", "shares", "p", "effect"),
    [
        ({"a": 40, "b": 60}, {"a": 0.5, "b": 0.5}, 0.0455002639, 0.2),
        ({"a": 20, "b": 30, "c": 50}, {"a": 0.2, "b": 0.4, "c": 0.4}, math.exp(-2.5), 0.05**0.5),
    ],
)
def test_the_chi_square_test_has_a_degree_of_freedom_less_than_members(
    counts: dict[str, int], shares: dict[str, float], p: float, effect: float
) -> None:
    result = ours.spread(counts, shares)
    assert result.p == pytest.approx(p)
    assert result.effect == pytest.approx(effect)


def test_a_member_without_any_flow_counts_and_one_that_is_not_expected_is_refused() -> None:
    assert ours.spread({"a": 10}, {"a": 0.5, "b": 0.5}).deviation == 0.5
    assert ours.spread({"a": 10}, {"a": 1.0}).p == 1.0
    shares = {"a": 0.2, "b": 0.6, "c": 0.2}
    assert ours.spread({"a": 5, "c": 5}, shares) == ours.spread({"a": 5, "b": 0, "c": 5}, shares)
    with pytest.raises(ValueError, match="no share is expected of z"):
        ours.spread({"z": 1}, {"a": 1.0})
    with pytest.raises(ValueError, match="nothing to count"):
        ours.spread({}, {"a": 1.0})


def test_a_perfect_hash_is_rarely_called_uneven_and_its_worst_deviation_is_covered() -> None:
    rng, rounds, n = random.Random(3), 300, 600
    shares = dict.fromkeys("abc", 1 / 3)
    uneven = covered = 0
    for _ in range(rounds):
        picks = [rng.choice("abc") for _ in range(n)]
        result = ours.spread({member: picks.count(member) for member in "abc"}, shares)
        uneven += result.p < 0.05
        covered += result.interval.lower == 0.0
    assert 0.02 <= uneven / rounds <= 0.09
    assert covered / rounds >= 0.95


def test_a_result_is_not_altered_once_it_is_made() -> None:
    for made, name in ((ours.spread({"a": 1}, {"a": 1.0}), "p"), (ours.Homogeneity(1.0, 0.0), "p")):
        with pytest.raises(FrozenInstanceError):
            setattr(made, name, 0)


def test_homogeneity_tells_alike_from_different() -> None:
    alike = ours.homogeneity({"a": 500, "b": 510}, {"a": 505, "b": 495})
    assert alike.p > 0.4
    assert alike.effect < 0.05
    different = ours.homogeneity({"a": 800, "b": 200}, {"a": 500, "b": 500})
    assert different.p < 1e-9
    assert different.effect == pytest.approx(0.3145, abs=1e-3)
    unseen = ours.homogeneity({"a": 800, "b": 200, "z": 0}, {"a": 500, "b": 500})
    assert unseen == different, "whom nobody met is no member"
    three = ours.homogeneity({"a": 500, "b": 499, "z": 1}, {"a": 250, "b": 250})
    assert three.p == pytest.approx(math.exp(-(three.effect**2) * 1500 / 2)), "with two degrees of freedom"
    apart = ours.homogeneity({"a": 800, "b": 200}, {"a": 500})
    assert apart.effect == pytest.approx((1 / 13) ** 0.5)
    assert ours.homogeneity({"b": 1}, {"a": 20, "b": 3}).p < 0.1
    assert ours.homogeneity({"a": 10}, {"a": 20}) == ours.Homogeneity(1.0, 0.0)
    assert ours.homogeneity({}, {"a": 20, "b": 3}) == ours.Homogeneity(1.0, 0.0)


@pytest.mark.parametrize(
    ("position", "every", "survivors"),
    [(0, Fraction(1, 2), Fraction(1, 4)), (1, Fraction(1, 3), Fraction(0)), (2, Fraction(1, 2), Fraction(1, 4))],
)
def test_of_three_members_the_one_that_leaves_decides_what_moves(
    position: int, every: Fraction, survivors: Fraction
) -> None:
    before = ["a", "b", "c"]
    after = [member for index, member in enumerate(before) if index != position]
    assert ours.hash_threshold(before, after) == (every, survivors)


def test_where_nobody_survives_everything_moves_and_of_survivors_nothing() -> None:
    for before, after in ((["a"], ["b"]), ([], ["a"]), (["a", "b"], [])):
        assert ours.hash_threshold(before, after) == (Fraction(1), Fraction(0))


@pytest.mark.parametrize(("n", "low", "high"), [(2, 0.5, 0.5), (4, 0.333, 0.5), (5, 0.3, 0.5), (8, 0.285, 0.5)])
def test_the_share_that_moves_when_one_leaves_lies_where_rfc_2992_puts_it(n: int, low: float, high: float) -> None:
    before = [str(index) for index in range(n)]
    moved = [float(ours.hash_threshold(before, before[:i] + before[i + 1 :]).all) for i in range(n)]
    assert min(moved) == pytest.approx(low, abs=2e-3)
    assert max(moved) == pytest.approx(high, abs=2e-3)


@given(st.integers(1, 12), st.data())
def test_the_arithmetic_agrees_with_hashing_flow_by_flow(n: int, data: st.DataObject) -> None:
    before = [str(index) for index in range(n)]
    after = data.draw(st.lists(st.sampled_from([*before, "new"]), unique=True, min_size=1))
    size = math.lcm(n, len(after))
    owners = [(before[cell * n // size], after[cell * len(after) // size]) for cell in range(size)]
    surviving = [(old, new) for old, new in owners if old in after]
    moved = ours.hash_threshold(before, after)
    assert moved.all == Fraction(sum(old != new for old, new in owners), size)
    if surviving:
        assert moved.survivors == Fraction(sum(old != new for old, new in surviving), len(surviving))
