import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_np
from scipy import sparse

from pairloom.errors import DataError
from pairloom.formats.frames import table_of_frame
from pairloom.formats.matrices import rows_of_matrix
from pairloom.tables import StringColumn

CELLS = np.array([[0, 2.5, 0], [0, 0, 0], [1, 0, -3]])


def as_matrix(rows):
    values = np.ones(len(rows.indices), np.float32) if rows.values is None else rows.values
    return sparse.csr_matrix((values, rows.indices, rows.indptr), (rows.n_rows, rows.n_features)).toarray()


FORMS = {
    "csr_matrix": sparse.csr_matrix,
    "csr_array": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "coo": sparse.coo_array,
    "lil": sparse.lil_matrix,
    "numpy": np.asarray,
    "fortran": np.asfortranarray,
    "list": lambda cells: cells.tolist(),
    "pandas": lambda cells: pd.DataFrame(cells, columns=["a", "b", "c"]),
    "polars": lambda cells: pl.DataFrame(cells, schema=["a", "b", "c"]),
    "arrow": lambda cells: pa.table({name: cells[:, i] for i, name in enumerate("abc")}),
    "arrow_interface": lambda cells: ArrowOnly(pa.table({name: cells[:, i] for i, name in enumerate("abc")})),
}


class ArrowOnly:
    """Something that offers nothing but the Arrow interface for C."""

    def __init__(self, table):
        self._table = table

    def __arrow_c_stream__(self, requested_schema=None):
        return self._table.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int8, np.int64, np.uint16, np.bool_])
def test_every_form_and_dtype(form, dtype):
    cells = CELLS.astype(dtype)
    rows = rows_of_matrix(FORMS[form](cells), labels=[3, 1, 2], weights=(1, 0, 2))
    np.testing.assert_array_equal(as_matrix(rows), cells.astype(np.float32))
    assert (rows.indptr.dtype, rows.indices.dtype, rows.n_features) == (np.int64, np.int32, 3)
    assert (rows.labels.dtype, rows.labels.tolist(), rows.weights.tolist()) == (
        np.float32,
        [3, 1, 2],
        [1, 0, 2],
    )
    assert (rows.values is None) == (dtype == np.bool_)


def test_csr_is_not_copied():
    matrix = sparse.csr_array(CELLS.astype(np.float32))
    assert matrix.indices.dtype == np.int32
    rows = rows_of_matrix(matrix)
    assert np.shares_memory(rows.indices, matrix.indices)
    assert np.shares_memory(rows.values, matrix.data)
    labels = np.zeros(3, np.float32)
    assert np.shares_memory(rows_of_matrix(matrix, labels).labels, labels)


def test_wide_indices_are_narrowed():
    matrix = sparse.csr_array(CELLS)
    matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
    np.testing.assert_array_equal(as_matrix(rows_of_matrix(matrix)), CELLS.astype(np.float32))


def test_stored_zeros_and_repeated_indices_are_kept():
    matrix = sparse.csr_array((np.array([0.0, 1, 2]), np.array([1, 0, 0]), np.array([0, 3])), (1, 2))
    rows = rows_of_matrix(matrix)
    assert (rows.indices.tolist(), rows.values.tolist()) == ([1, 0, 0], [0, 1, 2])


@given(
    st_np.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(0, 5), st.integers(1, 5)),
        elements=st.sampled_from([0, -0.0, 1, 0.5, -7, 1e-40]),
    )
)
def test_dense_and_sparse_agree(cells):
    dense, from_sparse = rows_of_matrix(cells), rows_of_matrix(sparse.csr_array(cells))
    np.testing.assert_array_equal(as_matrix(dense), cells.astype(np.float32))
    np.testing.assert_array_equal(as_matrix(from_sparse), cells.astype(np.float32))
    assert dense.indptr[-1] == len(dense.indices)


def test_blocks_of_rows_join(monkeypatch):
    monkeypatch.setattr("pairloom.formats.matrices._BLOCK_CELLS", 4)
    np.testing.assert_array_equal(as_matrix(rows_of_matrix(CELLS)), CELLS.astype(np.float32))
    spoilt = CELLS.copy()
    spoilt[2, 1] = np.nan
    with pytest.raises(DataError, match=r"^X, row 3, field 'column 1': expected a finite number.*Got NaN"):
        rows_of_matrix(spoilt)


def broken_csr(**arrays):
    matrix = sparse.csr_array(CELLS)
    for name, array in arrays.items():
        setattr(matrix, name, np.array(array))
    return matrix


