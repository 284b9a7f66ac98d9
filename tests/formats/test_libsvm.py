import gzip
import io
import os
import threading

import numpy as np
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st

from pairloom.errors import DataError
from pairloom.formats import read_rows, write_rows
from pairloom.rows import RowBatch
from reference import libsvm_text
from reference.exact_float32 import nearest_float32


def read(text, **options):
    text = text.encode() if isinstance(text, str) else text
    return joined(read_rows(io.BytesIO(text), content_type="text/libsvm", **options))


def written(batch, **options):
    stream = io.BytesIO()
    write_rows([batch], stream, content_type="text/libsvm", **options)
    return stream.getvalue().decode()


TANGLED = """\
# a comment, then a blank line

1 3:1 77:1\t5:0.25  9:-1e-3 # trailing
-1 qid:4 2147483647:1\r
+0.5
   2.5   0:1 0:1   \t
7\t1:.5 2:5. 3:+2 4:0 5:1e10 6:123456789.25 7:0.1234567890123456789"""


@pytest.mark.parametrize("chunk_bytes", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_every_allowed_form(chunk_bytes, n_threads):
    assert_equal_rows(read(TANGLED, chunk_bytes=chunk_bytes, n_threads=n_threads), libsvm_text.parse(TANGLED))


def test_values_that_are_all_one_are_not_stored():
    batch = read("1 3:1 4:1\n0 3:1.0\n0\n")
    assert batch.values is None
    assert batch.indices.tolist() == [3, 4, 3]
    assert batch.indptr.tolist() == [0, 2, 3, 3]
    assert batch.n_features == 5
    assert read("1 3:1 4:1\n0 3:2\n").values.tolist() == [1, 1, 2]


def test_indices_from_zero_or_one():
    text = "1 1:1 3:1\n0 2:1\n"
    assert read(text).indices.tolist() == [1, 3, 2]
    assert read(text, zero_based=False).indices.tolist() == [0, 2, 1]
    assert read(text, zero_based=False).n_features == 3
    assert read(text, zero_based="auto").indices.tolist() == [0, 2, 1]
    assert read("1 0:1 3:1\n0 2:1\n", zero_based="auto").indices.tolist() == [0, 3, 2]
    with pytest.raises(
        DataError, match=r"line 2, field 'index': expected an index in \[1, .*zero_based=True"
    ):
        read("1 1:1\n0 0:1\n", zero_based="auto", chunk_bytes=5)
    with pytest.raises(
        DataError, match=r"line 1, field 'index': expected an index in \[1, 2147483648\]. Got '0:1'"
    ):
        read("1 0:1", zero_based=False)


def test_width_is_checked_and_grows_from_batch_to_batch():
    assert read("1 3:1", n_features=10).n_features == 10
    with pytest.raises(DataError, match=r"an index in \[0, 2\]. Got '3:1'. Pass a larger n_features"):
        read("1 3:1", n_features=3)
    with pytest.raises(DataError, match=r"an index in \[1, 2\]. Got '3:1'. Pass a larger n_features"):
        read("1 3:1", n_features=2, zero_based=False)
    batches = read_rows(
        [io.BytesIO(b"1 3:1\n0 1:1\n"), io.BytesIO(b"1 1:1\n")], content_type="libsvm", chunk_bytes=6
    )
    assert [batch.n_features for batch in batches] == [4, 4, 4]


def test_weights_and_rows_without_labels():
    batch = read("1:0.5 3:1\n-1:2 4:1\n", has_weights=True)
    assert (batch.labels.tolist(), batch.weights.tolist()) == ([1, -1], [0.5, 2])
    bare = read("3:1 4:2\n 5:1\n", has_labels=False)
    assert bare.labels is None
    assert bare.indices.tolist() == [3, 4, 5]
    assert written(batch, has_weights=True) == "1:0.5 3:1\n-1:2 4:1\n"
    assert written(bare, has_labels=False) == "3:1 4:2\n5:1\n"
    with pytest.raises(DataError, match="Pass has_weights=True"):
        written(batch)
    with pytest.raises(DataError, match=r"expected rows with labels. Got none. Pass has_labels=False"):
        written(bare)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"x 3:1", "field 'label': expected a number. Got 'x'"),
        (b"nan 3:1", "field 'label': expected a finite number. Got 'nan'"),
        (b"1e99 3:1", "field 'label': expected a number within float32. Got '1e99'"),
        (
            b"3:1 4:1",
            "field 'label': expected a label before the first index:value. Got '3:1'. Put a label first",
        ),
        (b"1 3", "field 'index': expected index:value. Got '3'"),
        (b"1 3 4:1", "field 'index': expected index:value. Got '3'"),
        (b"1 3:", "field 'feature 3': expected a number. Got nothing"),
        (b"1 :3", "field 'index': expected index:value. Got ':3'"),
        (b"1 a:3", "field 'index': expected index:value. Got 'a:3'"),
        (b"1 1.5:3", "field 'index': expected index:value. Got '1.5:3'"),
        (b"1 3:nan", "field 'feature 3': expected a finite number. Got 'nan'"),
        (b"1 3:-Inf", "field 'feature 3': expected a finite number. Got '-Inf'"),
        (b"1 3:1e39", "field 'feature 3': expected a number within float32. Got '1e39'"),
        (b"1 3:0x10", "field 'feature 3': expected a number. Got '0x10'"),
        (b"1 3:1:2", "field 'feature 3': expected a number. Got '1:2'"),
        (b"1 3:1,4:1", "field 'feature 3': expected a number. Got '1,4:1'"),
        (b"1 -3:1", r"field 'index': expected an index in \[0, 2147483647\]. Got '-3:1'"),
        (b"1 2147483648:1", r"field 'index': expected an index in \[0, 2147483647\]. Got '2147483648:1'"),
        (
            b"1 99999999999999999999:1",
            r"expected an index in \[0, 2147483647\]. Got '99999999999999999999:1'",
        ),
        (b"1 qid:x 3:1", "field 'qid': expected qid:integer. Got 'qid:x'"),
        (b"1 3:1\x004:1", r"expected a blank between pairs. Got '.x004:1'"),
        (b"1 3:1\r4:1", "expected a line feed after a carriage return. Got '4:1'"),
        (b"\x89PNG\x00\xff" + 50 * b"z", r"expected a number. Got '.x89PNG.x00.xffz{34}\.\.\.'"),
    ],
)
@pytest.mark.parametrize("chunk_bytes", [5, 1 << 20])
def test_defects_are_placed_and_explained(line, message, chunk_bytes):
    rows = b"1 3:1 4:1 5:1 6:1 7:1 8:1 9:1 10:1\n\n" * 3
    for padding in (b"", b" " * 80, b"\n" + rows):
        with pytest.raises(DataError, match=r"<stream>, line 7.*" + message):
            read(rows + line + padding, chunk_bytes=chunk_bytes)


