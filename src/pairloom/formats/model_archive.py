"""``model.tar.gz`` from anywhere, read as what it has to be: a few plain files side by side.

Archives come from strangers. This reader takes the part of the tar format that models need (ustar, PAX and GNU
headers of plain files and folders) and refuses everything else by name: names that lead elsewhere, links, devices,
sparse files, names that repeat, bytes after the end. What it reads and what it hands out is bounded by `Limits`.
"""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from pairloom.errors import DataError
from pairloom.formats.compression import decompressed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["LIMITS", "Limits", "Member", "read_members"]

_BLOCK = 512
_PIECE_BYTES = 1 << 20
_LARGEST_HEADER_BYTES = 64 << 10
_GZIP = b"\x1f\x8b"
_PLAIN, _FOLDER, _PAX, _PAX_FOR_ALL, _LONG_NAME = b"0\0", b"5", b"x", b"g", b"L"
_KINDS = {
    b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device", b"6": "a FIFO",
    b"7": "a contiguous file", b"K": "a long link", b"S": "a sparse file", b"M": "part of a volume",
}  # fmt: skip
_NOT_IN_MODELS = ("GNU.sparse.", "SCHILY.realsize", "linkpath")


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an archive may hold before it is refused.

    Parameters
    ----------
    n_members : int
        Files and headers.
    total_bytes : int
        Unpacked, headers and padding included.
    ratio : int
        Unpacked bytes for every packed one, once more than `ratio_free_bytes` are unpacked.
    ratio_free_bytes : int
    """

    n_members: int = 1000
    total_bytes: int = 32 << 30
    ratio: int = 200
    ratio_free_bytes: int = 256 << 20


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Member:
    """A plain file of an archive.

    Parameters
    ----------
    name : str
        Without folders.
    size_bytes : int
    pieces : iterator of bytes
        The contents, in blocks of a megabyte; read before the next member is asked for, or passed over.
    """

    name: str
    size_bytes: int
    pieces: Iterator[bytes]


def read_members(stream: BinaryIO, source: str, limits: Limits = LIMITS) -> Generator[Member]:
    """Yield the files of a tar archive, packed by gzip or not.

    Parameters
    ----------
    stream : open binary file
        At the beginning of the archive.
    source : str
        What errors call it.
    limits : Limits

    Raises
    ------
    DataError
        For whatever is no archive of plain files with different names, is damaged, cut off or larger than the
        limits.
    """
    reader = _Reader(stream, source, limits)
    names: set[str] = set()
    extended: dict[str, str] = {}
    for _ in range(limits.n_members + 1):
        header = reader.block()
        if header is None:
            if extended:
                raise reader.fault("a file after its extended header", "the end of the archive")
            return
        kind = header[156:157]
        if kind in (_PAX, _PAX_FOR_ALL, _LONG_NAME) and extended:
            raise reader.fault("one extended header a file", "two")
        name, size = _name(reader, header, extended), _size(reader, header, extended)
        if kind in (_PAX, _PAX_FOR_ALL, _LONG_NAME):
            extended = _extended(reader, kind, size)
            if kind == _PAX_FOR_ALL and extended:
                raise reader.fault("an extended header for one file", "a path or size for all")
            continue
        extended = {}
        if kind == _FOLDER and name.strip("/") in (".", "") and not name.startswith("/") and size == 0:
            continue
        plain = name.removeprefix("./")
        if kind not in _PLAIN or not _is_plain_name(plain):
            what = _KINDS.get(kind, "a folder" if kind == _FOLDER else "")
            raise reader.fault("plain files side by side", f"{what} {plain!r}".strip())
        known = unicodedata.normalize("NFC", plain).casefold()
        if known in names:
            raise reader.fault("files with different names", f"{plain!r} twice")
        names.add(known)
        pieces = reader.pieces(size, plain)
        yield Member(plain, size, pieces)
        for _ in pieces:
            pass
    raise reader.fault(f"at most {limits.n_members} files", "more")


class _Reader:
    """Blocks of an archive, decompressed and counted."""

    def __init__(self, stream: BinaryIO, source: str, limits: Limits) -> None:
        self._source, self._limits, self._n_bytes = source, limits, 0
        self._packed = _Counting(stream)
        start = self._packed.read(2)
        self._packed.unread(start)
        self._is_packed = start == _GZIP
        self._stream = decompressed(cast(BinaryIO, self._packed), ".gz" if self._is_packed else "", source)

    def fault(self, expected: str, got: str) -> DataError:
        return DataError(
            expected, got=got, source=self._source, action="Give a model.tar.gz with plain files"
        )

    def read(self, n_bytes: int, what: str) -> bytes:
        """Read so many bytes, not more than a piece."""
        blocks: list[bytes] = []
        missing = n_bytes
        while missing > 0:
            block = self._stream.read(missing)
            if not block:
                raise self.fault("a whole archive", f"its end within {what}")
            blocks.append(block)
            missing -= len(block)
        self._count(n_bytes)
        return b"".join(blocks)

    def block(self) -> bytes | None:
        """Read a header; None at the end of the archive, after which there are only zeros."""
        header = self.read(_BLOCK, "its headers")
        if any(header):
            _check_sum(self, header)
            return header
        while rest := self._stream.read(_PIECE_BYTES):
            self._count(len(rest))
            if any(rest):
                raise self.fault("nothing after the end of the archive", "more bytes")
        return None

    def pieces(self, size: int, name: str) -> Generator[bytes]:
        """Yield the contents of a file and pass over its padding."""
        if size > self._limits.total_bytes - self._n_bytes:
            limit = f"at most {self._limits.total_bytes:,} bytes in all"
            raise self.fault(limit, f"{size:,} for {name!r} alone")
        left = size
        while left > 0:
            yield self.read(min(left, _PIECE_BYTES), repr(name))
            left -= min(left, _PIECE_BYTES)
        self.read(-size % _BLOCK, repr(name))

    def _count(self, n_bytes: int) -> None:
        self._n_bytes += n_bytes
        limits = self._limits
        if self._n_bytes > limits.total_bytes:
            raise self.fault(f"at most {limits.total_bytes:,} bytes in all", "more")
        allowed = max(limits.ratio_free_bytes, limits.ratio * self._packed.n_bytes)
        if self._is_packed and self._n_bytes > allowed:
            raise self.fault(
                f"at most {limits.ratio} bytes for each packed one",
                f"{self._n_bytes:,} bytes out of {self._packed.n_bytes:,}",
            )


class _Counting(io.RawIOBase):
    """A stream that knows how much of it was read, and into which the first bytes can be put back."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._held, self.n_bytes = stream, b"", 0

    def unread(self, held: bytes) -> None:
        self._held, self.n_bytes = held, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer)
        block = self._held[: len(view)] or self._stream.read(len(view))
        self._held = self._held[len(block) :]
        view[: len(block)] = block
        self.n_bytes += len(block)
        return len(block)