class Unruly:
    """A CSR matrix whose arrays nobody has checked."""

    def __init__(self, indptr, indices, data):
        self.indptr, self.indices, self.data, self.shape = map(np.array, (indptr, indices, data, (3, 3)))

    def tocsr(self):
        return self


NAN, INF = float("nan"), float("inf")
BAD_MATRICES = [
    (
        np.array([[1, NAN]]),
        r"^X, row 1, field 'column 1': expected a finite number that fits float32. Got NaN",
    ),
    (np.array([[1, -INF]]), "Got -inf"),
    (np.array([[1e39]]), r"Got 1e\+39"),
    (np.array([[1, NAN]], np.float32), "Got NaN"),
    (
        np.array([[1, "a"]], object),
        r"^X: expected numbers. Got dtype object. Encode ids and categories with FeatureEnc",
    ),
    (np.array([["a"]]), r"expected numbers. Got dtype <U1"),
    (np.array([[1j]]), "Complex data not supported"),
    (np.zeros(3), r"^X: expected 2 dimensions, rows x columns. Got shape \(3,\). Reshape your data"),
    (np.zeros((1, 1, 1)), r"Got shape \(1, 1, 1\)"),
    (3, r"Got shape \(\)"),
    ([[1, 2], [3]], "expected an array with rows of one length"),
    (sparse.coo_array(np.ones(3)), r"Got shape \(3,\)"),
    (broken_csr(data=[1, NAN, 2]), r"^X, row 3, field 'column 0': expected a finite number"),
    (np.array([[0x7FF0000000000001]], np.uint64).view(np.float64), "row 1, field 'column 0'.*Got NaN"),
    (broken_csr(data=[1, 1e300, 2]), r"row 3, field 'column 0'.*Got 1e\+300"),
    (broken_csr(data=np.array([1, 2, None])), "expected numbers. Got dtype object"),
    (broken_csr(indices=[1, 3, 0]), r"^X, row 3: expected a column index in \[0, 3\). Got 3"),
    (broken_csr(indices=[-1, 1, 0]), r"^X, row 1: expected a column index in \[0, 3\). Got -1"),
    (broken_csr(indices=[0, 2**40, 0]), rf"Got {2**40}"),
    (broken_csr(indices=[0.0, 1, 2]), "expected integer indices. Got float64"),
    (broken_csr(indptr=[0, 2, 1, 3]), "expected an indptr that rises from 0"),
    (broken_csr(indptr=[1, 1, 1, 3]), "expected an indptr that rises from 0"),
    (broken_csr(indptr=[0.0, 1.0, 2.0, 3.0]), "expected an indptr of integers. Got float64"),
    (
        Unruly([0, 1, 1, 4], [0, 1, 2], [1, 1, 1]),
        "expected 4 indices and values, as indptr says. Got 3 indices, 3 val",
    ),
    (Unruly([0, 1], [0], [1]), "expected an indptr of 4 offsets. Got 2"),
    (sparse.csr_array((1, 2**32)), "expected at most 2147483648 columns"),
    (
        pd.DataFrame({"a": [1.0], "b": ["x"]}),
        r"^X, field 'b': expected a column of numbers.*Leave it out, or encode",
    ),
    (pd.DataFrame({"a": [1.0, None]}), "^X, row 2, field 'a': expected a finite number. Got a missing value"),
    (pd.DataFrame({"a": [1.0, INF]}), "^X, row 2, field 'a': expected a finite number.*Got inf"),
    (pl.DataFrame({"a": [1, None]}), "^X, row 2, field 'a': expected a finite number. Got a missing value"),
    (pl.DataFrame({"a": [NAN]}), "^X, row 1, field 'a': expected a finite number.*Got NaN"),
    (pl.LazyFrame({"a": [1]}), "^X: expected"),
    (pa.table({"a": ["x"]}), "^X, field 'a': expected a column of numbers. Got String"),
]


