"""Sketches over several hosts: every host returns the same model, as good as that of one host with all rows."""

import numpy as np
import pytest

from local_processes import run_hosts
from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.report import EpochEnded, StopTraining
from pairloom.testing.cases import batched
from pairloom.testing.cases.kmeans import planted_clusters

N_ROWS, N_FEATURES, N_CLUSTERS = 3000, 12, 6


def part_of(rank, size):
    rows, _ = planted_clusters(N_ROWS, N_CLUSTERS, N_FEATURES, 3)
    borders = np.linspace(0, N_ROWS, size + 1).astype(int)
    borders[1:-1] -= 137  # parts of different length
    return rows.part(borders[rank], borders[rank + 1])


def train_kmeans(collective, epochs, stop_on=None):
    told = []

    def listen(event):
        told.append(event)
        if isinstance(event, EpochEnded) and (collective.rank, event.epoch) == stop_on:
            raise StopTraining

    asked = {"k": str(N_CLUSTERS), "mini_batch_size": "250", "epochs": str(epochs)}
    channels = {"train": batched(part_of(collective.rank, collective.size))}
    model = algorithm("kmeans")(asked).fit(channels, collective=collective, report=listen)
    return model.centers, [event.n_rows for event in told if isinstance(event, EpochEnded)]


@pytest.mark.parametrize("epochs", [1, 3])
def test_kmeans_on_three_hosts(epochs):
    answers = run_hosts(3, train_kmeans, epochs)
    centers = answers[0][0]
    for other, _ in answers[1:]:
        np.testing.assert_array_equal(centers, other)
    assert [len(n_rows) for _, n_rows in answers] == [epochs] * 3
    assert sum(n_rows[0] for _, n_rows in answers) == N_ROWS
    matrix = part_of(0, 1).values.reshape(N_ROWS, N_FEATURES)
    loss = ((matrix[:, None] - centers) ** 2).sum(axis=2).min(axis=1).mean()
    assert loss < 1.02 * N_FEATURES * 0.3**2


def test_a_stop_on_one_host_stops_all():
    answers = run_hosts(2, train_kmeans, 9, (1, 1))
    assert [len(n_rows) for _, n_rows in answers] == [2, 2]
    np.testing.assert_array_equal(answers[0][0], answers[1][0])


def train_pca(collective, mode):
    asked = {"num_components": "4", "algorithm_mode": mode, "extra_components": "3"}
    channels = {"train": batched(part_of(collective.rank, collective.size), 250)}
    model = algorithm("pca")(asked).fit(channels, collective=collective)
    return model.mean, model.v, model.s


@pytest.mark.parametrize("mode", ["regular", "randomized"])
def test_pca_on_two_hosts(mode):
    mine, theirs = run_hosts(2, train_pca, mode)
    for first, second in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(first, second)
    alone = algorithm("pca")({"num_components": "4"}).fit({"train": batched(part_of(0, 1))})
    np.testing.assert_allclose(mine[0], alone.mean, atol=1e-5)
    np.testing.assert_allclose(mine[2], alone.s, rtol=1e-5 if mode == "regular" else 0.02)
