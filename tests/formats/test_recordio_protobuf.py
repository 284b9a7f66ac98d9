import contextlib
import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from comparing import assert_equal_rows, joined
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from pairloom.errors import DataError
from pairloom.formats import read_rows, write_rows
from pairloom.formats.recordio_protobuf import (
    read_recordio,
    read_records,
    write_numpy_to_dense_tensor,
    write_recordio,
    write_spmatrix_to_sparse_tensor,
)
from pairloom.rows import RowBatch
from reference import recordio_protobuf_bytes as pb

GOLDEN = Path(__file__).parent / "golden"
sys.path.insert(0, str(GOLDEN))
from matrices import matrices  # noqa: E402 - shared with the script that wrote the golden files

CONTENT_TYPE = "application/x-recordio-protobuf"
CASES = list(matrices())


def read(data, **options):
    return joined(read_rows(io.BytesIO(data), content_type=CONTENT_TYPE, **options))


def written(batches, **options):
    stream = io.BytesIO()
    write_rows(batches, stream, content_type=CONTENT_TYPE, **options)
    return stream.getvalue()


def dense(*values, kind="float32"):
    return pb.entry(1, pb.value(kind, pb.tensor(kind, values)))


def sparse_row(keys, values, shape, kind="float32"):
    return pb.entry(1, pb.value(kind, pb.tensor(kind, values, keys, shape)))


def label(*values, kind="float32"):
    return pb.entry(2, pb.value(kind, pb.tensor(kind, values)))


def as_matrix(batch):
    values = np.ones(len(batch.indices), np.float32) if batch.values is None else batch.values
    return sparse.csr_matrix(
        (values, batch.indices, batch.indptr), (batch.n_rows, batch.n_features)
    ).toarray()


KNOWN_BYTES = [
    (
        np.array([[1, 2]], np.float32),
        np.array([1], np.float32),
        "dense",
        "0a23d7ce2c0000000a160a0676616c756573120c120a0a080000803f0000004012120a0676616c756573120812060a040000803f",
    ),
    (
        np.array([[0, 3, 0, 0, 5]], np.float32),
        np.array([0], np.float32),
        "sparse",
        "0a23d7ce330000000a1d0a0676616c756573121312110a08000040400000a040120201041a010512120a0676616c75657312081206"
        "0a040000000000",
    ),
    (
        np.array([[1, 2]], np.float64),
        None,
        "dense",
        "0a23d7ce200000000a1e0a0676616c75657312141a120a10000000000000f03f0000000000000040",
    ),
    (
        np.array([[1, 2]], np.int64),
        None,
        "dense",
        "0a23d7ce120000000a100a0676616c75657312063a040a0201020000",
    ),
    (
        np.zeros((1, 4), np.float32),
        None,
        "sparse",
        "0a23d7ce110000000a0f0a0676616c756573120512031a0104000000",
    ),
]


@pytest.mark.parametrize(("matrix", "labels", "layout", "expected"), KNOWN_BYTES)
def test_known_bytes(matrix, labels, layout, expected):
    stream = io.BytesIO()
    if layout == "dense":
        write_numpy_to_dense_tensor(stream, matrix, labels)
    else:
        write_spmatrix_to_sparse_tensor(stream, sparse.csr_matrix(matrix), labels)
    assert stream.getvalue().hex() == expected
    np.testing.assert_array_equal(as_matrix(read(bytes.fromhex(expected))), matrix)


@pytest.mark.parametrize(("name", "matrix", "labels"), CASES, ids=[case[0] for case in CASES])
def test_files_of_the_sagemaker_sdk(name, matrix, labels):
    for kept, suffix in ((labels, ""), (None, "_unlabelled")):
        for layout in ("dense", "sparse"):
            path = GOLDEN / f"recordio_{layout}_{name}{suffix}.pbr"
            if layout == "dense" and matrix.shape[1] > 300:
                assert not path.exists()
                continue
            stream = io.BytesIO()
            if layout == "dense":
                write_numpy_to_dense_tensor(stream, matrix, kept)
            else:
                write_spmatrix_to_sparse_tensor(stream, sparse.csr_matrix(matrix), kept)
            assert stream.getvalue() == path.read_bytes()
            batch = joined(read_rows(path, chunk_bytes=64, n_threads=2))
            np.testing.assert_array_equal(as_matrix(batch), matrix)
            assert (batch.labels is None) == (kept is None)
            if kept is not None:
                np.testing.assert_array_equal(batch.labels, kept)
            records = read_records(io.BytesIO(path.read_bytes()))
            assert len(records) == len(matrix)


