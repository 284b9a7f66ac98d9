"""Compressed files by their endings."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, BinaryIO, cast

from pairloom.errors import DataError, PairloomError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["COMPRESSED_ENDINGS", "decompressed", "split_ending", "write_compressed"]

COMPRESSED_ENDINGS = (".gz", ".bz2", ".xz", ".zst")


def split_ending(path: Path) -> tuple[str, str]:
    """Split off the endings of the format and of the compression, in lower case, ``""`` where missing.

    Examples
    --------
    >>> split_ending(Path("u1.CSV.gz"))
    ('.csv', '.gz')
    """
    if path.suffix.lower() in COMPRESSED_ENDINGS:
        return path.with_suffix("").suffix.lower(), path.suffix.lower()
    return path.suffix.lower(), ""


def decompressed(stream: BinaryIO, compression: str, source: str) -> BinaryIO:
    """Return a stream of the decompressed bytes, whose faults are `DataError`; `compression` is an ending."""
    if compression == "":
        return stream
    opened: dict[str, Callable[[], object]] = {
        ".gz": lambda: gzip.GzipFile(fileobj=stream, mode="rb"),
        ".bz2": lambda: bz2.BZ2File(stream, "rb"),
        ".xz": lambda: lzma.LZMAFile(stream, "rb"),  # noqa: SIM115 - closed by its owner
        ".zst": lambda: _zstandard(source).ZstdFile(stream, "rb"),
    }
    return cast(BinaryIO, _Decompressed(stream, cast(BinaryIO, opened[compression]()), source))


def write_compressed(stream: BinaryIO, compression: str, target: str) -> BinaryIO:
    """Return a stream that compresses into `stream`; closing it leaves `stream` open."""
    opened: dict[str, Callable[[], object]] = {
        ".gz": lambda: gzip.GzipFile(filename="", fileobj=stream, mode="wb", compresslevel=6, mtime=0),
        ".bz2": lambda: bz2.BZ2File(stream, "wb"),
        ".xz": lambda: lzma.LZMAFile(stream, "wb"),  # noqa: SIM115 - closed by the caller
        ".zst": lambda: _zstandard(target).ZstdFile(stream, "wb"),
    }
    return cast(BinaryIO, opened[compression]())


def _zstandard(source: str) -> ModuleType:
    try:
        return importlib.import_module("compression.zstd")
    except ImportError:
        raise DataError(
            "a compression that this Python can read",
            got="zstd, which comes with Python 3.14",
            action="Decompress the file first, or use .gz",
            source=source,
        ) from None


class _Decompressed(io.RawIOBase):
    def __init__(self, compressed: BinaryIO, inner: BinaryIO, source: str) -> None:
        self._compressed, self._inner, self._source = compressed, inner, source

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        try:
            return cast(io.RawIOBase, self._inner).readinto(buffer) or 0
        except PairloomError:
            raise
        except (EOFError, OSError, zlib.error, lzma.LZMAError) as fault:
            raise DataError(
                "a whole compressed file",
                got=f"a damaged or truncated one ({fault})",
                action="Fetch or write the file again",
                source=self._source,
            ) from fault

    def close(self) -> None:
        if not self.closed:
            self._inner.close()
            self._compressed.close()
        super().close()