def test_files_that_are_none(tmp_path):
    for text, message in [
        (b"", "expected at least one row. Got none"),
        (b"\n# nothing\n \n", "expected at least one row. Got none"),
        (gzip.compress(b"1 3:1"), "expected text. Got gzip data. Name the file .gz"),
    ]:
        with pytest.raises(DataError, match=message):
            read(text)
    cut = tmp_path / "cut.libsvm.gz"
    cut.write_bytes(gzip.compress(b"1 3:1\n" * 100)[:-10])
    with pytest.raises(DataError, match=r"cut.libsvm.gz: expected a whole compressed file"):
        list(read_rows(cut))


def test_first_fault_of_a_file_is_reported_whatever_the_threads(tmp_path):
    bad = tmp_path / "bad.libsvm.gz"
    bad.write_bytes(gzip.compress(b"1 3:1\nfirst\n" + os.urandom(5000).hex().encode())[:-50])
    for n_threads in (1, 2, 5):
        with pytest.raises(DataError, match=r"line 2, field 'label': expected a number. Got 'first'"):
            list(read_rows(bad, chunk_bytes=12, n_threads=n_threads))


def test_long_line_does_not_take_all_memory():
    with pytest.raises(DataError, match=r"byte 6: expected lines of at most 1000 bytes. Got \d{4} bytes"):
        read(b"1 3:1\n" + b"1 2:1 " * 100_000, chunk_bytes=100, max_line_bytes=1000)
    assert read(b"1" + b" 2:1" * 1000, chunk_bytes=16).indptr.tolist() == [0, 1000]


def test_reading_from_a_pipe(tmp_path):
    pipe = tmp_path / "rows.libsvm"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(b"1 3:1\n" * 50_000))
    writer.start()
    assert sum(len(batch) for batch in read_rows(pipe, chunk_bytes=1000, n_threads=2)) == 50_000
    writer.join()


