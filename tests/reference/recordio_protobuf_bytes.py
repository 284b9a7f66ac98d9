"""Slow, obvious encoder of RecordIO-protobuf that also spells messages as writers seldom do."""

import struct

MAGIC = struct.pack("<I", 0xCED7230A)
MEMBERS = {"float32": (2, "<f", 5), "float64": (3, "<d", 1), "int32": (7, None, 0)}


def varint(value):
    value &= (1 << 64) - 1
    encoded = b""
    while value >= 128:
        encoded += bytes([value % 128 + 128])
        value //= 128
    return encoded + bytes([value])


def tag(number, wire_type):
    return varint(number * 8 + wire_type)


def field(number, content):
    return tag(number, 2) + varint(len(content)) + content


def number(kind, value):
    layout = MEMBERS[kind][1]
    return varint(int(value)) if layout is None else struct.pack(layout, value)


def repeated(field_number, encoded, wire_type, packed):
    if packed:
        return field(field_number, b"".join(encoded)) if encoded else b""
    return b"".join(tag(field_number, wire_type) + one for one in encoded)


def tensor(kind, values, keys=(), shape=(), packed=True, order=(0, 1, 2), unknown=b""):
    fields = [
        repeated(1, [number(kind, value) for value in values], MEMBERS[kind][2], packed),
        repeated(2, [varint(key) for key in keys], 0, packed),
        repeated(3, [varint(size) for size in shape], 0, packed),
    ]
    return unknown.join(fields[i] for i in order) + unknown


def value(kind, content):
    return field(MEMBERS[kind][0], content)


def entry(map_number, content, key="values"):
    return field(map_number, field(1, key.encode()) + field(2, content))


def frame(payload, part=0):
    return MAGIC + struct.pack("<I", part << 29 | len(payload)) + payload + bytes(-len(payload) % 4)


def frames_in_parts(payload, cuts):
    """One record as first, middle and last parts; `payload` holds the magic word at every cut."""
    pieces, begin = [], 0
    for cut in cuts:
        assert payload[cut : cut + 4] == MAGIC
        pieces.append(payload[begin:cut])
        begin = cut + 4
    pieces.append(payload[begin:])
    parts = [1] + [2] * (len(pieces) - 2) + [3]
    return b"".join(frame(piece, part) for piece, part in zip(pieces, parts, strict=True))
