import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.terms import score_terms
from pairloom.rows import RowBatch

ENTRIES = st.lists(st.tuples(st.integers(0, 11), st.floats(-4, 4, width=32)), max_size=8)


def model_of(n_factors: int = 5) -> FactorizationMachine:
    rng = np.random.default_rng(n_factors)
    return FactorizationMachine.from_arrays(
        "regression", 0.7, rng.normal(size=9).astype(np.float32),
        rng.normal(size=(9, n_factors)).astype(np.float32),
    )  # fmt: skip


def rows_of(entries, *, values: bool = True) -> RowBatch:
    return RowBatch(
        np.array([0, len(entries)], np.int64), np.array([i for i, _ in entries], np.int32),
        np.array([x for _, x in entries], np.float32) if values else None, 12,
    )  # fmt: skip


@given(ENTRIES, st.booleans(), st.sampled_from([1, 5, 17]))
def test_terms_sum_to_the_score(entries, values, n_factors):
    """Repeated features add up; those beyond the model (9, 10, 11) add nothing."""
    model, rows = model_of(n_factors), rows_of(entries, values=values)
    terms = score_terms(model, rows)
    assert terms.score == pytest.approx(float(model.score(rows)[0]), rel=1e-3, abs=1e-2)
    assert list(terms.features) == sorted({i for i, _ in entries if i < 9})
    n = len(terms.features)
    assert terms.pairs.shape == (n * (n - 1) // 2, 2)


def test_known_terms():
    model = FactorizationMachine.from_arrays(
        "regression", 1.0, np.array([2, 3, 5], np.float32), np.array([[1, 0], [2, 1], [0, 3]], np.float32)
    )
    terms = score_terms(model, rows_of([(2, 1.0), (0, 2.0), (1, -1.0)]))
    assert terms.bias == 1
    assert terms.features.tolist() == [0, 1, 2]
    assert terms.linear.tolist() == [4, -3, 5]
    assert terms.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert terms.interactions.tolist() == [-4, 0, -3]
    assert terms.score == 0


def test_a_row_that_is_not_there():
    with pytest.raises(UserError, match=r"'row' must be in \[0, 0\]. Got 1."):
        score_terms(model_of(), rows_of([]), 1)