def test_batches_of_a_wanted_size():
    batches = list(
        read_rows(io.BytesIO(TANGLED.encode()), content_type="libsvm", batch_rows=2, chunk_bytes=9)
    )
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert_equal_rows(joined(batches), libsvm_text.parse(TANGLED))


finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
row = st.tuples(finite, st.lists(st.tuples(st.integers(0, 2**31 - 1), finite), max_size=5))


def batch_of(rows):
    return RowBatch(
        indptr=np.cumsum([0] + [len(pairs) for _, pairs in rows], dtype=np.int64),
        indices=np.array([index for _, pairs in rows for index, _ in pairs], np.int32),
        values=np.array([value for _, pairs in rows for _, value in pairs], np.float32),
        n_features=max((index for _, pairs in rows for index, _ in pairs), default=-1) + 1,
        labels=np.array([label for label, _ in rows], np.float32),
    )


@given(st.lists(row, min_size=1, max_size=8), st.integers(1, 40), st.booleans())
def test_what_is_written_reads_back_to_the_last_bit(rows, chunk_bytes, zero_based):
    batch = batch_of(rows)
    text = written(batch, zero_based=zero_based)
    assert_equal_rows(read(text, zero_based=zero_based, chunk_bytes=chunk_bytes), batch)
    assert_equal_rows(batch, libsvm_text.parse(text, zero_based=zero_based))


@given(st.from_regex(r"\A[+-]?([0-9]{1,25}(\.[0-9]{0,25})?|\.[0-9]{1,25})([eE][+-]?[0-9]{1,2})?\Z"))
def test_numbers_are_rounded_exactly(number):
    expected = nearest_float32(number)
    if expected is None:
        with pytest.raises(DataError, match="within float32"):
            read(f"0 1:{number}")
        return
    values = read(f"0 1:{number}").values
    assert (np.float32(1) if values is None else values[0]).tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    ("name", "n_rows", "n_features"),
    [
        ("a9a.libsvm.gz", 32_561, 123),
        ("abalone.libsvm.gz", 4_177, 8),
        ("rcv1_small.train.libsvm.gz", 1_000, 47_117),
        ("w6a.part2.libsvm.gz", 8_595, 300),
    ],
)
def test_real_files(data_folder, name, n_rows, n_features):
    path = data_folder / "libsvm-binary" / name
    whole = joined(read_rows(path, zero_based="auto", n_threads=2, chunk_bytes=100_000))
    assert (whole.n_rows, whole.n_features) == (n_rows, n_features)
    assert_equal_rows(whole, libsvm_text.parse(gzip.decompress(path.read_bytes()).decode(), zero_based=False))


def test_libfm_file(data_folder):
    batches = list(read_rows(data_folder / "frappe" / "frappe.test.libfm.gz", chunk_bytes=1 << 18))
    assert sum(map(len, batches)) == 28_860
    assert batches[-1].n_features == 5_378
    assert all(batch.values is None and len(batch.indices) == 10 * len(batch) for batch in batches)


UNTOLD = b"1 0:1\n1 qid:1\n"


def test_groups_are_kept_where_they_are_asked_for():
    text = b"1 qid:4 0:1\n# c\n\n0 qid:900000000000000000 1:2 # d\n1 qid:7\n"
    for asked in (True, "auto"):
        (batch,) = read_rows(io.BytesIO(text), content_type="libsvm", has_groups=asked)
        assert batch.groups.tolist() == [4, 900000000000000000, 7]
    (batch,) = read_rows(io.BytesIO(text), content_type="libsvm")
    assert batch.groups is None
    assert next(read_rows(io.BytesIO(UNTOLD), content_type="libsvm", has_groups="auto")).groups is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"1 qid:1 0:1\n0 0:1\n", "line 2, field 'qid': expected a qid in every row"),
        (b"1 qid:1 qid:2 0:1\n", "expected one qid a row. Got 'qid:2'"),
        (b"1 qid:1234567890123456789\n", "expected a qid of at most 18 digits"),
    ],
)
def test_groups_that_are_missing_or_double_are_refused(text, message):
    with pytest.raises(DataError, match=message):
        list(read_rows(io.BytesIO(text), content_type="libsvm", has_groups=True))
