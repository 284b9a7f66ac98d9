"""SageMaker's `Record` message as Python objects, with the attributes of the generated protobuf classes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from pairloom.errors import DataError

__all__ = ["Bytes", "Record", "Tensor", "Value"]

_MAX_GROUP_DEPTH = 32
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)


@dataclass(slots=True)
class Tensor:
    """Float32Tensor, Float64Tensor or Int32Tensor: values; keys and shape if it is sparse."""

    values: list[float] = field(default_factory=list[float])
    keys: list[int] = field(default_factory=list[int])
    shape: list[int] = field(default_factory=list[int])


@dataclass(slots=True)
class Bytes:
    """Raw payloads, such as images."""

    value: list[bytes] = field(default_factory=list[bytes])
    content_type: str = ""


@dataclass(slots=True)
class Value:
    """One of four; the others are empty."""

    float32_tensor: Tensor = field(default_factory=Tensor)
    float64_tensor: Tensor = field(default_factory=Tensor)
    int32_tensor: Tensor = field(default_factory=Tensor)
    bytes: Bytes = field(default_factory=Bytes)
    kind: str | None = None

    def WhichOneof(self, name: str) -> str | None:  # noqa: N802 - protobuf's name
        """Name of the field that is set; `name` must be ``"value"``."""
        if name != "value":
            raise DataError("the name 'value'", got=repr(name), field="name")
        return self.kind


@dataclass(slots=True)
class Record:
    """Named features and labels of one row; predictions come as labels."""

    features: dict[str, Value] = field(default_factory=dict[str, Value])
    label: dict[str, Value] = field(default_factory=dict[str, Value])
    uid: str = ""
    metadata: str = ""
    configuration: str = ""

    @classmethod
    def from_bytes(cls, message: bytes) -> Record:
        """Decode a message; unknown fields are passed over.

        Raises
        ------
        DataError
            With the byte offset within its message, where the bytes are no protobuf.
        """
        record = cls()
        for number, wire_type, content in _fields(message):
            if number in (1, 2) and wire_type == _BYTES:
                key, value = _entry(content)
                (record.features if number == 1 else record.label)[key] = value
            elif number in (3, 4, 5) and wire_type == _BYTES:
                setattr(record, ("uid", "metadata", "configuration")[number - 3], _text(content))
        return record


_MEMBERS = {
    2: ("float32_tensor", "<f4"),
    3: ("float64_tensor", "<f8"),
    7: ("int32_tensor", ""),
    9: ("bytes", ""),
}


def _entry(message: bytes) -> tuple[str, Value]:
    key, content = "", b""
    for number, wire_type, part in _fields(message):
        if number == 1 and wire_type == _BYTES:
            key = _text(part)
        elif number == 2 and wire_type == _BYTES:
            content += part
    return key, _value(content)


def _value(message: bytes) -> Value:
    member, content = 0, b""
    for number, wire_type, part in _fields(message):
        if number in _MEMBERS and wire_type == _BYTES:
            content = content + part if number == member else part
            member = number
    if member == 0:
        return Value()
    name, dtype = _MEMBERS[member]
    value = Value(kind=name)
    setattr(value, name, _bytes(content) if name == "bytes" else _tensor(content, dtype))
    return value


def _bytes(message: bytes) -> Bytes:
    found = Bytes()
    for number, wire_type, content in _fields(message):
        if number == 1 and wire_type == _BYTES:
            found.value.append(content)
        elif number == 2 and wire_type == _BYTES:
            found.content_type = _text(content)
    return found


def _tensor(message: bytes, dtype: str) -> Tensor:
    tensor = Tensor()
    single = {"<f4": _FIXED32, "<f8": _FIXED64, "": _VARINT}[dtype]
    for number, wire_type, content in _fields(message):
        if number == 1 and wire_type in (_BYTES, single):
            tensor.values += _numbers(content, dtype)
        elif number == 2 and wire_type in (_BYTES, _VARINT):
            tensor.keys += _varints(content)
        elif number == 3 and wire_type in (_BYTES, _VARINT):
            tensor.shape += _varints(content)
    return tensor


def _numbers(content: bytes, dtype: str) -> list[float]:
    if dtype == "":
        return [struct.unpack("<i", struct.pack("<I", bits & 0xFFFFFFFF))[0] for bits in _varints(content)]
    if len(content) % np.dtype(dtype).itemsize != 0:
        raise DataError("whole packed numbers", got=f"{len(content)} bytes", field="values")
    return np.frombuffer(content, dtype).tolist()


def _varints(content: bytes) -> list[int]:
    found, at = list[int](), 0
    while at < len(content):
        bits, at = _varint(content, at)
        found.append(bits)
    return found


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _fields(message: bytes) -> Iterator[tuple[int, int, bytes]]:
    at = 0
    while at < len(message):
        tag, at = _tag(message, at)
        start, at = _skip(message, at, tag, 0)
        yield tag >> 3, tag & 7, message[start:at]


def _tag(message: bytes, at: int) -> tuple[int, int]:
    tag, end = _varint(message, at)
    if not 8 <= tag < 1 << 32:
        raise DataError("a protobuf field number in [1, 536870911]", got=str(tag >> 3), byte_offset=at)
    return tag, end


def _skip(message: bytes, at: int, tag: int, depth: int) -> tuple[int, int]:
    """Return where the content of a field begins and ends."""
    wire_type = tag & 7
    if wire_type == _VARINT:
        return at, _varint(message, at)[1]
    if wire_type == _GROUP:
        return at, _skip_group(message, at, tag, depth)
    if wire_type == _BYTES:
        length, at = _varint(message, at)
    elif wire_type in (_FIXED32, _FIXED64):
        length = 4 if wire_type == _FIXED32 else 8
    else:
        raise DataError("a protobuf wire type in [0, 3] or 5", got=str(wire_type), byte_offset=at)
    if length > len(message) - at:
        raise DataError(f"a field of at most {len(message) - at} bytes", got=str(length), byte_offset=at)
    return at, at + length


def _skip_group(message: bytes, at: int, tag: int, depth: int) -> int:
    if depth == _MAX_GROUP_DEPTH:
        raise DataError("groups nested at most 32 deep", got="deeper ones", byte_offset=at)
    while True:
        inner, at = _tag(message, at)
        if inner == tag + 1:
            return at
        at = _skip(message, at, inner, depth + 1)[1]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    bits = 0
    for i in range(10):
        if at + i >= len(message):
            raise DataError("a varint", got="the end of the message", byte_offset=at)
        byte = message[at + i]
        bits |= (byte & 0x7F) << 7 * i
        if byte < 0x80 and bits < 1 << 64:
            return bits, at + i + 1
    raise DataError("a varint of at most 64 bits", got="a longer one", byte_offset=at)
