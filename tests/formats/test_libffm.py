import gzip
import io

import numpy as np
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_rows, write_rows
from pairloom.rows import RowBatch
from reference import libsvm_text


def read(text, **options):
    return joined(read_rows(io.BytesIO(text.encode()), content_type="text/libffm", **options))


def written(batch, content_type="libffm", **options):
    stream = io.BytesIO()
    write_rows([batch], stream, content_type=content_type, **options)
    return stream.getvalue().decode()


TEXT = "1 0:3:1 2:77:0.5  # c\n\n-1 qid:7 2147483647:2147483647:1\r\n0\n1 3:0:-2e3"


@pytest.mark.parametrize("chunk_bytes", [1, 9, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_allowed_form(chunk_bytes, n_threads):
    expected = libsvm_text.parse(TEXT, fields=True)
    assert_equal_rows(read(TEXT, chunk_bytes=chunk_bytes, n_threads=n_threads), expected)


def test_fields_stay_as_they_are_whatever_indices_count_from():
    text = "1 1:1:1 2:3:1\n"
    assert read(text, zero_based=False).indices.tolist() == [0, 2]
    assert read(text, zero_based=False).fields.tolist() == [1, 2]
    assert read(text, zero_based="auto").indices.tolist() == [0, 2]
    assert written(read(text, zero_based=False), zero_based=False) == text


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("3:1", "field 'index': expected field:index:value. Got '1'"),
        ("3", "field 'field': expected field:index:value. Got '3'"),
        ("-1:3:1", r"field 'field': expected a field in \[0, 2147483647\]. Got '-1:3:1'"),
        ("2147483648:3:1", r"field 'field': expected a field in \[0, 2147483647\]. Got '2147483648:3:1'"),
        ("1:-3:1", r"field 'index': expected an index in \[0, 2147483647\]. Got '-3:1'"),
        ("1:3:nan", "field 'feature 3': expected a finite number. Got 'nan'"),
        ("1:3:", "field 'feature 3': expected a number. Got nothing"),
        ("x:3:1", "field 'field': expected field:index:value. Got 'x:3:1'"),
    ],
)
def test_defects_are_placed_and_explained(pair, message):
    with pytest.raises(DataError, match="<stream>, line 2, " + message):
        read(f"1 1:2:3\n0 4:5:6 {pair} 7:8:9\n")


def test_rows_without_fields_are_no_libffm():
    batch = RowBatch(np.array([0, 1]), np.zeros(1, np.int32), None, 1, np.ones(1, np.float32))
    with pytest.raises(DataError, match=r"expected rows with fields. Got rows without. Write libsvm"):
        written(batch)
    assert written(read("1 5:3:1\n"), content_type="libsvm") == "1 3:1\n"


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
number = st.integers(0, 2**31 - 1)


@given(
    st.lists(st.lists(st.tuples(number, number, finite), max_size=4), min_size=1, max_size=6),
    st.integers(1, 50),
)
def test_what_is_written_reads_back_to_the_last_bit(rows, chunk_bytes):
    pairs = [pair for row in rows for pair in row]
    batch = RowBatch(
        indptr=np.cumsum([0] + [len(row) for row in rows], dtype=np.int64),
        indices=np.array([index for _, index, _ in pairs], np.int32),
        values=np.array([value for _, _, value in pairs], np.float32),
        n_features=max((index for _, index, _ in pairs), default=-1) + 1,
        labels=np.arange(len(rows), dtype=np.float32),
        fields=np.array([field for field, _, _ in pairs], np.int32),
    )
    assert_equal_rows(read(written(batch), chunk_bytes=chunk_bytes), batch)


@pytest.mark.parametrize("part", ["train", "test"])
def test_real_files(data_folder, part):
    path = data_folder / "criteo-display-ads" / f"ffm_small_{part}.txt.gz"
    batch = joined(read_rows(path, content_type="libffm", n_threads=2, chunk_bytes=4000))
    assert_equal_rows(batch, libsvm_text.parse(gzip.decompress(path.read_bytes()).decode(), fields=True))
    assert (batch.n_rows, batch.fields.max()) == (200, 17)