def _check_sum(reader: _Reader, header: bytes) -> None:
    stated = _octal(reader, header[148:156], "checksum")
    spaced = header[:148] + b" " * 8 + header[156:]
    if stated not in (sum(spaced), sum(memoryview(spaced).cast("b"))):
        raise reader.fault("a model.tar.gz", "a header with another checksum")


def _octal(reader: _Reader, field: bytes, what: str) -> int:
    digits = field.strip(b"\0 ")
    if not digits:
        return 0
    if not all(digit in b"01234567" for digit in digits):
        raise reader.fault("a model.tar.gz", f"a {what} that is no octal number")
    return int(digits, 8)


def _size(reader: _Reader, header: bytes, extended: dict[str, str]) -> int:
    if "size" in extended:
        if not (extended["size"].isascii() and extended["size"].isdigit()) or len(extended["size"]) > 20:
            raise reader.fault("a size in decimal digits", repr(extended["size"][:40]))
        return int(extended["size"])
    field = header[124:136]
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    return _octal(reader, field, "size")


def _name(reader: _Reader, header: bytes, extended: dict[str, str]) -> str:
    if "path" in extended:
        return extended["path"]
    raw = header[:100].partition(b"\0")[0]
    prefix = header[345:500].partition(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    return _text(reader, prefix + b"/" + raw if prefix else raw)


def _text(reader: _Reader, raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise reader.fault("names in UTF-8", repr(raw[:40])) from None


def _extended(reader: _Reader, kind: bytes, size: int) -> dict[str, str]:
    """Read what an extended header says of path and size."""
    if size > _LARGEST_HEADER_BYTES:
        raise reader.fault(f"extended headers of at most {_LARGEST_HEADER_BYTES} bytes", f"{size:,} bytes")
    content = b"".join(reader.pieces(size, "an extended header"))
    if kind == _LONG_NAME:
        return {"path": _text(reader, content.rstrip(b"\0"))}
    found: dict[str, str] = {}
    while content:
        length, _, _ = content.partition(b" ")
        n_bytes = int(length) if length.isdigit() and len(length) < 8 else 0
        record, content = content[len(length) + 1 : n_bytes], content[n_bytes:]
        key, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not equals or not record.endswith(b"\n") or len(record) != n_bytes - len(length) - 1:
            raise reader.fault("extended headers of whole records", repr(record[:40]))
        name = _text(reader, key)
        if name.startswith(_NOT_IN_MODELS):
            raise reader.fault("plain files side by side", f"a file with {name!r}")
        if name in ("path", "size"):
            if name in found:
                raise reader.fault("extended headers that say a thing once", f"{name!r} twice")
            found[name] = _text(reader, value)
    return found


def _is_plain_name(name: str) -> bool:
    return (
        name not in ("", ".", "..")
        and len(name.encode()) <= 255
        and not any(character in "/\\:" or ord(character) < 32 for character in name)
        and Path(name).name == name
    )