def test_rows_are_written_as_the_sdk_writes_them():
    for _, matrix, labels in CASES:
        if matrix.dtype == np.float32:
            csr = sparse.csr_matrix(matrix)
            batch = RowBatch(csr.indptr.astype(np.int64), csr.indices, csr.data, csr.shape[1], labels)
            by_sdk = io.BytesIO()
            write_spmatrix_to_sparse_tensor(by_sdk, csr, labels)
            assert written([batch]) == by_sdk.getvalue()
            by_sdk = io.BytesIO()
            write_numpy_to_dense_tensor(by_sdk, matrix, labels)
            assert written([batch], layout="dense") == by_sdk.getvalue()


FLOATS = st.floats(-1e6, 1e6, width=32)
VALUES = {"float32": FLOATS, "float64": FLOATS, "int32": st.integers(-(2**24), 2**24).map(float)}
UNKNOWN = [
    b"",
    pb.field(11, b"note"),
    pb.tag(12, 0) + b"\x05",
    pb.tag(9, 3) + pb.tag(1, 0) + b"\x01" + pb.tag(9, 4),
]


@st.composite
def records(draw, width, labelled):
    """A row, and one of the many ways to encode it."""
    kind = draw(st.sampled_from(sorted(VALUES)))
    is_dense = width < 50 and draw(st.booleans())
    keys = [] if is_dense else draw(st.lists(st.integers(0, width - 1), max_size=12))
    n_values = width if is_dense else len(keys)
    values = draw(st.lists(VALUES[kind], min_size=n_values, max_size=n_values))
    shape = [width] if not is_dense else draw(st.sampled_from([[], [width], [1, width]]))
    packed, order = draw(st.booleans()), draw(st.permutations([0, 1, 2]))
    unknown = draw(st.sampled_from(UNKNOWN))
    content = pb.value(kind, pb.tensor(kind, values, keys, shape, packed, order, unknown))
    features = draw(
        st.sampled_from(
            [content, unknown + content, content + pb.field(2, b"") if kind == "float32" else content]
        )
    )
    message = pb.entry(1, features) + unknown
    if draw(st.booleans()):
        message = pb.entry(1, b"", key="other") + message
    row_label = draw(VALUES["float64"]) if labelled else None
    if labelled:
        message += label(row_label, kind="float64") + pb.field(3, b"uid")
    index = [i for i, value in enumerate(values) if value != 0] if is_dense else keys
    kept = [value for value in values if value != 0] if is_dense else values
    return message, index, kept, row_label


@st.composite
def files(draw):
    width, labelled = draw(st.sampled_from([1, 3, 40, 128, 129, 2**14, 2**31])), draw(st.booleans())
    rows = draw(st.lists(records(width, labelled), min_size=1, max_size=8))
    indptr = np.cumsum([0] + [len(index) for _, index, _, _ in rows])
    expected = RowBatch(
        indptr.astype(np.int64),
        np.array([i for _, index, _, _ in rows for i in index], np.int32),
        np.array([v for _, _, kept, _ in rows for v in kept], np.float32),
        width,
        np.array([row_label for *_, row_label in rows], np.float32) if labelled else None,
    )
    return b"".join(pb.frame(message) for message, *_ in rows), expected


@given(files(), st.sampled_from([1, 13, 100, 1 << 20]), st.sampled_from([1, 2]))
def test_every_encoding_of_a_row_reads_as_that_row(file, chunk_bytes, n_threads):
    data, expected = file
    assert_equal_rows(read(data, chunk_bytes=chunk_bytes, n_threads=n_threads), expected)


@st.composite
def batches(draw):
    width = draw(st.sampled_from([1, 5, 300, 20_000]))
    rows = draw(st.lists(st.lists(st.integers(0, width - 1), max_size=6), min_size=1, max_size=6))
    n = sum(map(len, rows))
    values = draw(st.none() | st.lists(FLOATS, min_size=n, max_size=n))
    labels = draw(st.none() | st.lists(FLOATS, min_size=len(rows), max_size=len(rows)))
    return RowBatch(
        np.cumsum([0, *map(len, rows)]).astype(np.int64),
        np.array([i for row in rows for i in row], np.int32),
        None if values is None else np.array(values, np.float32),
        width,
        None if labels is None else np.array(labels, np.float32),
    )


@given(batches(), st.sampled_from([1, 50, 1 << 20]))
def test_round_trip(batch, chunk_bytes):
    assert_equal_rows(read(written([batch]), chunk_bytes=chunk_bytes), batch)


