"""What rows are refused, and which odd ones are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pairloom.rows import RowBatch
from pairloom.testing.cases import Case, batched
from pairloom.testing.contract_suite.outcomes import assert_close, assert_equal, refused, values_of

__all__ = [
    "check_a_bad_label_is_named_with_its_row",
    "check_a_bad_value_is_named_with_its_row",
    "check_a_channel_without_rows_is_refused",
    "check_an_empty_row_is_scored",
    "check_ones_and_no_values_are_the_same",
    "check_repeated_indices_add_up",
    "check_rows_without_labels_are_refused_if_they_are_needed",
]


def check_a_channel_without_rows_is_refused(case: Case) -> None:
    """No row to train on is an error that names the channel."""
    empty = case.train.part(0, 0)
    for source in (batched(empty), lambda: iter([empty]), lambda: iter(())):
        assert "channel 'train'" in refused(lambda source=source: case.make().fit({"train": source}))


def check_rows_without_labels_are_refused_if_they_are_needed(case: Case) -> None:
    """A supervised algorithm says which channel has no labels; others do not look at labels."""
    bare = {name: batched(replace(rows, labels=None)) for name, rows in case.rows.items()}
    if not case.supervised:
        assert_equal(case.make().fit(bare).predict(case.test), case.fit().predict(case.test))
        return
    message = refused(lambda: case.make().fit(bare))
    assert "channel 'train'" in message
    assert "label" in message


def check_a_bad_label_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the labels are refused, with channel and row; if labels count."""
    for bad in (np.nan, np.inf):
        labels = (
            np.zeros(case.train.n_rows, np.float32) if case.train.labels is None else case.train.labels.copy()
        )
        labels[777] = bad
        rows = replace(case.train, labels=labels)
        if not case.supervised:
            model = case.make().fit({"train": batched(rows)})
            assert_equal(model.predict(case.test), case.fit().predict(case.test))
            continue
        message = refused(lambda rows=rows: case.make().fit({"train": batched(rows)}))
        assert "channel 'train'" in message
        assert "row 778" in message


def check_a_bad_value_is_named_with_its_row(case: Case) -> None:
    """NaN and infinity among the values are refused, with channel and row."""
    for bad in (np.nan, np.inf):
        values = values_of(case.train)
        values[case.train.indptr[777]] = bad
        message = refused(
            lambda values=values: case.make().fit({"train": batched(replace(case.train, values=values))})
        )
        assert "channel 'train'" in message
        assert "row 778" in message


def check_ones_and_no_values_are_the_same(case: Case) -> None:
    """Rows that say nothing of their values hold ones."""
    rows = [
        replace(case.test, values=values) for values in (None, np.ones(len(case.test.indices), np.float32))
    ]
    model = case.fit_short(2)
    assert_close(*(model.predict(batch) for batch in rows))
    if case.train.values is None:
        ones = replace(case.train, values=np.ones(len(case.train.indices), np.float32))
        models = [case.make_short(2).fit({"train": batched(rows)}) for rows in (case.train, ones)]
        assert_close(*(model.predict(case.test) for model in models))


def check_an_empty_row_is_scored(case: Case) -> None:
    """A row without non-zeros has an answer, in training too."""
    empty = RowBatch(
        np.zeros(3, np.int64), np.zeros(0, np.int32), None, case.train.n_features,
        labels=np.array([0, 1], np.float32),
    )  # fmt: skip
    model = case.make_short().fit({"train": lambda: iter([case.train, empty])})
    for values in model.predict(empty).values():
        assert np.isfinite(values).all()


def check_repeated_indices_add_up(case: Case) -> None:
    """A column given twice in a row counts as one with the sum of its values."""
    model = case.fit_short(2)
    twice = RowBatch(np.array([0, 3]), np.array([1, 1, 4], np.int32), None, model.n_features)
    once = RowBatch(
        np.array([0, 2]), np.array([1, 4], np.int32), np.array([2, 1], np.float32), model.n_features
    )
    assert_close(model.predict(twice), model.predict(once))
