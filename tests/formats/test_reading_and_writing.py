"""What `read_rows` and its siblings do around every format."""

import gzip
import io
import threading

import numpy as np
import pytest
from comparing import assert_equal_rows, joined

from pairloom.errors import DataError
from pairloom.formats import read_rows, read_tables, write_rows, write_tables
from pairloom.formats.batching import concatenate, in_batches_of, slice_rows
from pairloom.rows import RowBatch


def batch(n_rows, first=0):
    rows = np.arange(first, first + n_rows, dtype=np.int32)
    return RowBatch(np.arange(n_rows + 1) * 2, np.repeat(rows, 2), None, 100, rows.astype(np.float32))


@pytest.mark.parametrize("ending", ["", ".gz", ".bz2", ".xz"])
def test_files_are_compressed_by_their_ending(tmp_path, ending):
    path = tmp_path / f"rows.libsvm{ending}"
    write_rows([batch(50), batch(30, 50)], path)
    assert_equal_rows(joined(read_rows(path, n_features=100)), batch(80))
    if ending == ".gz":
        once = path.read_bytes()
        write_rows([batch(80)], path)
        assert gzip.decompress(path.read_bytes()) == gzip.decompress(once)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "rows.csv.gz"
    path.write_bytes(b"what was there before")

    def batches():
        yield batch(3)
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        write_rows(batches(), path)
    with pytest.raises(
        DataError, match=r"rows.csv.gz, row 4, field 'label': expected finite numbers. Got nan"
    ):
        write_rows(
            [
                batch(3),
                RowBatch(np.array([0, 0]), np.zeros(0, np.int32), None, 100, np.array([np.nan], "f4")),
            ],
            path,
        )
    assert path.read_bytes() == b"what was there before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(DataError, match=r"rows.csv: expected a folder that can be written to"):
        write_rows([batch(1)], tmp_path / "nowhere" / "rows.csv")


class Raw(io.RawIOBase):
    """Takes and gives a few bytes at a time, as a pipe does."""

    def __init__(self, data=b""):
        self.data, self.at = bytearray(data), 0

    def readable(self):
        return True

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)[:7]
        return min(len(data), 7)

    def readinto(self, view):
        part = self.data[self.at : self.at + min(len(view), 7)]
        view[: len(part)] = part
        self.at += len(part)
        return len(part)


class ReadOnly:
    """A stream with nothing but ``read``."""

    def __init__(self, data):
        self.read = io.BytesIO(data).read


def test_raw_and_minimal_streams():
    raw = Raw()
    write_rows([batch(20)], raw, content_type="libsvm")
    assert_equal_rows(joined(read_rows(Raw(raw.data), content_type="libsvm", n_features=100)), batch(20))
    assert_equal_rows(
        joined(read_rows(ReadOnly(bytes(raw.data)), content_type="libsvm", n_features=100)), batch(20)
    )


def test_leaving_early_ends_the_threads_and_closes_the_file(tmp_path):
    path = tmp_path / "rows.libsvm"
    write_rows([batch(90)], path)
    before = threading.active_count()
    batches = read_rows(path, n_threads=3, chunk_bytes=20)
    next(batches)
    assert threading.active_count() > before
    batches.close()
    assert threading.active_count() == before


def test_operations_that_a_format_lacks(tmp_path):
    path = tmp_path / "rows.libsvm"
    write_rows([batch(3)], path)
    with pytest.raises(DataError, match=r"expected a format that offers read_tables. Got libsvm"):
        read_tables(path)
    with pytest.raises(DataError, match=r"expected a format that offers write_tables. Got libffm"):
        write_tables([], tmp_path / "rows.ffm")
    for wrong in ({"n_threads": 0}, {"batch_rows": 0}):
        with pytest.raises(DataError, match=r"expected an integer of at least 1. Got 0"):
            read_rows(path, **wrong)


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_batches_are_regrouped(size):
    whole = batch(20)
    parts = [slice_rows(whole, start, stop) for start, stop in [(0, 1), (1, 9), (9, 9), (9, 20)]]
    regrouped = list(in_batches_of(size, parts))
    assert [len(each) for each in regrouped] == [size] * (20 // size) + [20 % size] * (20 % size > 0)
    assert_equal_rows(concatenate(regrouped), whole)
    with_values = RowBatch(whole.indptr, whole.indices, np.full(40, 2, np.float32), 100, whole.labels)
    assert concatenate([whole, with_values]).values.tolist() == [1] * 40 + [2] * 40
    without = RowBatch(whole.indptr, whole.indices, None, 100)
    with pytest.raises(DataError, match=r"Expected labels in all batches or in none. Got labels in 1 of 2"):
        concatenate([whole, without])
