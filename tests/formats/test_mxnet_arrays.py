"""MXNet's array list: golden bytes by hand, round trips, and hostile bytes."""

import random
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pairloom.errors import DataError
from pairloom.formats.mxnet_arrays import parse_arrays, serialize_arrays

# Written down from the layout, word by word.
ONE_UNNAMED = bytes.fromhex(
    "1201000000000000 0000000000000000 0100000000000000"  # list, reserved, one array
    "c9fa93f9 00000000 02000000 0100000000000000 0200000000000000"  # dense, 1 x 2
    "01000000 00000000 00000000 0000803f 00000040"  # CPU 0, float32, 1.0 and 2.0
    "0000000000000000"  # no names
)
TWO_NAMED = bytes.fromhex(
    "1201000000000000 0000000000000000 0200000000000000"
    "c9fa93f9 00000000 01000000 0100000000000000 01000000 00000000 06000000 0700000000000000"
    "c9fa93f9 00000000 01000000 0000000000000000 01000000 00000000 01000000"
    "0200000000000000 0500000000000000 6172673a61 0500000000000000 6175783a62"  # arg:a, aux:b
)
DTYPES = [np.float32, np.float64, np.int32, np.int64]


def refused(content):
    with pytest.raises(DataError) as caught:
        parse_arrays(content, "params")
    assert caught.value.source == "params"
    return str(caught.value)


def test_golden_bytes():
    names, (array,) = parse_arrays(ONE_UNNAMED, "params")
    assert (names, array.dtype, array.tolist()) == ([], np.float32, [[1.0, 2.0]])
    assert serialize_arrays([np.array([[1, 2]], np.float32)]) == ONE_UNNAMED
    names, arrays = parse_arrays(TWO_NAMED, "params")
    assert names == ["a", "b"]
    assert [(array.dtype, array.tolist()) for array in arrays] == [(np.int64, [7]), (np.float64, [])]
    assert serialize_arrays({"arg:a": np.array([7]), "aux:b": np.zeros(0)}) == TWO_NAMED


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5).filter(lambda name: ":" not in name),
        st.sampled_from(DTYPES).flatmap(
            lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_side=0, max_dims=4))
        ),
        max_size=4,
    )
)
def test_arrays_come_back(arrays):
    for content, expected in (
        (serialize_arrays(arrays), list(arrays)),
        (serialize_arrays([*arrays.values()]), []),
    ):
        names, found = parse_arrays(content, "params")
        assert names == expected
        for array, original in zip(found, arrays.values(), strict=True):
            assert (array.dtype, array.shape) == (original.dtype, original.shape)
            assert array.tobytes() == original.tobytes()


def test_older_and_newer_arrays_are_read():
    newer = ONE_UNNAMED.replace(b"\xc9\xfa\x93\xf9", b"\xca\xfa\x93\xf9")
    older = ONE_UNNAMED.replace(b"\xc9\xfa\x93\xf9\0\0\0\0", b"\xc8\xfa\x93\xf9")
    for content in (newer, older):
        assert parse_arrays(content, "params")[1][0].tolist() == [[1.0, 2.0]]


def test_every_truncation_is_refused():
    for content in (ONE_UNNAMED, TWO_NAMED):
        for end in range(len(content)):
            refused(content[:end])


def changed(at, form, value, content=ONE_UNNAMED):
    data = bytearray(content)
    struct.pack_into(form, data, at, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(0, "<Q", 0x113), "magic number 0x112. Got 0x113"),
        (changed(16, "<Q", 2**63), "at most 2 arrays"),
        (changed(24, "<I", 3), "an array's magic number"),
        (changed(28, "<i", 1), "a dense array (storage type 0). Got storage type 1"),
        (changed(28, "<i", 2), "a dense array"),
        (changed(32, "<i", 0), "1 to 32 dimensions. Got 0"),
        (changed(32, "<i", -1), "1 to 32 dimensions. Got -1"),
        (changed(32, "<i", 2**31 - 1), "1 to 32 dimensions"),
        (changed(36, "<q", -1), "dimensions that the file can hold"),
        (changed(36, "<q", 2**62), "dimensions that the file can hold"),
        (changed(36, "<q", 20), "160 bytes of an array of shape (20, 2)"),
        (changed(60, "<i", 2), "Got number type 2"),
        (changed(60, "<i", -7), "Got number type -7"),
        (changed(72, "<Q", 1), "at most 0 names"),
        (ONE_UNNAMED + b"\0", "the end of the list. Got 1 more bytes"),
        (TWO_NAMED.replace(b"aux:b", b"arg:a"), "names that differ. Got 'a' twice"),
        (TWO_NAMED.replace(b"aux:b", b"au\xff:b"), "a name in UTF-8"),
        (changed(len(TWO_NAMED) - 13, "<Q", 2**64 - 1, TWO_NAMED), "a name of at most 5 bytes"),
    ],
)  # fmt: skip
def test_what_a_hostile_file_claims(content, message):
    assert message in refused(content)


def test_one_name_for_two_arrays():
    content = TWO_NAMED[:-34] + struct.pack("<QQ", 1, 1) + b"a" + bytes(8)
    assert "no names or 2. Got 1" in refused(content)


def test_claims_allocate_nothing():
    many = struct.pack("<QQQ", 0x112, 0, 2**40) + bytes(1000)
    wide = changed(36, "<q", 70, ONE_UNNAMED + bytes(1000))
    tracemalloc.start()
    for content in (many, wide):
        refused(content)
    assert tracemalloc.get_traced_memory()[1] < 100_000
    tracemalloc.stop()


@pytest.mark.parametrize("array", [np.zeros(2, np.float16), np.array(["a"]), np.array(1.0)])
def test_what_cannot_be_written(array):
    with pytest.raises(DataError, match="at least one dimension"):
        serialize_arrays([array])


def damaged(content, rng):
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at, n_bytes = rng.randrange(len(data)), rng.choice((1, 4, 8))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at : at + n_bytes] = rng.choice((b"\xff", b"\0", b"\x7f")) * n_bytes
            case 2:
                del data[at : at + n_bytes]
            case _:
                data[at:at] = data[at : at + n_bytes]
    return bytes(data)


def test_damaged_lists_are_read_or_refused():
    rng = random.Random(3)
    n_refused = 0
    for _ in range(4000):
        try:
            parse_arrays(damaged(rng.choice((ONE_UNNAMED, TWO_NAMED)), rng), "params")
        except DataError:
            n_refused += 1
    assert 2000 < n_refused < 4000