@given(batches())
def test_round_trip_through_dense_rows(batch):
    if batch.n_features <= 300:
        again = read(written([batch, batch], layout="dense"))
        expected = as_matrix(batch)
        np.testing.assert_array_equal(as_matrix(again), np.vstack([expected, expected]))


def test_values_that_are_all_one_are_not_stored():
    batch = read(pb.frame(sparse_row([1, 4], [1, 1], [5])))
    assert batch.values is None
    assert batch.indices.tolist() == [1, 4]
    rows = pb.frame(sparse_row([1], [1], [5])) + pb.frame(sparse_row([2], [3], [5]))
    assert read(rows).values.tolist() == [1, 3]


def test_records_in_parts_are_joined():
    magic = struct.unpack("<f", pb.MAGIC)[0]
    message = dense(0.5, magic, 2, magic, 7) + label(3)
    # Parts may be cut only where the magic word lies at a multiple of 4: pad with an unknown field.
    for padding in range(4):
        padded = pb.field(15, bytes(padding)) + message
        cuts = [i for i in range(0, len(padded), 4) if padded[i : i + 4] == pb.MAGIC]
        if len(cuts) == 2:
            break
    data = pb.frame(message) + pb.frames_in_parts(padded, cuts) + pb.frame(message)
    for chunk_bytes in (8, 1 << 20):
        batch = read(data, chunk_bytes=chunk_bytes)
        assert batch.values.tolist() == [0.5, magic, 2, magic, 7] * 3
    assert list(read_recordio(io.BytesIO(data))) == [message, padded, message]


def test_later_entries_and_pieces_of_a_message_merge_as_protobuf_says():
    replaced = pb.entry(1, pb.value("float32", pb.tensor("float32", [9, 9]))) + dense(1, 2)
    assert read(pb.frame(replaced)).values.tolist() == [1, 2]
    two_pieces = pb.value("float32", pb.tensor("float32", [1])) + pb.value(
        "float32", pb.tensor("float32", [2])
    )
    assert read(pb.frame(pb.entry(1, two_pieces))).values.tolist() == [1, 2]
    other_kind_first = pb.value("int32", pb.tensor("int32", [8])) + pb.value(
        "float32", pb.tensor("float32", [3])
    )
    assert read(pb.frame(pb.entry(1, other_kind_first))).values.tolist() == [3]


def test_width_without_a_shape_is_what_was_seen():
    rows = pb.frame(sparse_row([3], [1], [])) + pb.frame(sparse_row([9], [2], []))
    assert read(rows).n_features == 10
    assert read(rows, n_features=12).n_features == 12
    with pytest.raises(DataError, match=r"row 2.*field 'keys': expected a column index in \[0, 8\]. Got 9"):
        read(rows, n_features=9)


def test_every_shape_is_read_whatever_the_one_before_was():
    shapes = [[300], [300], [1, 300], [300, 1], [2, 150], [1] * 9 + [300], [300]]
    rows = b"".join(pb.frame(sparse_row([299], [2], shape)) for shape in shapes)
    assert read(rows).n_features == 300
    for wrong in ([301], [1, 301], [300, 2], [30]):
        with pytest.raises(DataError, match=r"row 8.*expected a row of width 300"):
            read(rows + pb.frame(sparse_row([1], [2], wrong)))


