"""What rows are refused, and which odd ones are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pairloom.rows import RowBatch
from pairloom.testing.cases import Case, batched
from pairloom.testing.contract_suite.outcomes import refused

__all__ = [
    "check_a_bad_label_is_named_with_its_row",
    "check_a_bad_value_is_named_with_its_row",
    "check_a_channel_without_rows_is_refused",
    "check_an_empty_row_is_scored",
    "check_ones_and_no_values_are_the_same",
    "check_repeated_indices_add_up",
    "check_rows_without_labels_are_refused",
]


def check_a_channel_without_rows_is_refused(case: Case) -> None:
    """No row to train on is an error that names the channel."""
    empty = case.train.part(0, 0)
    for source in (batched(empty), lambda: iter([empty]), lambda: iter(())):
        assert "channel 'train'" in refused(lambda source=source: case.make().fit({"train": source}))


def check_rows_without_labels_are_refused(case: Case) -> None:
    """A supervised algorithm says which channel has no labels."""
    rows = replace(case.train, labels=None)
    message = refused(lambda: case.make().fit({"train": batched(rows)}))
    assert "channel 'train'" in message
    assert "label" in message


def check_a_bad_label_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the labels are refused, with channel and row."""
    assert case.train.labels is not None
    for bad in (np.nan, np.inf):
        labels = case.train.labels.copy()
        labels[777] = bad
        message = refused(
            lambda labels=labels: case.make().fit({"train": batched(replace(case.train, labels=labels))})
        )
        assert "channel 'train'" in message
        assert "row 778" in message


def check_a_bad_value_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the values are refused, with channel and row."""
    for bad in (np.nan, np.inf):
        values = np.ones(len(case.train.indices), np.float32)
        values[case.train.indptr[777]] = bad
        message = refused(
            lambda values=values: case.make().fit({"train": batched(replace(case.train, values=values))})
        )
        assert "channel 'train'" in message
        assert "row 778" in message


def check_ones_and_no_values_are_the_same(case: Case) -> None:
    """Rows that say nothing of their values hold ones."""
    ones = replace(case.train, values=np.ones(len(case.train.indices), np.float32))
    assert case.train.values is None
    models = [case.make(epochs="2").fit({"train": batched(rows)}) for rows in (case.train, ones)]
    answers = [model.predict(case.test)["score"] for model in models]
    np.testing.assert_allclose(answers[0], answers[1], rtol=1e-4, atol=1e-5)


def check_an_empty_row_is_scored(case: Case) -> None:
    """A row without non-zeros has an answer, in training too."""
    empty = RowBatch(
        np.zeros(3, np.int64), np.zeros(0, np.int32), None, case.train.n_features,
        labels=np.array([0, 1], np.float32),
    )  # fmt: skip
    model = case.make(epochs="1").fit({"train": lambda: iter([case.train, empty])})
    assert np.isfinite(model.predict(empty)["score"]).all()


def check_repeated_indices_add_up(case: Case) -> None:
    """A column given twice in a row counts as one with the sum of its values."""
    model = case.fit(epochs="2")
    twice = RowBatch(np.array([0, 3]), np.array([1, 1, 4], np.int32), None, model.n_features)
    once = RowBatch(
        np.array([0, 2]), np.array([1, 4], np.int32), np.array([2, 1], np.float32), model.n_features
    )
    np.testing.assert_allclose(model.predict(twice)["score"], model.predict(once)["score"], rtol=1e-5)
