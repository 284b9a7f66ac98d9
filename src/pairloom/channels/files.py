"""File and FastFile mode: the files of a channel's folder, opened one after the other."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import numpy as np

from pairloom.channels.channel import ChannelInput
from pairloom.channels.streams import PeekableStream, unpacked
from pairloom.errors import DataError, UserError
from pairloom.formats.compression import split_ending

__all__ = ["channel_files", "open_files"]

SIDECARS = {"_SUCCESS", "_metadata", "_common_metadata"}
MANIFESTS = (".manifest", "-manifest")


def channel_files(channel: ChannelInput) -> list[Path]:
    """List the data files of a channel, sorted by path, this host's share of them where it is sharded.

    Hidden and empty files, manifests and the sidecars that Spark leaves are passed over.

    Raises
    ------
    UserError
        If there is no such folder, or nothing to read in it.
    """
    folder = channel.folder / channel.name
    if not folder.exists():
        raise UserError(
            f"{channel.label}: must be a folder with files, {folder}. Got nothing by that name. "
            "Put the data there, or set TrainingInputMode to Pipe if it comes through FIFOs."
        )
    found = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if _is_data(p, folder))
    if not found:
        raise UserError(
            f"{channel.label}: must hold at least one file with data. Got none in {folder}. "
            "Check the location of the data."
        )
    if channel.shard is None:
        return found
    rank, size = channel.shard
    if rank >= len(found):
        raise UserError(
            f"{channel.label}: must hold a file for each of {size} hosts. Got {len(found)}. "
            "Split the data into more files, or use fewer hosts."
        )
    return found[rank::size]


def open_files(channel: ChannelInput, paths: Sequence[Path], epoch: int) -> Generator[PeekableStream]:
    """Open each file when its turn comes, decompressed, and close it before the next."""
    order = list(range(len(paths)))
    if channel.shuffle_seed is not None:
        order = np.random.default_rng([channel.shuffle_seed, epoch]).permutation(len(paths)).tolist()
    for path in (paths[position] for position in order):
        name = f"{channel.label}, {_short_name(path, channel)}"
        try:
            raw = path.open("rb", buffering=0)
        except OSError as fault:
            raise DataError("a readable file", got=fault.strerror, source=name) from fault
        with raw, unpacked(PeekableStream(raw, name), split_ending(path)[1]) as stream:
            yield stream


def _short_name(path: Path, channel: ChannelInput) -> str:
    return str(path.relative_to(channel.folder / channel.name)) if path.name != channel.name else path.name


def _is_data(path: Path, folder: Path) -> bool:
    relative = path.relative_to(folder)
    if any(part.startswith(".") for part in relative.parts) or path.name in SIDECARS:
        return False
    return not path.name.endswith(MANIFESTS) and path.is_file() and path.stat().st_size > 0
