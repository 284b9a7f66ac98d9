"""From what a caller names to an ordered list of inputs."""

from __future__ import annotations

import glob
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pairloom.errors import DataError
from pairloom.formats.compression import decompressed, split_ending
from pairloom.formats.registry import Format, by_content_type, by_ending

__all__ = ["Input", "Source", "each_input", "list_inputs", "resolve_format"]

Source = (
    str | os.PathLike[str] | BinaryIO | Sequence["str | os.PathLike[str] | BinaryIO"] | Iterator[BinaryIO]
)
"""A file, folder or glob, an open binary file, or a list of these; or an iterator of open files, each opened
when its turn comes."""

_SIDECARS = {"_SUCCESS", "_metadata", "_common_metadata"}


@dataclass(frozen=True, slots=True)
class Input:
    """One file or stream to read, and what to call it in an error."""

    name: str
    path: Path | None = None
    stream: BinaryIO | None = None

    @contextmanager
    def opened(self) -> Generator[BinaryIO]:
        """Open it, decompressed by its ending; a stream of the caller's is taken as it is and stays open."""
        if self.stream is not None:
            yield self.stream
            return
        assert self.path is not None
        try:
            raw = self.path.open("rb", buffering=0)
        except OSError as fault:
            raise DataError("a readable file", got=fault.strerror, source=self.name) from fault
        with decompressed(raw, split_ending(self.path)[1], self.name) as stream:
            yield stream


def each_input(source: Source) -> Iterable[Input]:
    """List the inputs that `source` names, or take them from an iterator one by one."""
    if isinstance(source, Iterator) and not hasattr(source, "read"):
        return map(_of_stream, cast("Iterator[BinaryIO]", source))
    return list_inputs(source)


def list_inputs(source: Source) -> list[Input]:
    """List the inputs that `source` names, a folder's and a glob's sorted by path.

    Folders are walked to the bottom; hidden files and sidecars that Spark leaves (``_SUCCESS``) are left out.

    Raises
    ------
    DataError
        For a missing or empty file, a folder or glob without data, or something that is no source at all.
    """
    if isinstance(source, (str, os.PathLike)):
        return _of_path(os.fspath(source))
    if hasattr(source, "read"):
        return [_of_stream(cast(BinaryIO, source))]
    if not isinstance(source, (list, tuple)):
        got = type(source).__name__
        raise DataError("a path, an open binary file or a list of these", got=got, field="source")
    if not source:
        raise DataError("at least one file", got="an empty list", field="source")
    return [found for one in cast("Sequence[Source]", source) for found in list_inputs(one)]


def resolve_format(inputs: Iterable[Input], content_type: str | None) -> tuple[Format, dict[str, Any]]:
    """Find the one format of all inputs: by content type if given, else by their endings.

    Raises
    ------
    DataError
        If there is no telling, or the inputs differ.
    """
    if content_type is not None:
        return by_content_type(content_type)
    if not isinstance(inputs, list):
        raise DataError(
            "a content type with an iterator", got="none", action="Pass content_type", field="source"
        )
    found: tuple[Format, dict[str, Any]] | None = None
    for each in inputs:
        path = each.path if each.path is not None else Path(each.name)
        this = by_ending(split_ending(path)[0], each.name)
        if found is not None and this[0] is not found[0]:
            raise DataError(
                f"files of one format, {found[0].name} like {inputs[0].name}",
                got=this[0].name,
                action="Read them one by one, or pass content_type",
                source=each.name,
            )
        found = this
    assert found is not None
    return found


def _of_path(name: str) -> list[Input]:
    path = Path(name)
    if path.is_dir():
        files = sorted(
            each for each in path.rglob("*") if not each.is_dir() and _is_data(each.relative_to(path))
        )
        if not files:
            raise DataError("a folder with data files", got="none in it", source=name)
        return [_of_file(each) for each in files]
    if path.exists():
        return [_of_file(path)]
    if glob.has_magic(name):
        matches = sorted(glob.glob(name, recursive=True))  # noqa: PTH207 - patterns may be absolute
        files = [
            Path(each) for each in matches if not Path(each).is_dir() and _is_data(Path(Path(each).name))
        ]
        if not files:
            raise DataError("files that match the pattern", got="none", source=name)
        return [_of_file(each) for each in files]
    raise DataError("a file, a folder or a pattern", got="nothing by that name", source=name)


def _is_data(relative: Path) -> bool:
    return not any(part.startswith(".") for part in relative.parts) and relative.name not in _SIDECARS


def _of_file(path: Path) -> Input:
    if path.is_file() and path.stat().st_size == 0:
        raise DataError(
            "at least one row", got="an empty file", action="Remove it or fill it", source=str(path)
        )
    return Input(str(path), path=path)


def _of_stream(stream: BinaryIO) -> Input:
    name = getattr(stream, "name", None)
    named = Input(name if isinstance(name, str) else "<stream>", stream=stream)
    if hasattr(stream, "encoding"):
        raise DataError(
            "a file opened in binary mode",
            got="one in text mode",
            action="Open it with 'rb'",
            source=named.name,
        )
    return named