GOOD = pb.frame(sparse_row([1], [2], [5]) + label(1))
BAD_RECORDS = [
    (sparse_row([5], [1], [5]), r"field 'keys': expected a column index in \[0, 4\]. Got 5"),
    (sparse_row([2**40], [1], [5]), rf"a column index in \[0, 4\]. Got {2**40}"),
    (sparse_row([1, 2], [1], [5]), r"expected as many keys as values \(1\). Got 2"),
    (sparse_row([1], [1, 2], [5]), r"expected as many keys as values \(2\). Got 1"),
    (sparse_row([1], [], [5]), r"expected as many keys as values \(0\). Got 1"),
    (sparse_row([1], [1], [6]), r"expected a row of width 5. Got 6. Write all rows with one width"),
    (dense(1, 2, 3), "expected a row of width 5. Got 3"),
    (
        sparse_row([], [1, 2], [5]),
        r"as many values as the shape says \(5\), or a key for every value. Got 2 values",
    ),
    (sparse_row([1], [1], [2**40]), "expected a shape of at most 2147483648 columns"),
    (sparse_row([1], [1], [2**20, 2**20]), "expected a shape of at most 2147483648 columns"),
    (sparse_row([1], [float("nan")], [5]), "expected a finite number that fits float32. Got nan"),
    (sparse_row([1], [float("-inf")], [5]), "expected a finite number that fits float32. Got -inf"),
    (sparse_row([1], [1e39], [5], kind="float64"), "expected a finite number that fits float32. Got 1e"),
    (b"", "expected a feature tensor under the key 'values'. Got a record without features"),
    (pb.entry(1, b"", key="x"), "under the key 'values'. Got features under other keys only"),
    (pb.entry(1, b""), "field 'features': expected a tensor of float32, float64 or int32. Got none"),
    (pb.entry(1, pb.field(9, b"")), "a tensor of float32, float64 or int32. Got a tensor of bytes"),
    (pb.entry(1, pb.field(2, pb.field(1, b"abc"))), "packed values of 4 bytes each. Got 3 bytes"),
    (pb.entry(1, pb.field(3, pb.field(1, b"abcdefg"))), "packed values of 8 bytes each. Got 7 bytes"),
    (
        pb.entry(1, pb.value("int32", pb.field(1, b"\x01\x01\x01\x01\x01\x80"))),
        "a varint. Got the end of the message",
    ),
    (pb.entry(1, pb.value("int32", pb.field(1, b"\xff" * 10 + b"\x01" * 5))), "a varint of at most 64 bits"),
    (
        b"\x0a\xff\xff\xff\xff\x0f",
        "expected a field of at most 20 bytes, which is what its message has left. Got 4294967295",
    ),
    (b"\x00\x01", r"expected a protobuf field number in \[1, 536870911\]. Got 0"),
    (b"\x0e", r"expected a protobuf wire type in \[0, 3\] or 5. Got 6"),
    (b"\x4b" * 40, "expected groups nested at most 32 deep"),
]
BAD_LABELS = [
    (label(), "field 'label': expected one number as the label. Got 0 numbers"),
    (label(1, 2), "field 'label': expected one number as the label. Got 2 numbers. Write one label per row"),
    (label(float("inf")), "field 'label': expected a finite number that fits float32. Got inf"),
    (pb.entry(2, b""), "field 'label': expected a tensor of float32, float64 or int32. Got none"),
    (b"", "field 'label': expected a label, as in the rows before. Got none"),
]


@pytest.mark.parametrize(
    ("message", "error"),
    [(message + label(1), error) for message, error in BAD_RECORDS]
    + [(sparse_row([1], [2], [5]) + message, error) for message, error in BAD_LABELS],
)
def test_bad_records(message, error):
    data = GOOD + GOOD + pb.frame(message) + GOOD
    for options in ({}, {"chunk_bytes": 10}, {"chunk_bytes": 10, "n_threads": 2}):
        with pytest.raises(DataError, match=error) as caught:
            read(data, **options)
        assert caught.value.row == 3
        assert caught.value.source == "<stream>"
        assert 2 * len(GOOD) <= caught.value.byte_offset <= 2 * len(GOOD) + 8 + len(message)


BAD_FRAMES = [
    (
        b"\x1f\x8b\x08\x00" * 4,
        r"byte 0: expected RecordIO's magic number 0xced7230a. Got 0x00088b1f. Check that this is",
    ),
    (GOOD + b"garbage.", "row 2.*expected RecordIO's magic number.*The file is damaged"),
    (
        GOOD + GOOD[:-1],
        r"row 2.*a whole record \(56 bytes\). Got only 55 bytes before the end. The file is truncated",
    ),
    (GOOD + GOOD[:5], r"row 2.*expected a whole record \(8 bytes\). Got only 5 bytes"),
    (
        GOOD + pb.MAGIC + b"\xff\xff\xff\x1f",
        r"row 2.*expected a whole record \(536870920 bytes\). Got only 8 bytes",
    ),
    (pb.frame(b"", 2), r"row 1.*expected a whole record \(0\) or a first part \(1\). Got part flag 2"),
    (pb.frame(b"", 7), "Got part flag 7"),
    (
        pb.frame(b"", 1) + pb.frame(b"", 0),
        r"expected a middle \(2\) or last \(3\) part of the record. Got part flag 0",
    ),
    (pb.frame(b"", 1), r"expected a whole record \(16 bytes\). Got only 8 bytes"),
]


@pytest.mark.parametrize(("data", "error"), BAD_FRAMES)
def test_bad_frames(data, error):
    for options in ({}, {"chunk_bytes": 10}, {"chunk_bytes": 10, "n_threads": 2}):
        with pytest.raises(DataError, match=error):
            read(data, **options)


