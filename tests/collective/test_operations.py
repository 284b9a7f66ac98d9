"""What hosts get from one another, against numpy on all of their arrays at once."""

import numpy as np
import pytest

from local_processes import run_hosts

DTYPES = ("?", "i1", "u1", "i4", "i8", "u8", "f4", "f8", ">f4", "f2")
N_CASES = 60


def draw(rng, dtype, shape):
    values = rng.normal(size=shape) * 100
    with np.errstate(invalid="ignore"):
        return np.asarray(
            values.astype(np.int64) if dtype[-2:] != "?" and dtype[-2] in "iu" else values
        ).astype(dtype)


def draw_shape(rng):
    if rng.random() < 0.2:
        return int(rng.integers(2000, 9000)), 3  # beyond the small messages
    return tuple(int(n) for n in rng.integers(0, 6, rng.integers(0, 4)))


def in_order(arrays, combine):
    total = arrays[0].copy()
    for array in arrays[1:]:
        total = combine(total, array).astype(total.dtype)
    return total


def rows_of(rng, n_hosts):
    """Indices that overlap, miss one another, lie on one side or are none."""
    dtype, width, table = rng.choice(["f4", "f8", "i8"]), int(rng.integers(0, 5)), int(rng.integers(1, 400))
    for _ in range(n_hosts):
        share = rng.choice([0, 0.02, 0.5, 1])
        indices = np.flatnonzero(rng.random(table) < share) + int(rng.choice([0, 0, 2**40]))
        yield indices, draw(rng, dtype, (len(indices), width))


def operations_equal_numpy(collective, seed, n_cases):
    """Every host draws the arrays of all, so that each can check what it gets."""
    rank, size = collective.rank, collective.size
    digest = []
    for case in range(n_cases):
        rng = np.random.default_rng([seed, case])
        dtype, shape = str(rng.choice(DTYPES)), draw_shape(rng)
        arrays = [draw(rng, dtype, shape) for _ in range(size)]
        for name, combine in (("sum", np.add), ("min", np.minimum), ("max", np.maximum)):
            found = collective.allreduce(arrays[rank], name)
            expected = in_order([a.astype(a.dtype.newbyteorder("=")) for a in arrays], combine)
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            np.testing.assert_array_equal(found, expected)
            digest.append(found.tobytes())
        root = int(rng.integers(size))
        found = collective.broadcast(arrays[rank], root)
        np.testing.assert_array_equal(found, arrays[root])
        assert found.shape == shape

        lengths = [(int(n), *shape[1:]) if shape else () for n in rng.integers(0, 5, size)]
        arrays = [draw(rng, dtype, length) for length in lengths]
        for own, found in zip(arrays, collective.allgather(arrays[rank]), strict=True):
            np.testing.assert_array_equal(found, own)

        pushed = list(rows_of(rng, size))
        indices, rows = collective.sum_rows(*pushed[rank])
        union = np.unique(np.concatenate([i for i, _ in pushed]))
        np.testing.assert_array_equal(indices, union)
        expected = np.zeros((len(union), rows.shape[1]), rows.dtype)
        for own, added in pushed:
            expected[np.searchsorted(union, own)] += added
        np.testing.assert_array_equal(rows, expected)
        digest.append(rows.tobytes())
    return hash(b"".join(digest)) if size < 2 else b"".join(digest)


@pytest.mark.parametrize("n_hosts", [2, 3, 4])
def test_operations_equal_numpy_and_are_the_same_everywhere(n_hosts):
    answers = run_hosts(n_hosts, operations_equal_numpy, n_hosts, N_CASES)
    assert all(answer == answers[0] for answer in answers)


def bytes_sent(collective, n_floats):
    array = np.zeros(n_floats, np.float32)
    rows = np.zeros((n_floats // 10, 10), np.float32)
    indices = np.arange(len(rows)) * 1000
    costs = []
    for call in (
        lambda: collective.allreduce(array),
        lambda: collective.broadcast(array),
        lambda: collective.allgather(array),
        lambda: collective.sum_rows(indices, rows),
    ):
        before = collective.sent_bytes
        call()
        costs.append(collective.sent_bytes - before)
    return costs


@pytest.mark.parametrize("n_hosts", [2, 4])
def test_bytes_sent_are_those_of_the_documentation(n_hosts):
    n_floats = 400_000
    size, share = 4 * n_floats, (n_hosts - 1) / n_hosts
    rows = n_floats // 10 * (8 + 40)
    for reduced, broadcast, gathered, summed in run_hosts(n_hosts, bytes_sent, n_floats):
        assert reduced == pytest.approx(2 * size * share, rel=0.01)
        assert broadcast <= size * (2 - 2 / n_hosts) * 1.01
        assert gathered == pytest.approx(size * (n_hosts - 1), rel=0.01)
        assert summed <= 2 * rows * share * 1.03


def touch_little(collective):
    """A table of a million rows of which each host touches thirty."""
    before = collective.sent_bytes
    indices = np.arange(30, dtype=np.int64) * 33_333 + collective.rank
    collective.sum_rows(indices, np.ones((30, 64), np.float32))
    return collective.sent_bytes - before


def test_sparse_sums_cost_the_rows_touched():
    n_hosts = 3
    most = (30 + 90) * 2 / 3 * (64 * 4 + 8)
    for cost in run_hosts(n_hosts, touch_little):
        assert cost <= most * 1.1 + 6_000  # headers, samples of the indices, heartbeats