@pytest.mark.parametrize(("matrix", "error"), BAD_MATRICES)
def test_bad_matrices(matrix, error):
    with pytest.raises(DataError, match=error):
        rows_of_matrix(matrix)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"labels": [1, 2]}, r"^y: expected 3 numbers, one per row. Got 2"),
        ({"labels": [[1], [2], [3]]}, r"^y: expected 1 dimension. Got shape \(3, 1\). Pass y.ravel\(\)"),
        ({"labels": [1, NAN, 2]}, "^y, row 2: expected a finite number that fits float32. Got NaN"),
        ({"labels": [1, "a", 2]}, "^y: expected numbers. Got dtype <U"),
        ({"labels": [1, None, 2]}, "^y: expected numbers. Got dtype object"),
        ({"weights": [1, -2, 2]}, "^sample_weight, row 2: expected a weight of at least 0. Got -2.0"),
        ({"weights": [1, 2]}, "^sample_weight: expected 3 numbers"),
        ({"n_features": 4}, "^X: expected 4 columns. Got 3"),
        ({"name": "train", "n_features": 4}, "^train: expected 4 columns"),
    ],
)
def test_bad_arguments(arguments, error):
    with pytest.raises(DataError, match=error):
        rows_of_matrix(CELLS, **arguments)


def test_labels_may_be_a_series():
    assert rows_of_matrix(CELLS, pd.Series([1, 2, 3], index=[7, 8, 9])).labels.tolist() == [1, 2, 3]
    assert rows_of_matrix(CELLS, pl.Series([1, 2, 3])).labels.tolist() == [1, 2, 3]


COLUMNS = {
    "user": [3, 1, 2],
    "item": ["a", None, "ü"],
    "score": [0.5, None, 2.0],
    "seen": [True, False, True],
}


def as_lists(table):
    return {
        name: column.to_strings() if isinstance(column, StringColumn) else column.tolist()
        for name, column in table.columns.items()
    }


@pytest.mark.parametrize(
    "make", [pd.DataFrame, pl.DataFrame, pa.table, lambda columns: ArrowOnly(pa.table(columns))]
)
@pytest.mark.parametrize("has_arrow", [True, False])
def test_frames_become_tables(make, has_arrow, monkeypatch):
    frame = make(COLUMNS)
    if not has_arrow:
        monkeypatch.setattr("pairloom.formats.frames.find_spec", lambda name: None)
    table = table_of_frame(frame, columns=["user", "item", "score"])
    found = as_lists(table)
    assert (found["user"], found["item"], found["score"][::2]) == ([3, 1, 2], ["a", None, "ü"], [0.5, 2])
    assert np.isnan(found["score"][1])
    assert (table.columns["user"].dtype, table.columns["score"].dtype) == (np.int64, np.float64)
    assert as_lists(table_of_frame(frame, kinds={"user": "text"}))["user"] == ["3", "1", "2"]
    assert as_lists(table_of_frame(frame, kinds={"user": "number"}))["user"] == [3.0, 1.0, 2.0]


def test_categories_and_other_types_become_strings():
    frame = pd.DataFrame(
        {
            "category": pd.Categorical(["b", "a", None]),
            "day": pd.to_datetime(["2026-01-02", "2026-01-03", None]),
            "whole": pd.array([1, None, 3], dtype="Int64"),
            "genres": [["x", "y"], [], ["z"]],
        }
    )
    found = as_lists(table_of_frame(frame))
    assert found["category"] == ["b", "a", None]
    assert found["day"][0].startswith("2026-01-02")
    assert found["day"][2] is None
    assert found["whole"] == ["1", None, "3"]
    assert found["genres"] == ["x|y", "", "z"]


def test_strings_of_arrow_are_not_copied():
    texts = pa.array(["a", "bc"], pa.large_string())
    column = table_of_frame(pa.table({"t": texts})).columns["t"]
    assert np.shares_memory(column.data, np.frombuffer(texts.buffers()[2], np.uint8))


@pytest.mark.parametrize(
    ("frame", "arguments", "error"),
    [
        (np.zeros((2, 2)), {}, "^X: expected a pandas, polars or Arrow table. Got ndarray"),
        (pd.DataFrame({"a": [1]}), {"columns": ["b"]}, r"^X: expected a column out of \['a'\]. Got 'b'"),
        (pd.DataFrame({"a": ["x"]}), {"kinds": {"a": "number"}}, "^X, field 'a': expected numbers"),
        (pd.DataFrame({"a": [1, "x"]}, dtype=object), {}, "^X, field 'a': expected a column of one type"),
        (pa.table({"a": [{"b": 1}]}), {}, "^X, field 'a': expected numbers, text, times or lists of text"),
        (pa.table({"a": [b"\xff"]}), {}, "^X, field 'a'.*binary data is no text"),
    ],
)
def test_bad_frames(frame, arguments, error):
    with pytest.raises(DataError, match=error):
        table_of_frame(frame, **arguments)
