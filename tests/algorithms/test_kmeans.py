"""K-means: its parts against plain loops, its state as a sketch, its model on disk, its quality on real data."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.kmeans import KMeans, sketch
from pairloom.algorithms.kmeans.finalize import LocalLloyd, finalize, sampled_loss
from pairloom.algorithms.kmeans.lloyd import lloyd, seeds
from pairloom.algorithms.kmeans.model import KMeansModel
from pairloom.algorithms.kmeans.nearest import Nearest, sums_by_label
from pairloom.algorithms.kmeans.training import load_state, save_state
from pairloom.algorithms.report import BatchMeasured, ChannelScored, EpochEnded, StopTraining, TrainingEnded
from pairloom.errors import DataError, UserError
from pairloom.formats.matrices import rows_of_dense
from pairloom.rows import RowBatch
from pairloom.testing.cases import batched
from pairloom.testing.cases.kmeans import planted_clusters


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with blas_threads(1):
        yield


def loss_of(centers, matrix):
    differences = matrix[:, None, :].astype(np.float64) - centers[None]
    return float((differences**2).sum(axis=2).min(axis=1).mean())


def streamed(rows, *, first_row=0, cut=500, state=None, **more):
    asked = {"n_centers": 24, "most_sampled": 1000, "seed": 3} | more
    state = state or sketch.init(rows.n_features, first_row=first_row, **asked)
    for start in range(0, rows.n_rows, cut):
        state = sketch.update(state, rows.part(start, min(start + cut, rows.n_rows)))
    return state


matrices = st.builds(
    lambda n, d, k, seed, scale, offset: (
        (np.random.default_rng(seed).normal(size=(n, d)) * scale + offset).astype(np.float32),
        (np.random.default_rng(seed + 1).normal(size=(k, d)) * scale + offset).astype(np.float32),
    ),
    st.integers(1, 40), st.integers(1, 20), st.integers(1, 9), st.integers(0, 99),
    st.sampled_from([1e-12, 1e-3, 1.0, 1e5, 1e20, 1e37]), st.sampled_from([0.0, 1.0, 1e4]),
)  # fmt: skip


@given(matrices)
def test_answers_are_those_of_differences(pair):
    rows, centers = pair
    squared = ((rows[:, None, :].astype(np.float64) - centers[None]) ** 2).sum(axis=2)
    labels, distances = Nearest(centers).answer(rows)
    np.testing.assert_array_equal(labels, squared.argmin(axis=1))
    np.testing.assert_allclose(distances, np.minimum(np.sqrt(squared.min(axis=1)), 3.4e38), rtol=1e-5)
    found, roughly = Nearest(centers).assign(rows)
    assert np.isfinite(roughly).all()
    chosen = np.take_along_axis(squared, found[:, None], axis=1)[:, 0]
    size = np.maximum(squared.max(axis=1), np.float64(rows.max()) ** 2 * 1e-6)
    assert (chosen - squared.min(axis=1) <= 1e-3 * size).all()


def test_equally_near_centres_are_answered_by_the_first():
    centers = np.array([[1, 0], [-1, 0], [0, 1], [0, 1]], np.float32)
    labels, distances = Nearest(centers).answer(np.array([[0, 0], [0, 2], [0, 1]], np.float32))
    assert labels.tolist() == [0, 2, 2]
    assert distances.tolist() == [1, 1, 0]


@pytest.mark.parametrize("n_labels", [3, 100])
def test_sums_by_label(n_labels):
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(size=(700, 5)).astype(np.float32), rng.integers(0, n_labels - 1, 700)
    weights = rng.random(700)
    sums, totals = sums_by_label(rows, labels, n_labels, weights)
    for label in range(n_labels):
        own = labels == label
        np.testing.assert_allclose(sums[label], weights[own] @ rows[own], atol=1e-4)
        assert totals[label] == pytest.approx(weights[own].sum())


def test_lloyd_finds_planted_centres_and_moves_an_empty_one():
    rows, clusters = planted_clusters(600, 4, 6, 5)
    matrix = rows.values.reshape(600, 6)
    true = np.stack([matrix[clusters == c].mean(axis=0) for c in range(4)])
    begin = np.concatenate([true[:3] + 0.2, np.full((1, 6), 1e3)])
    centers, _ = lloyd(matrix, begin, max_iter=50, tol=0.0)
    np.testing.assert_allclose(centers, true, atol=1e-4)


@pytest.mark.parametrize("method", ["random", "kmeans++"])
def test_seeds_are_different_points(method):
    matrix = np.repeat(np.arange(5, dtype=np.float32), 4)[:, None]
    chosen = seeds(matrix, 12, method, np.random.default_rng(0))
    assert len(set(chosen.tolist())) == 12
    if method == "kmeans++":
        assert set(matrix[chosen[:5], 0]) == {0, 1, 2, 3, 4}


def test_merging_is_associative_to_the_bit():
    parts = [streamed(planted_clusters(700, 6, 12, seed)[0], stream=seed) for seed in range(3)]
    one = sketch.merge(sketch.merge(parts[0], parts[1]), parts[2])
    other = sketch.merge(parts[0], sketch.merge(parts[1], parts[2]))
    assert one.keys() == other.keys()
    order = {name: [np.argsort(state["keys"]) for state in (one, other)] for name in ("sample", "keys")}
    for name, array in one.items():
        first, second = (
            (array[order[name][0]], other[name][order[name][1]]) if name in order else (array, other[name])
        )
        np.testing.assert_array_equal(first, second, err_msg=name)
    centers = [finalize(state, LocalLloyd(6)) for state in (one, other)]
    np.testing.assert_array_equal(*centers)


@pytest.mark.parametrize("cut", [100, 1300, 2999])
def test_parts_merged_come_to_what_one_pass_does(cut):
    rows, _ = planted_clusters(3000, 6, 12, 9)
    whole = streamed(rows)
    merged = sketch.merge(streamed(rows.part(0, cut)), streamed(rows.part(cut, 3000), first_row=cut))
    assert merged["n_rows"] == whole["n_rows"]
    held = np.isfinite(whole["keys"])
    np.testing.assert_array_equal(np.sort(merged["keys"]), np.sort(whole["keys"][held]))
    assert merged["weights"].sum() == whole["weights"].sum() == 3000
    matrix = rows.values.reshape(3000, 12)
    losses = [loss_of(finalize(state, LocalLloyd(6)), matrix) for state in (whole, merged)]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)


def test_a_merged_state_goes_on():
    rows, _ = planted_clusters(3000, 6, 12, 9)
    merged = sketch.merge(streamed(rows.part(0, 1000)), streamed(rows.part(1000, 2000), first_row=1000))
    assert len(merged["centers"]) == 48
    gone_on = streamed(rows.part(2000, 3000), state=merged)
    assert len(gone_on["centers"]) == 24
    assert gone_on["weights"].sum() == pytest.approx(3000)
    matrix = rows.values.reshape(3000, 12)
    assert loss_of(finalize(gone_on, LocalLloyd(6)), matrix) < 1.1 * 12 * 0.3**2


def test_a_later_pass_adds_up_exactly():
    rows, _ = planted_clusters(2000, 6, 12, 9)
    rows = replace(rows, values=np.round(rows.values * 8) / 8)
    base = streamed(rows)
    begun = sketch.begin_pass(base, np.round(finalize(base, LocalLloyd(6)) * 8) / 8)
    whole = streamed(rows, state=begun)
    halves = sketch.merge(
        streamed(rows.part(0, 900), state=begun), streamed(rows.part(900, 2000), state=begun)
    )
    np.testing.assert_array_equal(sketch.end_pass(halves), sketch.end_pass(whole))
    assert halves["n_rows"] == whole["n_rows"] == 2000


def test_several_numbers_of_clusters_from_one_state():
    rows, _ = planted_clusters(3000, 6, 12, 9)
    state = streamed(rows)
    losses = [sampled_loss(state, finalize(state, LocalLloyd(k))) for k in (2, 4, 6, 12)]
    assert losses == sorted(losses, reverse=True)
    assert losses[2] < 1.1 * 12 * 0.3**2 < losses[1]


def test_rows_that_come_sorted_are_no_worse():
    rows, clusters = planted_clusters(6000, 6, 12, 9)
    order = np.argsort(clusters, kind="stable")
    matrix = rows.values.reshape(-1, 12)[order]
    model = KMeans({"k": "6", "mini_batch_size": "100"}).fit(
        {"train": batched(rows_of_dense(matrix, name="X"))}
    )
    assert loss_of(model.centers, matrix) < 1.05 * 12 * 0.3**2


def test_a_half_life_forgets():
    old, new = (np.full((4000, 1), value, np.float32) for value in (-1.0, 1.0))
    noise = np.random.default_rng(0).normal(size=(8000, 1)).astype(np.float32) * 0.01
    rows = rows_of_dense(np.concatenate([old, new]) + noise, name="X")
    for half_life, mean in (("0", 0.0), ("200", 1.0)):
        asked = {
            "k": "1",
            "mini_batch_size": "100",
            "half_life_time_size": half_life,
            "extra_center_factor": "1",
        }
        model = KMeans(asked).fit({"train": batched(rows)})
        assert model.centers[0, 0] == pytest.approx(mean, abs=0.05)


def test_fewer_rows_than_clusters_are_refused():
    rows, _ = planted_clusters(5, 2, 3, 0)
    with pytest.raises(DataError, match=r"Channel 'train': expected at least k = 6 rows. Got 5. Lower 'k'"):
        KMeans({"k": "6"}).fit({"train": batched(rows)})


def test_equal_rows_are_no_trouble():
    rows = rows_of_dense(np.full((300, 3), 7, np.float32), name="X")
    model = KMeans({"k": "4", "epochs": "3"}).fit({"train": batched(rows)})
    assert model.predict(rows)["distance_to_cluster"].max() == 0


def test_width_is_inferred_and_grows():
    narrow, wide = rows_of_dense(np.ones((30, 2), np.float32), name="X"), planted_clusters(200, 3, 5, 0)[0]
    model = KMeans({"k": "4", "mini_batch_size": "30"}).fit({"train": lambda: iter([narrow, wide])})
    assert model.n_features == 5
    assert loss_of(model.centers, wide.values.reshape(-1, 5)) < 1.3 * 5 * 0.3**2


def test_wide_rows_say_what_they_would_take():
    rows = RowBatch(np.array([0, 1]), np.array([5_000_000], np.int32), None, 10_000_000)
    with pytest.raises(UserError, match=r"80 centres of 10,000,000 features must fit into .* 4,096 MB"):
        KMeans({"k": "20"}).fit({"train": batched(rows)})


def test_wide_sparse_rows_that_fit_are_learned():
    indices = np.sort(np.random.default_rng(0).integers(0, 50_000, (60, 5)), axis=1).astype(np.int32)
    indices[:, 0] = np.arange(60) % 2 * 100
    values = np.tile(np.array([50, 1, 1, 1, 1], np.float32), 60)
    rows = RowBatch(np.arange(0, 301, 5), indices.reshape(-1), values, 50_000)
    closest = KMeans({"k": "2"}).fit({"train": batched(rows)}).predict(rows)["closest_cluster"]
    assert (closest == (np.arange(60) % 2 == 1)).all() or (closest == (np.arange(60) % 2 == 0)).all()


@pytest.mark.parametrize("text", ["msd", "[]", '["rmse"]', '{"msd":1}', "[[1]]", "[" * 5000])
def test_metrics_that_cannot_be_read_are_refused(text):
    with pytest.raises(UserError, match="'eval_metrics' must be a JSON list"):
        KMeans({"k": "2", "eval_metrics": text})


def test_both_metrics_are_reported():
    rows, _ = planted_clusters(900, 3, 5, 0)
    events = []
    KMeans({"k": "3", "epochs": "2", "eval_metrics": '["ssd", "msd"]'}).fit(
        {"train": batched(rows), "test": batched(rows)}, report=events.append
    )
    passes = [event.metrics for event in events if isinstance(event, EpochEnded)]
    final = next(event.metrics for event in events if isinstance(event, TrainingEnded))
    tested = next(event.metrics for event in events if isinstance(event, ChannelScored))
    for metrics in (*passes, final, tested):
        assert metrics["ssd"] == pytest.approx(900 * metrics["msd"])
    assert final["msd"] == pytest.approx(tested["msd"], rel=1e-4)
    assert passes[1]["msd"] >= final["msd"] * (1 - 1e-5)


def test_later_passes_lower_the_loss():
    rng = np.random.default_rng(0)
    rows = rows_of_dense(rng.normal(size=(4000, 6)).astype(np.float32), name="X")
    losses = []
    for epochs in (1, 2, 6):
        asked = {"k": "30", "epochs": str(epochs), "pairloom_sample_rows_per_center": "0"}
        losses.append(
            loss_of(KMeans(asked).fit({"train": batched(rows)}).centers, rows.values.reshape(-1, 6))
        )
    assert losses[0] > 1.001 * losses[1] > 1.001 * losses[2]


def test_a_stop_within_a_pass_is_heard(monkeypatch):
    monkeypatch.setattr("pairloom.algorithms.families.sketches.passes.SECONDS_BETWEEN_REPORTS", 0.0)
    rows, _ = planted_clusters(3000, 4, 5, 0)
    read = []

    def source():
        for batch in batched(rows, 100)():
            read.append(batch.n_rows)
            yield batch

    def stop(event):
        assert isinstance(event, BatchMeasured | TrainingEnded)
        if isinstance(event, BatchMeasured):
            raise StopTraining

    model = KMeans({"k": "250", "mini_batch_size": "100"}).fit({"train": source}, report=stop)
    assert sum(read) == 300  # as many as it takes to have 250 centres
    assert np.isfinite(model.centers).all()


def test_a_state_survives_on_disk_and_broken_ones_are_refused(tmp_path):
    state = streamed(planted_clusters(900, 3, 5, 0)[0]) | {"passes": np.ones(1, np.int64)}
    save_state(state, tmp_path)
    again = load_state(tmp_path)
    assert state.keys() == again.keys()
    assert all(np.array_equal(array, again[name]) for name, array in state.items())
    save_state(state | {"weights": np.ones(3)}, tmp_path)
    with pytest.raises(DataError, match="fit one another"):
        load_state(tmp_path)


@pytest.mark.parametrize(
    "centers",
    [np.zeros((0, 3), np.float32), np.full((2, 2), np.nan, np.float32), np.full((2, 2), np.inf, np.float32),
     np.zeros(4, np.float32), np.zeros((2, 2))],
)  # fmt: skip
def test_models_that_could_not_have_been_learned_are_refused(tmp_path, centers):
    KMeansModel(centers).save(tmp_path)
    with pytest.raises(DataError, match="centers"):
        KMeansModel.load(tmp_path)


@pytest.mark.parametrize("about", ["[]", "{}", '{"format": "pairloom-fm", "version": 1}', "[" * 99999,
                                   '{"format": "pairloom-kmeans", "version": 2}'])  # fmt: skip
def test_metadata_of_something_else_is_refused(tmp_path, about):
    KMeansModel(np.zeros((2, 2), np.float32)).save(tmp_path)
    (tmp_path / "model.json").write_text(about)
    with pytest.raises(DataError, match=r"model\.json"):
        KMeansModel.load(tmp_path)


def test_what_was_asked_is_kept_with_the_model(tmp_path):
    rows, _ = planted_clusters(100, 3, 5, 0)
    KMeans({"k": "3"}).fit({"train": batched(rows)}).save(tmp_path)
    assert json.loads((tmp_path / "model.json").read_text())["hyperparameters"]["k"] == "3"


asked_of = st.fixed_dictionaries(
    {"k": st.integers(1, 30)},
    optional={
        "epochs": st.integers(1, 3),
        "extra_center_factor": st.sampled_from(["auto", 1, 3, 10]),
        "half_life_time_size": st.sampled_from([0, 1, 50]),
        "init_method": st.sampled_from(["random", "kmeans++"]),
        "local_lloyd_init_method": st.sampled_from(["random", "kmeans++"]),
        "local_lloyd_max_iter": st.sampled_from([1, 300]),
        "local_lloyd_num_trials": st.sampled_from(["auto", 1]),
        "local_lloyd_tol": st.sampled_from([0.0, 1.0]),
        "mini_batch_size": st.sampled_from([1, 7, 5000]),
        "pairloom_sample_rows_per_center": st.sampled_from([0, 512]),
    },
)


@settings(max_examples=60)
@given(asked=asked_of, seed=st.integers(0, 99), scale=st.sampled_from([0.0, 1e-30, 1.0, 1e30, 3e37]))
def test_any_configuration_gives_finite_centres(asked, seed, scale):
    matrix = (np.random.default_rng(seed).normal(size=(40, 3)) * scale).astype(np.float32)
    rows = rows_of_dense(matrix, name="X")
    model = KMeans({name: str(value) for name, value in asked.items()}).fit(
        {"train": lambda: iter([rows]), "test": lambda: iter([rows])}
    )
    assert model.centers.shape[0] == asked["k"]
    assert np.isfinite(model.centers).all()
    assert all(np.isfinite(values).all() for values in model.predict(rows).values())


def test_digits_come_near_the_full_iterations(data_folder):
    from sklearn.cluster import KMeans as FullKMeans
    from threadpoolctl import threadpool_limits

    with gzip.open(data_folder / "mnist-10k" / "t10k-images-idx3-ubyte.gz") as file:
        digits = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)[:4000, ::2, ::2]
    matrix = digits.reshape(len(digits), -1).astype(np.float32) / 255
    with threadpool_limits(1):
        full = FullKMeans(10, n_init=1, random_state=0).fit(matrix).inertia_ / len(matrix)
    rows = rows_of_dense(matrix, name="X")
    for seed in ("0", "1"):
        model = KMeans({"k": "10", "pairloom_random_state": seed}).fit({"train": batched(rows, 1000)})
        assert loss_of(model.centers, matrix) < 1.03 * full
