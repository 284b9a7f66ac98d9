"""Principal components: against plain decompositions, the state as a sketch, the model on disk, real data."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.pca import PCA, sketch
from pairloom.algorithms.pca.finalize import finalize
from pairloom.algorithms.pca.model import PCAModel
from pairloom.algorithms.pca.nystrom import leading_eigenvectors, low_rank
from pairloom.algorithms.pca.training import load_state, save_state
from pairloom.algorithms.report import ChannelScored, EpochEnded
from pairloom.errors import DataError, UserError
from pairloom.formats.matrices import rows_of_dense
from pairloom.rows import RowBatch
from pairloom.testing.cases import batched


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with blas_threads(1):
        yield


def falling(n_rows, n_features, seed, *, offset=0.0, power=1.0):
    """Rows whose variances fall along random directions, the same for every seed."""
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(n_features, n_features)))
    scales = np.arange(1, n_features + 1.0) ** -power
    noise = np.random.default_rng([1, seed]).normal(size=(n_rows, n_features))
    return (offset + noise * scales @ turn).astype(np.float32)


def rows_of(matrix):
    return rows_of_dense(matrix, name="X")


def state_of(matrix, cut=100, state=None, **asked):
    state = state or sketch.init(matrix.shape[1], **asked)
    for start in range(0, len(matrix), cut):
        state = sketch.update(state, rows_of(matrix[start : start + cut]))
    return state


def kept_share(vectors, matrix):
    """Share of the squares about the mean that lie in the span of some vectors."""
    moved = matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64)
    return np.square(moved @ vectors).sum() / np.square(moved).sum()


@pytest.mark.parametrize("subtract_mean", [True, False])
@pytest.mark.parametrize("offset", [0.0, 30.0])
def test_regular_is_the_singular_value_decomposition(subtract_mean, offset):
    matrix = falling(700, 20, 0, offset=offset)
    exact = matrix.astype(np.float64)
    mean = exact.mean(axis=0) * subtract_mean
    _, singular, right = np.linalg.svd(exact - mean, full_matrices=False)
    asked = {"num_components": "4", "subtract_mean": str(subtract_mean).lower()}
    model = PCA(asked).fit({"train": batched(rows_of(matrix), 130)})
    np.testing.assert_allclose(model.s, singular[:4][::-1], rtol=1e-5)
    np.testing.assert_allclose(np.abs(np.sum(model.v * right[:4][::-1].T, axis=0)), 1, atol=1e-5)
    np.testing.assert_allclose(model.mean, mean, atol=1e-5)
    assert (model.v[np.abs(model.v).argmax(axis=0), range(4)] > 0).all()
    answers = model.predict(rows_of(matrix))["projection"]
    assert answers.shape == (700, 4)
    np.testing.assert_allclose(answers, (exact - mean) @ model.v, atol=1e-3)


def test_what_all_rows_share_does_not_swallow_what_differs():
    matrix = falling(2000, 10, 0) * 0.01 + 1e3
    matrix = matrix.astype(np.float32)
    model = PCA({"num_components": "3"}).fit({"train": batched(rows_of(matrix))})
    _, _, right = np.linalg.svd(
        matrix.astype(np.float64) - matrix.mean(axis=0, dtype=np.float64), full_matrices=False
    )
    assert kept_share(model.v, matrix) == pytest.approx(kept_share(right[:3].T, matrix), rel=1e-4)


@pytest.mark.parametrize("offset", [0.0, 5.0])
def test_randomized_keeps_nearly_as_much(offset):
    matrix = falling(3000, 300, 0, offset=offset, power=0.7)
    best = PCA({"num_components": "10"}).fit({"train": batched(rows_of(matrix), 500)})
    asked = {"num_components": "10", "algorithm_mode": "randomized", "feature_dim": "300"}
    for seed in ("0", "1", "2"):
        found = PCA(asked | {"pairloom_random_state": seed}).fit({"train": batched(rows_of(matrix), 500)})
        assert kept_share(found.v, matrix) > 0.99 * kept_share(best.v, matrix)
        np.testing.assert_allclose(found.v.T @ found.v, np.eye(10), atol=1e-4)
        np.testing.assert_allclose(found.s, best.s, rtol=0.05)


def test_randomized_sees_what_the_first_rows_did_not():
    matrix = falling(4000, 200, 0)
    quiet = np.zeros_like(matrix[:1024])
    quiet[:, -1] = np.random.default_rng(0).normal(size=1024)
    rows = np.concatenate([quiet, matrix])
    found = finalize(state_of(rows, cut=1024, n_columns=30), 3).vectors
    best = finalize(state_of(rows, cut=1024), 3).vectors
    assert kept_share(found, rows) > 0.97 * kept_share(best, rows)


@pytest.mark.parametrize("n_columns", [0, 12])
@settings(max_examples=15)
@given(cuts=st.lists(st.integers(1, 899), min_size=2, max_size=2, unique=True), shared=st.booleans())
def test_merging_is_associative_and_comes_to_one_pass(n_columns, cuts, shared):
    matrix = falling(900, 30, 0, offset=2.0)
    begun = (
        sketch.settle(sketch.init(30, n_columns=n_columns), rows_of(matrix)) if shared or n_columns else None
    )
    first, last = sorted(cuts)
    parts = [
        state_of(part, state=None if begun is None else {name: a.copy() for name, a in begun.items()})
        for part in (matrix[:first], matrix[first:last], matrix[last:])
    ]
    whole = state_of(matrix, state=None if begun is None else {name: a.copy() for name, a in begun.items()})
    one = sketch.merge(sketch.merge(parts[0], parts[1]), parts[2])
    other = sketch.merge(parts[0], sketch.merge(parts[1], parts[2]))
    for state in (one, other):
        assert state["n_rows"] == 900
        found, expected = finalize(state, 5), finalize(whole, 5)
        np.testing.assert_allclose(found.mean, expected.mean, atol=1e-5)
        np.testing.assert_allclose(found.singular_values, expected.singular_values, rtol=1e-4)
        assert found.total == pytest.approx(expected.total, rel=1e-5)
    np.testing.assert_allclose(one["moments"], other["moments"], rtol=1e-5, atol=1e-3)


def test_sketches_of_different_columns_merge_nearly():
    matrix = falling(3000, 100, 0)
    parts = [
        state_of(matrix[half], n_columns=30, seed=seed)
        for seed, half in enumerate((slice(1500), slice(1500, 3000)))
    ]
    merged = finalize(sketch.merge(*parts), 5)
    best = finalize(state_of(matrix), 5)
    assert kept_share(merged.vectors, matrix) > 0.99 * kept_share(best.vectors, matrix)
    mixed = finalize(sketch.merge(state_of(matrix[:1500]), parts[1]), 5)
    assert kept_share(mixed.vectors, matrix) > 0.99 * kept_share(best.vectors, matrix)


def test_more_columns_than_features_are_the_whole_matrix():
    assert state_of(falling(50, 6, 0), n_columns=6)["moments"].shape == (6, 6)


def test_width_is_inferred_and_grows():
    narrow, wide = falling(300, 4, 0), falling(2000, 12, 1)
    for mode in ("regular", "randomized"):
        channels = {"train": lambda: iter([rows_of(narrow), rows_of(wide)])}
        asked = {
            "num_components": "2",
            "algorithm_mode": mode,
            "extra_components": "1",
            "mini_batch_size": "300",
        }
        model = PCA(asked).fit(channels)
        padded = np.concatenate([np.pad(narrow, ((0, 0), (0, 8))), wide])
        best = finalize(state_of(padded), 2).vectors
        assert model.n_features == 12
        assert kept_share(model.v, padded) > 0.8 * kept_share(best, padded)


def test_leading_eigenvectors_of_a_large_matrix():
    matrix = falling(2000, 400, 0, power=0.3).astype(np.float64)
    moments = matrix.T @ matrix
    expected = np.linalg.eigvalsh(moments)[::-1]
    for n_wanted in (1, 12, 40):
        vectors, values = leading_eigenvectors(moments, n_wanted)
        np.testing.assert_allclose(values, expected[:n_wanted], rtol=1e-7)
        np.testing.assert_allclose(vectors.T @ vectors, np.eye(n_wanted), atol=1e-9)
        assert np.abs(moments @ vectors - vectors * values).max() < 1e-6 * expected[0]


@pytest.mark.parametrize("rank", [0, 1, 400])
def test_leading_eigenvectors_of_odd_matrices(rank):
    half = np.random.default_rng(0).normal(size=(400, rank))
    moments = half @ half.T if rank < 400 else np.eye(400)
    vectors, values = leading_eigenvectors(moments, 5)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-8)
    np.testing.assert_allclose(moments @ vectors, vectors * values, atol=1e-5)


def test_a_matrix_of_low_rank_is_found_whole():
    half = np.random.default_rng(0).normal(size=(80, 4))
    basis = np.random.default_rng(1).normal(size=(80, 9)).astype(np.float32)
    vectors, values = low_rank(half @ (half.T @ basis), basis)
    np.testing.assert_allclose(vectors * values @ vectors.T, half @ half.T, atol=1e-3)
    assert (values[4:] < 1e-4).all()


def test_more_components_than_features_are_refused():
    with pytest.raises(
        UserError, match=r"'num_components' must be at most the number of features, 6\. Got 7"
    ):
        PCA({"num_components": "7"}).fit({"train": batched(rows_of(falling(50, 6, 0)))})


def test_wide_rows_are_sent_to_the_other_mode():
    rows = RowBatch(np.array([0, 1]), np.array([5], np.int32), None, 100_000)
    with pytest.raises(
        UserError,
        match=r"100,000 features must fit .* Use 'algorithm_mode' randomized, which needs about 41 MB",
    ):
        PCA({"num_components": "5"}).fit({"train": batched(rows)})
    model = PCA({"num_components": "5", "algorithm_mode": "randomized", "feature_dim": "100000"}).fit(
        {"train": batched(rows)}
    )
    assert model.v.shape == (100_000, 5)
    with pytest.raises(UserError, match="Lower 'num_components'"):
        PCA({"num_components": "5000", "algorithm_mode": "randomized"}).fit({"train": batched(rows)})


def test_metrics_are_told():
    matrix = falling(900, 8, 0)
    events = []
    model = PCA({"num_components": "3"}).fit(
        {"train": batched(rows_of(matrix)), "test": batched(rows_of(matrix))}, report=events.append
    )
    trained = next(event.metrics for event in events if isinstance(event, EpochEnded))
    tested = next(event.metrics for event in events if isinstance(event, ChannelScored))
    assert tested == pytest.approx(dict(trained), rel=1e-4)
    assert tested["explained_variance"] == pytest.approx(kept_share(model.v, matrix), rel=1e-5)


@pytest.mark.parametrize("mode", ["regular", "randomized"])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-12, 1e12, 1e30])
@pytest.mark.parametrize("n_rows", [1, 2, 60])
def test_any_scale_gives_finite_orthonormal_components(mode, scale, n_rows):
    matrix = (falling(n_rows, 9, 0) * scale).astype(np.float32)
    asked = {"num_components": "3", "algorithm_mode": mode, "extra_components": "2"}
    model = PCA(asked).fit({"train": batched(rows_of(matrix)), "test": batched(rows_of(matrix))})
    np.testing.assert_allclose(model.v.T @ model.v, np.eye(3), atol=1e-5)
    assert np.isfinite(model.s).all()
    assert np.isfinite(model.predict(rows_of(matrix))["projection"]).all()


def test_a_state_survives_on_disk_and_broken_ones_are_refused(tmp_path):
    state = state_of(falling(200, 12, 0), n_columns=5)
    save_state(state, tmp_path)
    again = load_state(tmp_path)
    assert all(np.array_equal(array, again[name]) for name, array in state.items())
    save_state(state | {"sums": np.ones(3)}, tmp_path)
    with pytest.raises(DataError, match="fit one another"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    "change",
    [{"mean": np.zeros(3, np.float32)}, {"v": np.full((4, 2), np.inf, np.float32)}, {"s": np.zeros(2)},
     {"v": np.zeros((4, 0), np.float32), "s": np.zeros(0, np.float32)}],
)  # fmt: skip
def test_models_that_could_not_have_been_learned_are_refused(tmp_path, change):
    arrays = {
        "mean": np.zeros(4, np.float32),
        "v": np.zeros((4, 2), np.float32),
        "s": np.zeros(2, np.float32),
    }
    PCAModel(**(arrays | change)).save(tmp_path)
    with pytest.raises(DataError, match="Got"):
        PCAModel.load(tmp_path)


def test_digits_keep_what_scikit_learn_keeps(data_folder):
    from sklearn import decomposition

    with gzip.open(data_folder / "mnist-10k" / "t10k-images-idx3-ubyte.gz") as file:
        digits = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)[:4000, ::2, ::2]
    matrix = digits.reshape(len(digits), -1).astype(np.float32) / 255
    full = decomposition.PCA(20, svd_solver="covariance_eigh").fit(matrix)
    rows = batched(rows_of(matrix), 1000)
    regular = PCA({"num_components": "20"}).fit({"train": rows})
    assert kept_share(regular.v, matrix) == pytest.approx(full.explained_variance_ratio_.sum(), rel=1e-5)
    randomized = PCA({"num_components": "20", "algorithm_mode": "randomized"}).fit({"train": rows})
    assert kept_share(randomized.v, matrix) > 0.989 * full.explained_variance_ratio_.sum()
