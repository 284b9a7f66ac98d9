"""Safetensors files in pieces: the library reads ours, we read the library's, and no header is believed."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pairloom.errors import DataError
from pairloom.formats.tensor_file import TensorPieces, open_tensors, write_tensors

ARRAYS = {
    "a": np.arange(12, dtype=np.float32).reshape(3, 4),
    "b": np.array([1, -2], np.int64),
    "odd": np.array([True, False, True]),
    "c": np.array([2.5], np.float64),
    "none": np.zeros((0, 5), np.float32),
    "one": np.array(7, np.int32),
}


def same(found, expected):
    assert set(found) == set(expected)
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found[name], array)


def test_the_library_reads_it(tmp_path):
    write_tensors(tmp_path / "f", ARRAYS)
    same(load_file(tmp_path / "f"), ARRAYS)
    same(open_tensors(tmp_path / "f"), ARRAYS)


def test_it_reads_the_librarys(tmp_path):
    save_file(ARRAYS, tmp_path / "f", metadata={"some": "words"})
    same(open_tensors(tmp_path / "f"), ARRAYS)


def test_pieces_come_out_whole(tmp_path):
    whole = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    pieces = TensorPieces(whole.dtype, whole.shape, (whole[i : i + 7] for i in range(0, 100, 7)))
    write_tensors(tmp_path / "f", {"x": pieces, "strided": whole[::2, 1]})
    same(open_tensors(tmp_path / "f"), {"x": whole, "strided": whole[::2, 1]})


def test_nothing_can_be_written_through_it(tmp_path):
    write_tensors(tmp_path / "f", ARRAYS)
    with pytest.raises(ValueError, match="read-only"):
        open_tensors(tmp_path / "f")["a"][0] = 1


def test_a_file_of_nothing(tmp_path):
    write_tensors(tmp_path / "f", {"none": ARRAYS["none"]})
    same(open_tensors(tmp_path / "f"), {"none": ARRAYS["none"]})


def entry(dtype="F32", shape=(2,), offsets=(0, 8)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "header",
    [
        {"x": entry(offsets=(0, 4))}, {"x": entry(offsets=(4, 12))}, {"x": entry(offsets=(8, 0))},
        {"x": entry(shape=(3,))}, {"x": entry(shape=(-2,))}, {"x": entry(shape=(2**40, 2**40))},
        {"x": entry(shape=(2**60,))}, {"x": entry(dtype="F33")}, {"x": entry(), "y": entry()},
        {"x": entry(shape=[1] * 9 + [2])}, {"x": {}}, {"x": 3}, [], "x", {"x": entry() | {"more": 1}}, {},
        {"x": entry(offsets=(0, 10**30))},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_lies_is_refused(tmp_path, header):
    text = json.dumps(header).encode()
    (tmp_path / "f").write_bytes(len(text).to_bytes(8, "little") + text + bytes(8))
    with pytest.raises(DataError, match="a safetensors file that is whole"):
        open_tensors(tmp_path / "f")


@pytest.mark.parametrize(
    "content", [b"", b"\xff" * 8, b"\xff" * 100, (2**62).to_bytes(8, "little"), bytes(7)]
)
def test_what_has_no_header_is_refused(tmp_path, content):
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(DataError, match="safetensors"):
        open_tensors(tmp_path / "f")
    with pytest.raises(DataError, match="safetensors"):
        open_tensors(tmp_path / "missing")
