import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pairloom.channels.streams import PeekableStream
from pairloom.channels.wrapping import objects_of
from pairloom.errors import DataError
from pairloom.formats.recordio import MAGIC, read_recordio, write_recordio

MAGIC_BYTES = struct.pack("<I", MAGIC)


def unwrapped(content):
    return [stream.read() for stream in objects_of(PeekableStream(io.BytesIO(content), "it"))]


def framed(content, flag=0):
    header = struct.pack("<II", MAGIC, flag << 29 | len(content))
    return header + content + bytes(-len(content) % 4)


@given(st.lists(st.binary(max_size=50).filter(lambda b: not b.startswith(b"\x1f\x8b"))))
def test_what_was_wrapped_comes_out(objects):
    buffer = io.BytesIO()
    for content in objects:
        write_recordio(buffer, content)
    assert unwrapped(buffer.getvalue()) == objects


@given(st.lists(st.binary(max_size=9), min_size=2, max_size=5))
def test_parts_are_joined_as_the_reader_of_records_joins_them(parts):
    flags = [1, *[2] * (len(parts) - 2), 3]
    content = b"".join(framed(part, flag) for part, flag in zip(parts, flags, strict=True))
    joined = MAGIC_BYTES.join(parts)
    assert list(read_recordio(io.BytesIO(content))) == [joined]
    if not joined.startswith(b"\x1f\x8b"):
        assert unwrapped(content + framed(b"next")) == [joined, b"next"]


def test_an_object_that_is_not_read_is_stepped_over():
    stream = PeekableStream(io.BytesIO(framed(b"a" * 200_001) + framed(b"b")), "it")
    first, second = objects_of(stream)
    assert (first.name, second.name) == ("it, object 1", "it, object 2")


@given(st.binary(max_size=60))
def test_any_bytes_come_out_or_are_refused(content):
    with contextlib.suppress(DataError):
        assert all(isinstance(found, bytes) for found in unwrapped(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"1,2,3\n4,5,6\n", r"it, object 1, byte 8: expected RecordIO's magic number.*RecordWrapperType"),
        (framed(b"abcd")[:-1], "object 1, byte 11: expected a whole object. Got the end of the stream"),
        (framed(b"abc")[:-1], "object 1, byte 11: expected a whole object. Got the end of the stream"),
        (framed(b"abcd") + b"\x0a", "object 2, byte 13: expected a whole object. Got the end of the stream"),
        (framed(b"abcd", 2), "expected a whole record .0. or a first part .1.. Got part flag 2"),
        (framed(b"abcd", 1) + framed(b"abcd", 0), "expected a middle .2. or last .3. part. Got part flag 0"),
        (framed(b"abcd", 1), "expected a whole object. Got the end of the stream"),
    ],
)
def test_damage_is_placed(content, message):
    with pytest.raises(DataError, match=message):
        unwrapped(content)
