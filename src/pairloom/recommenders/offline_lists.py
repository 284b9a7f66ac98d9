"""The lists of all users, computed at once and kept: a folder of Parquet files that a killed run goes on with.

``lists.json`` says whose lists these are and how they were asked for; it is written first, and again when all is done.
``part-00000.parquet`` and so on hold ``user``, ``item``, ``score`` and ``rank``, one file for some thousand users. A
file is written under another name, flushed to disk and then renamed: one that is there is whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.formats import write_tables
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.choosing import Wishes
from pairloom.recommenders.recommender import Recommender

__all__ = ["WrittenLists", "write_lists"]

FORMAT, VERSION = "pairloom-lists", 1
MANIFEST = "lists.json"
LARGEST_MANIFEST_BYTES = 1 << 26


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """The contents of ``lists.json``."""

    format: str
    version: int
    model: str
    fingerprint: str
    settings: dict[str, Any]
    n_users: int
    shard_users: int
    complete: bool = False


@dataclass(frozen=True, slots=True)
class WrittenLists:
    """What `write_lists` did.

    Parameters
    ----------
    folder : Path
    n_users, n_rows : int
        Users and rows that this run wrote.
    n_shards : int
        Files in the folder.
    n_kept : int
        Those of them that an earlier run had finished.
    """

    folder: Path
    n_users: int
    n_rows: int
    n_shards: int
    n_kept: int


def write_lists(
    recommender: Recommender,
    folder: str | Path,
    wishes: Wishes,
    n: int,
    *,
    shard_users: int,
    on_progress: Callable[[int], None] | None = None,
) -> WrittenLists:
    """Write the lists of all users that a recommender knows; see `Recommender.recommend_all`."""
    if n < 1 or shard_users < 1:
        raise UserError(f"recommend_all: 'n' and 'shard_users' must be 1 or more. Got {n} and {shard_users}.")
    target = Path(folder)
    n_users = len(recommender.users_)
    asked = Manifest(
        FORMAT,
        VERSION,
        recommender.name,
        fingerprint(recommender),
        _settings(wishes, n),
        n_users,
        shard_users,
    )
    _begin(target, asked)
    begins = range(0, n_users, shard_users)
    n_written = n_rows = n_kept = 0
    for shard, begin in enumerate(begins):
        path = target / f"part-{shard:05d}.parquet"
        end = min(begin + shard_users, n_users)
        if path.exists():
            n_kept += 1
        else:
            users = np.arange(begin, end, dtype=np.int32)
            askers = Askers(recommender.histories_.take(users), users)
            ids = recommender.users_.values(users)
            found = recommender._lists(askers, wishes, n, reasons=False, ids=ids)  # pyright: ignore[reportPrivateUsage]
            _put(path, lambda work, found=found: write_tables([found.to_table()], work))
            n_written, n_rows = n_written + len(users), n_rows + len(found)
        if on_progress is not None:
            on_progress(end - begin)
    for left in target.glob(".part-*.parquet"):
        left.unlink(missing_ok=True)
    asked.complete = True
    _put(target / MANIFEST, lambda work: work.write_bytes(_encoded(asked)))
    return WrittenLists(target, n_written, n_rows, len(begins), n_kept)


def fingerprint(recommender: Recommender) -> str:
    """Tell a fitted recommender from all others, by a hash of all that its model file keeps but its index."""
    from pairloom.recommenders.model_file import model_contents

    parameters, arrays = model_contents(recommender)
    digest = hashlib.blake2b(msgspec.json.encode(parameters, order="deterministic"), digest_size=16)
    for name in sorted(arrays):
        array: npt.NDArray[Any] = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {array.dtype.str} {array.shape} ".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _settings(wishes: Wishes, n: int) -> dict[str, Any]:
    """Return what was asked for as JSON has it."""
    settings = {
        "n": n,
        "seen": wishes.seen,
        "block": [str(each) for each in wishes.block],
        "only": None if wishes.only is None else [str(each) for each in wishes.only],
        "where": wishes.where,
        "caps": wishes.caps,
        "boosts": {str(item): factor for item, factor in wishes.boosts.items()},
        "diversity": wishes.diversity,
    }
    return msgspec.json.decode(msgspec.json.encode(settings, enc_hook=_plain))


def _plain(value: Any) -> Any:
    """Numbers and arrays of numpy as JSON has them."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else str(value)


def _begin(target: Path, asked: Manifest) -> None:
    """Make the folder, or check that it is of the same lists."""
    target.mkdir(parents=True, exist_ok=True)
    path = target / MANIFEST
    if not path.exists():
        if any(target.glob("*.parquet")):
            raise UserError(
                f"recommend_all: the folder {target} must be empty or hold lists that were begun before. "
                "Got Parquet files of something else. Name another folder."
            )
        _put(path, lambda work: work.write_bytes(_encoded(asked)))
        return
    if path.stat().st_size > LARGEST_MANIFEST_BYTES:
        raise DataError(f"at most {LARGEST_MANIFEST_BYTES:,} bytes of {MANIFEST}", source=str(target))
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.MsgspecError as error:
        raise DataError(
            "a sound list of what was asked for",
            got=str(error),
            source=str(path),
            action="Name another folder",
        ) from error
    for name in Manifest.__struct_fields__[:-1]:
        before, now = getattr(found, name), getattr(asked, name)
        if before != now:
            said = f"{before} before and {now} now"
            if name == "settings":
                other = [key for key in now if now[key] != before.get(key)]
                said = "; ".join(f"{key} {before.get(key)} before and {now[key]} now" for key in other)
            raise UserError(
                f"recommend_all: the folder {target} must hold lists of the same model and settings. "
                f"Got another {name}: {said}. Name another folder, or empty it."
            )


def _encoded(manifest: Manifest) -> bytes:
    return msgspec.json.format(msgspec.json.encode(manifest))


def _put(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file so that it is there whole or not at all."""
    work = path.with_name(f".part-{os.getpid()}-{path.name.removesuffix('.parquet')}.parquet")
    write(work)
    with work.open("rb+") as opened:
        os.fsync(opened.fileno())
    work.replace(path)
