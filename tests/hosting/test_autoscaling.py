import math

from hypothesis import given
from hypothesis import strategies as st

from pairloom.hosting.autoscaling import Bounds, TargetTracking, wanted_workers

POLICY = TargetTracking(100)
BOUNDS = Bounds(1, 8)


def test_a_load_above_the_target_adds_workers_in_proportion():
    assert wanted_workers(2, BOUNDS, [POLICY], [10, 250, 250, 250]) == 5
    assert wanted_workers(2, BOUNDS, [POLICY], [101] * 3) == 3
    assert wanted_workers(2, BOUNDS, [POLICY], [1e9] * 3) == 8


def test_a_burst_changes_nothing():
    assert wanted_workers(2, BOUNDS, [POLICY], [250, 99, 250]) == 2
    assert wanted_workers(2, BOUNDS, [POLICY], [250, 250]) == 2


def test_a_low_load_takes_workers_away_after_longer():
    assert wanted_workers(6, BOUNDS, [POLICY], [40] * 14) == 6
    assert wanted_workers(6, BOUNDS, [POLICY], [40] * 15) == 3
    assert wanted_workers(6, BOUNDS, [POLICY], [0] * 15) == 1
    assert wanted_workers(6, BOUNDS, [POLICY], [95] * 15) == 6
    assert wanted_workers(6, BOUNDS, [POLICY], [0] * 14 + [95]) == 6


def test_cooldowns_hold_both_ways():
    assert wanted_workers(2, BOUNDS, [POLICY], [250] * 3, since_out_s=299) == 2
    assert wanted_workers(2, BOUNDS, [POLICY], [250] * 3, since_out_s=300) == 5
    assert wanted_workers(6, BOUNDS, [POLICY], [0] * 15, since_in_s=299) == 6
    assert wanted_workers(6, BOUNDS, [POLICY], [0] * 15, since_out_s=10) == 6
    assert wanted_workers(2, BOUNDS, [POLICY], [250] * 3, since_in_s=1) == 5


def test_scaling_in_can_be_switched_off():
    assert wanted_workers(6, BOUNDS, [TargetTracking(100, disable_scale_in=True)], [0] * 15) == 6


def test_the_policy_that_wants_most_decides():
    assert wanted_workers(2, BOUNDS, [TargetTracking(100), TargetTracking(50)], [150] * 15) == 6


def test_without_policies_only_the_bounds_count():
    assert [wanted_workers(n, Bounds(2, 4), [], [1e9] * 15) for n in (1, 3, 9)] == [2, 3, 4]


@given(
    n=st.integers(1, 50),
    low=st.integers(0, 20),
    width=st.integers(0, 20),
    target=st.floats(1e-3, 1e6),
    loads=st.lists(st.floats(0, 1e9), max_size=30),
)
def test_what_is_wanted_is_within_bounds_and_steady_at_the_target(n, low, width, target, loads):
    bounds, policy = Bounds(low, low + width), TargetTracking(target)
    wanted = wanted_workers(n, bounds, [policy], loads)
    assert bounds.minimum <= wanted <= bounds.maximum
    at_target = wanted_workers(bounds.within(n), bounds, [policy], [target] * 30)
    assert at_target == bounds.within(n)
    assert wanted_workers(n, bounds, [policy], loads, since_out_s=0) <= max(n, low) or math.isinf(target)
