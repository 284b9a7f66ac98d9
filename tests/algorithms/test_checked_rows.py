import numpy as np
import pytest

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.errors import DataError
from pairloom.rows import RowBatch


def batch(labels=(1, 0, 1), values=None, weights=None, indices=(3, 0, 5, 2)):
    """Rows of one, none and three non-zeros."""
    return RowBatch(
        np.array([0, 1, 1, 4]),
        np.array(indices, np.int32),
        None if values is None else np.array(values, np.float32),
        6,
        labels=None if labels is None else np.array(labels, np.float32),
        weights=None if weights is None else np.array(weights, np.float32),
    )


def read(*batches, **options):
    return list(checked_rows(lambda: iter(batches), "train", **({"binary": False} | options))())


def test_good_rows_pass_through_untouched():
    first, second = batch(), batch(labels=(0, 1, 0), values=(1, 2, 3, 4), weights=(0, 1, 2))
    assert read(first, second, binary=True, feature_dim=6) == [first, second]


def test_each_call_opens_a_new_pass():
    source = checked_rows(lambda: iter([batch()]), "train", binary=True)
    assert [len(list(source())), len(list(source()))] == [1, 1]


@pytest.mark.parametrize(
    ("bad", "options", "message"),
    [
        (batch(labels=None), {}, "row 4: expected a label in every row. Got rows without labels. Say which"),
        (batch(labels=(1, np.nan, 0)), {}, "row 5: expected a finite label. Got nan. Correct the label"),
        (batch(labels=(1, 0, -np.inf)), {}, "row 6: expected a finite label. Got -inf."),
        (
            batch(labels=(1, 0, 3)),
            {"binary": True},
            "row 6: expected a label of 0 or 1 for 'binary_classifier'.",
        ),
        (batch(weights=(1, 1, -1)), {}, "row 6: expected a finite weight >= 0. Got -1.0."),
        (batch(weights=(np.nan, 1, 1)), {}, "row 4: expected a finite weight >= 0. Got nan."),
        (batch(values=(np.inf, 1, 1, 1)), {}, "row 4: expected a finite value in column 3. Got inf."),
        (batch(values=(1, np.nan, 1, 1)), {}, "row 6: expected a finite value in column 0. Got nan."),
        (
            batch(indices=(3, 0, 7, 2)),
            {"feature_dim": 6},
            "row 6: expected a column index in [0, 5]. Got 7. Raise",
        ),
        (batch(indices=(-1, 0, 5, 2)), {}, "row 4: expected a column index >= 0. Got -1."),
    ],
)
def test_bad_rows_are_named_counting_from_the_first_batch(bad, options, message):
    with pytest.raises(DataError) as caught:
        read(batch(), bad, **options)
    assert str(caught.value).startswith(f"Channel 'train', {message}")


@pytest.mark.parametrize("batches", [(), (RowBatch(np.zeros(1, np.int64), np.zeros(0, np.int32), None, 6),)])
def test_no_rows_are_refused(batches):
    with pytest.raises(DataError, match="Channel 'train': expected at least one row"):
        read(*batches)