def test_bad_frames_of_the_python_reader():
    for data, _ in BAD_FRAMES:
        with pytest.raises(DataError, match="byte"):
            list(read_recordio(io.BytesIO(data)))
    for message, _ in BAD_RECORDS[-6:]:
        with pytest.raises(DataError):
            read_records(io.BytesIO(pb.frame(message)))


def test_empty_input():
    with pytest.raises(DataError, match="expected at least one row"):
        read(b"")


@given(st.binary(max_size=200), st.integers(0, 10))
def test_no_bytes_can_do_harm(noise, n_kept):
    for data in (noise, GOOD + noise, GOOD[:n_kept] + noise, pb.frame(noise), pb.frame(pb.entry(1, noise))):
        for reader in (read, lambda data: read_records(io.BytesIO(data))):
            with contextlib.suppress(DataError):
                reader(data)


def test_python_reader_knows_every_field():
    message = (
        pb.entry(1, pb.field(9, pb.field(1, b"png") + pb.field(2, b"image/png")), key="image")
        + sparse_row([1, 3], [-5, 7], [9], kind="int32")
        + pb.entry(2, pb.value("float32", pb.tensor("float32", [0.25])), key="score")
        + pb.field(3, b"id-1")
        + pb.field(4, b"{}")
        + pb.field(5, b"c")
    )
    (record,) = read_records(io.BytesIO(pb.frame(message)))
    assert record.features["image"].bytes.value == [b"png"]
    assert record.features["image"].bytes.content_type == "image/png"
    tensor = record.features["values"].int32_tensor
    assert (tensor.values, tensor.keys, tensor.shape) == ([-5, 7], [1, 3], [9])
    assert record.features["values"].WhichOneof("value") == "int32_tensor"
    assert record.label["score"].float32_tensor.values == [0.25]
    assert (record.uid, record.metadata, record.configuration) == ("id-1", "{}", "c")


def test_payloads_round_trip():
    stream = io.BytesIO()
    payloads = [b"", b"a", b"four", b"five5"]
    for payload in payloads:
        write_recordio(stream, payload)
    assert list(read_recordio(io.BytesIO(stream.getvalue()))) == payloads


ONE = RowBatch(np.array([0, 1]), np.array([2], np.int32), np.array([3], np.float32), 3)


def test_what_cannot_be_written():
    wider = RowBatch(ONE.indptr, np.array([3], np.int32), None, 4)
    with pytest.raises(
        DataError, match=r"row 2: expected a column index in \[0, 3\). Got 3. Pass n_features"
    ):
        written([ONE, wider])
    assert read(written([ONE, wider], n_features=4)).n_features == 4
    with pytest.raises(DataError, match="rows without weights"):
        written([RowBatch(ONE.indptr, ONE.indices, ONE.values, 3, weights=np.ones(1, np.float32))])
    with pytest.raises(DataError, match="field 'values': expected finite numbers"):
        written([RowBatch(ONE.indptr, ONE.indices, np.array([np.nan], np.float32), 3)])
    with pytest.raises(DataError, match="field 'layout'"):
        written([ONE], layout="wide")


MATRIX = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    ("array", "labels", "error"),
    [
        (
            MATRIX.astype(np.int32),
            None,
            "field 'array': expected numbers of dtype float32, float64 or int64. Got int32",
        ),
        (MATRIX.astype(bool), None, "Got bool"),
        (MATRIX[0], None, r"expected a matrix of 2 dimensions. Got shape \(3,\)"),
        ([[1.0]], None, "expected a matrix of 2 dimensions. Got shape None"),
        (MATRIX, np.ones(3), r"field 'labels': expected labels of shape \(2,\). Got shape \(3,\)"),
        (MATRIX, np.ones((2, 1)), r"Got shape \(2, 1\)"),
        (MATRIX, np.ones(2, np.int16), "field 'labels': expected numbers of dtype"),
        (np.array([[2**31]]), None, "expected integers that fit 32 bits. Got 2147483648"),
    ],
)
def test_arrays_that_the_sdk_functions_refuse(array, labels, error):
    with pytest.raises(DataError, match=error):
        write_numpy_to_dense_tensor(io.BytesIO(), array, labels)
    with pytest.raises(DataError, match="expected a scipy sparse matrix"):
        write_spmatrix_to_sparse_tensor(io.BytesIO(), array, labels)
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.dtype != np.bool_:
        with pytest.raises(DataError, match=error):
            write_spmatrix_to_sparse_tensor(io.BytesIO(), sparse.csr_matrix(array), labels)
