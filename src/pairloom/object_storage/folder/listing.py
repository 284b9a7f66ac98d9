"""Pages of keys: a range scan of the index that jumps over what a delimiter rolls up."""

from __future__ import annotations

import sqlite3

from pairloom.object_storage.folder.rows import OBJECT_COLUMNS, object_of
from pairloom.object_storage.objects import Listing, ObjectInfo

__all__ = ["list_keys"]

_PAGE = f"select {OBJECT_COLUMNS} from object where bucket = ? and key > ? and key >= ? order by key limit ?"  # noqa: S608


def list_keys(
    reader: sqlite3.Connection, bucket: str, prefix: str, *, delimiter: str, after: str, limit: int
) -> Listing:
    """See `pairloom.object_storage.interface.ObjectStore.list`; the cost grows with what is returned alone."""
    wanted, cut = prefix.encode(), delimiter.encode()
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    at = after.encode()
    last = after
    if limit <= 0:
        return Listing([], [], None)
    if cut and at.startswith(wanted) and _rolled(at, wanted, cut) == at:
        at = behind(at)
    while True:
        jumped = False
        room = limit - len(objects) - len(prefixes)
        rows = reader.execute(_PAGE, (bucket, at, wanted, room + 1))
        n_rows = 0
        for row in rows:
            n_rows += 1
            key: bytes = row[1]
            if not key.startswith(wanted):
                return Listing(objects, prefixes, None)
            if len(objects) + len(prefixes) >= limit:
                return Listing(objects, prefixes, last)
            common = _rolled(key, wanted, cut) if cut else None
            if common is None:
                objects.append(object_of(row))
                last, at = objects[-1].key, key
            else:
                prefixes.append(common.decode())
                last, at, jumped = prefixes[-1], behind(common), True
                break
        rows.close()
        if not jumped and n_rows <= room:
            return Listing(objects, prefixes, None)


def _rolled(key: bytes, prefix: bytes, delimiter: bytes) -> bytes | None:
    """Return what a key is rolled up to, or None if it stands for itself."""
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]


def behind(prefix: bytes) -> bytes:
    """Return a text that sorts behind every key with that prefix, and before every other that follows."""
    return prefix + b"\xff"  # no byte of UTF-8
