"""Sweeps against a slow twin, on every level; blocks against the rows that they stand for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tests.reference.gibbs_twin import GibbsTwin, TwinPriors, TwinTerm

from pairloom.kernels.gibbs import column_normals, gibbs_stride, joined_rows
from pairloom.kernels.levels import available_levels

N_ROWS, N_USERS, N_ITEMS, N_NUMBERS = 300, 9, 7, 1
BLOCK_COLUMNS = 12


class Data:
    """Rows of a user (a field, absent in some), a number (a field with values) and an item (a block of attributes)."""

    def __init__(self, seed=0, *, weighted=False, frequent=False):
        rng = np.random.default_rng(seed)
        n = 1500 if frequent else N_ROWS  # some users then have more rows than a tile
        self.users = rng.integers(-1, 3 if frequent else N_USERS, n).astype(np.int32)
        self.number_index = np.zeros(n, np.int32)
        self.number_index[rng.random(n) < 0.2] = -1
        self.numbers = rng.normal(size=n).astype(np.float32)
        self.items = rng.integers(0, N_ITEMS, n).astype(np.int32)
        held = rng.random((N_ITEMS, BLOCK_COLUMNS)) < 0.4
        sizes = held[:, 4:8].sum(1, keepdims=True)
        self.attributes = np.where(held, 1.0, 0.0)
        self.attributes[:, 4:8] /= np.sqrt(np.maximum(sizes, 1))  # a normalised set
        self.attributes[:, 8:10] *= rng.normal(size=(N_ITEMS, 2))  # numbers
        self.attributes = self.attributes.astype(np.float32)
        self.n_columns = N_USERS + 1 + BLOCK_COLUMNS
        self.matrix = np.zeros((n, self.n_columns), np.float32)
        present = np.flatnonzero(self.users >= 0)
        self.matrix[present, self.users[present]] = 1
        self.matrix[:, N_USERS] = np.where(self.number_index < 0, 0, self.numbers)
        self.matrix[:, N_USERS + 1 :] = self.attributes[self.items]
        self.block_priors = np.repeat([2, 3], BLOCK_COLUMNS // 2).astype(np.int32)
        self.terms = [
            TwinTerm(0, N_USERS, False, [0] * N_USERS),
            TwinTerm(N_USERS, 1, False, [1]),
            TwinTerm(N_USERS + 1, BLOCK_COLUMNS, True, self.block_priors.tolist()),
        ]
        self.labels = rng.normal(size=n)
        self.weights = rng.uniform(0.2, 3, n).astype(np.float32) if weighted else None

    def rows(self, n_factors, *, block="block", n_threads=1, stored_sums=False):
        roots = None if self.weights is None else np.sqrt(self.weights)
        rows = joined_rows(
            len(self.labels), n_factors, root_weights=roots, n_threads=n_threads, stored_sums=stored_sums
        )
        rows.add_field(self.users, None, N_USERS, 0, 0)
        rows.add_field(self.number_index, self.numbers, 1, N_USERS, 1)
        attributes, index = self.attributes, self.items
        if block == "joined":
            attributes, index = attributes[self.items], np.arange(len(self.items), dtype=np.int32)
        column, group = np.nonzero(attributes.T)
        starts = np.concatenate(([0], np.cumsum(np.bincount(column, minlength=BLOCK_COLUMNS)))).astype(
            np.int64
        )
        values = attributes.T[column, group]
        rows.add_block(
            index, len(attributes), starts, group.astype(np.int32), values, N_USERS + 1, self.block_priors
        )
        return rows

    def parameters(self, n_factors, seed=1):
        rng = np.random.default_rng(seed)
        linear = rng.normal(0, 0.3, self.n_columns).astype(np.float32)
        factors = np.zeros((self.n_columns, gibbs_stride(n_factors)), np.float32)
        factors[:, :n_factors] = rng.normal(0, 0.3, (self.n_columns, n_factors))
        return linear, factors

    def priors(self, n_factors, seed=2):
        rng, shape = np.random.default_rng(seed), (4, gibbs_stride(n_factors))
        return TwinPriors(
            rng.normal(0, 0.1, shape).astype(np.float32), rng.uniform(1, 5, shape).astype(np.float32),
            rng.normal(0, 0.1, 4).astype(np.float32), rng.uniform(1, 5, 4).astype(np.float32),
        )  # fmt: skip


def swept(data, n_factors, n_sweeps, *, draws, **how):
    rows, (linear, factors), priors = (
        data.rows(n_factors, **how),
        data.parameters(n_factors),
        data.priors(n_factors),
    )
    scores = np.empty(len(data.labels))
    rows.scores(linear, factors, scores)
    residuals = (scores - data.labels).astype(np.float32)
    for sweep in range(n_sweeps):
        rows.sweep(
            residuals, linear, factors, priors.means, priors.precisions, priors.linear_means,
            priors.linear_precisions, 1.7, draws, sweep,
        )  # fmt: skip
    return rows, linear, factors, residuals


@pytest.mark.parametrize("level", available_levels())
@pytest.mark.parametrize("n_factors", [1, 3, 4, 7, 10, 16, 18])
@pytest.mark.parametrize("stored_sums", [False, True])
def test_sweeps_as_the_twin(monkeypatch, level, n_factors, stored_sums):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    data, n_sweeps = Data(), 2
    rows, linear, factors, residuals = swept(data, n_factors, n_sweeps, draws=True, stored_sums=stored_sums)
    first_linear, first_factors = data.parameters(n_factors)
    twin = GibbsTwin(data.matrix, data.terms, first_linear, first_factors[:, :n_factors])
    for sweep in range(n_sweeps):
        twin.sweep(data.labels, data.priors(n_factors), 1.7, sweep, draws=True, chunks_first=stored_sums)
    np.testing.assert_allclose(linear, twin.linear, atol=1e-4)
    np.testing.assert_allclose(factors[:, :n_factors], twin.factors, atol=1e-4)
    assert not factors[:, n_factors:].any()
    np.testing.assert_allclose(residuals, twin.scores() - data.labels, atol=1e-4)
    scores = np.empty(len(data.labels))
    rows.scores(linear, factors, scores)
    np.testing.assert_allclose(residuals, scores - data.labels, atol=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("stored_sums", [False, True])
def test_groups_beyond_a_tile_and_weights(weighted, stored_sums):
    data = Data(weighted=weighted, frequent=True)
    _, linear, factors, residuals = swept(data, 5, 1, draws=False, stored_sums=stored_sums)
    first_linear, first_factors = data.parameters(5)
    twin = GibbsTwin(data.matrix, data.terms, first_linear, first_factors[:, :5], data.weights)
    twin.sweep(data.labels, data.priors(5), 1.7, 0, draws=False)
    np.testing.assert_allclose(linear, twin.linear, atol=1e-4)
    np.testing.assert_allclose(factors[:, :5], twin.factors, atol=1e-4)
    np.testing.assert_allclose(residuals, twin.scores() - data.labels, atol=1e-4)


@pytest.mark.parametrize("stored_sums", [False, True])
def test_a_block_is_the_rows_it_stands_for(stored_sums):
    data = Data()
    _, linear, factors, residuals = swept(data, 6, 5, draws=True, stored_sums=stored_sums)
    _, linear2, factors2, residuals2 = swept(data, 6, 5, draws=True, block="joined", stored_sums=stored_sums)
    np.testing.assert_allclose(linear, linear2, atol=2e-5)
    np.testing.assert_allclose(factors, factors2, atol=2e-5)
    np.testing.assert_allclose(residuals, residuals2, atol=2e-5)


def test_any_number_of_threads_gives_the_same_bits():
    data = Data(frequent=True)
    one, four = (swept(data, 8, 3, draws=True, n_threads=n)[1:] for n in (1, 4))
    for a, b in zip(one, four, strict=True):
        np.testing.assert_array_equal(a, b)


def test_every_sweep_of_coordinate_descent_lowers_the_objective():
    data = Data(seed=3)
    priors = data.priors(6)

    def objective(n_sweeps):
        _, linear, factors, residuals = swept(data, 6, n_sweeps, draws=False)
        prior_of = np.concatenate([np.full(t.n, 0) if not t.is_block else t.priors for t in data.terms])
        prior_of[N_USERS] = 1
        prior_of = prior_of.astype(int)
        shrunk = (priors.precisions[prior_of, :6] * (factors[:, :6] - priors.means[prior_of, :6]) ** 2).sum()
        shrunk += (priors.linear_precisions[prior_of] * (linear - priors.linear_means[prior_of]) ** 2).sum()
        return 1.7 * np.square(residuals.astype(np.float64)).sum() + shrunk

    values = [objective(n) for n in range(8)]
    assert all(after < before for before, after in itertools.pairwise(values)), values


@pytest.mark.parametrize("level", available_levels())
def test_normal_numbers(monkeypatch, level):
    monkeypatch.setenv("PAIRLOOM_CPU", level)
    numbers = np.concatenate(
        [column_normals(key, column, 0, 500) for key in range(20) for column in range(20)]
    )
    n = len(numbers)
    assert abs(numbers.mean()) < 4 / np.sqrt(n)
    assert abs(np.square(numbers).mean() - 1) < 4 * np.sqrt(2 / n)
    for limit, share in ((1.0, 0.317311), (2.0, 0.0455003), (3.0, 0.0026998), (4.0, 6.334e-5)):
        assert abs((np.abs(numbers) > limit).mean() - share) < 4 * np.sqrt(share / n)
    assert np.corrcoef(numbers[:-1], numbers[1:])[0, 1] < 4 / np.sqrt(n)
    np.testing.assert_array_equal(column_normals(5, 6, 3, 4), column_normals(5, 6, 0, 7)[3:])
