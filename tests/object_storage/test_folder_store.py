"""What a folder store promises beyond the interface: durability, order after a crash, one owner."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from pairloom.errors import PlatformError
from pairloom.object_storage import FolderStore
from pairloom.object_storage.errors import StorageLostError
from pairloom.object_storage.folder import blobs

PART = 5 << 20


def blob_files(folder: Path) -> list[Path]:
    return [path for path in (folder / "blobs").rglob("*") if path.is_file()]


def settled(folder: Path, n_files: int) -> list[Path]:
    """Wait until the sweep after a crash is done."""
    until = time.monotonic() + 20
    while len(blob_files(folder)) != n_files and time.monotonic() < until:
        time.sleep(0.01)
    return blob_files(folder)


def in_process(code: str, folder: Path, **settings) -> subprocess.Popen:
    """Run code that has `store`, a store in the folder with a bucket, in another process."""
    begin = f"""
        import os, signal, sys, threading
        from pathlib import Path
        from pairloom.object_storage import FolderStore
        store = FolderStore(Path({str(folder)!r}))
    """
    text = textwrap.dedent(begin) + textwrap.dedent(code)
    return subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, **settings)


def test_links_and_copies_share_bytes(folder_store, tmp_path):
    folder_store.create_bucket("bucket")
    folder_store.put("bucket", "key", b"bytes")
    folder_store.link("bucket", "key", tmp_path / "linked")
    folder_store.copy(("bucket", "key"), "bucket", "copy")
    assert (tmp_path / "linked").stat().st_nlink == 3
    assert (tmp_path / "linked").stat().st_mode & 0o222 == 0
    folder_store.delete("bucket", "key")
    folder_store.delete("bucket", "copy")
    assert (tmp_path / "linked").read_bytes() == b"bytes"


def test_nothing_is_left_of_what_was_replaced(folder_store, tmp_path):
    folder_store.create_bucket("bucket")
    for i in range(10):
        folder_store.put("bucket", "key", bytes([i]))
    upload = folder_store.create_upload("bucket", "key")
    for number in (1, 2, 2, 1, 3):
        with folder_store.stage_part(upload, number, (), PART) as staged:
            staged.write(bytes(PART))
            folder_store.keep_part(upload, number, staged)
    parts = [(part.number, part.etag, {}) for part in folder_store.parts(upload)]
    folder_store.complete_upload(upload, parts[:2])
    assert len(blob_files(tmp_path / "objects")) == 1
    upload = folder_store.create_upload("bucket", "key")
    with folder_store.stage_part(upload, 1, (), 3) as staged:
        staged.write(b"abc")
        folder_store.keep_part(upload, 1, staged)
    folder_store.abort_upload(upload)
    with folder_store.stage() as staged:
        staged.write(b"never kept")
    assert len(blob_files(tmp_path / "objects")) == 1
    assert folder_store.head("bucket", "key").size_bytes == 2 * PART


def test_equal_parts_are_not_moved(folder_store, tmp_path, monkeypatch):
    """Completing an upload of equal parts and a last one copies none of them, in whatever order they came."""
    folder_store.create_bucket("bucket")
    upload = folder_store.create_upload("bucket", "key")
    threads = [threading.Thread(target=_part, args=(folder_store, upload, n)) for n in (2, 1, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    before = {path.stat().st_ino for path in blob_files(tmp_path / "objects")}
    parts = [(part.number, part.etag, {}) for part in folder_store.parts(upload)]
    assert len(before) <= 2  # the last may have come before the size of the others was known
    folder_store.complete_upload(upload, parts)
    assert {path.stat().st_ino for path in blob_files(tmp_path / "objects")} < before | {0}
    expected = b"".join(bytes([n]) * (PART if n < 4 else 9) for n in (1, 2, 3, 4))
    assert folder_store.open("bucket", "key").read() == expected


def _part(store, upload, number):
    body = bytes([number]) * (PART if number < 4 else 9)
    with store.stage_part(upload, number, (), len(body)) as staged:
        for start in range(0, len(body), 1 << 20):
            staged.write(body[start : start + (1 << 20)])
        store.keep_part(upload, number, staged)


def test_parts_outlive_a_restart(tmp_path):
    store = FolderStore(tmp_path)
    store.create_bucket("bucket")
    upload = store.create_upload("bucket", "key", checksum_algorithm="CRC64NVME", checksum_type="FULL_OBJECT")
    for number in (1, 3):
        _part(store, upload, number)
    store.close()
    store = FolderStore(tmp_path)
    upload = store.upload("bucket", "key", upload.upload_id)
    _part(store, upload, 2)
    parts = [(part.number, part.etag, {}) for part in store.parts(upload)]
    store.complete_upload(upload, parts)
    assert store.open("bucket", "key").read() == b"".join(bytes([n]) * PART for n in (1, 2, 3))
    assert len(blob_files(tmp_path)) == 1
    store.close()


@pytest.mark.parametrize("point", ["object.written", "object.named", "part.written", "upload.joined"])
def test_killed_at_a_point(tmp_path, point):
    """Whatever was acknowledged is there, whatever was not is there as a whole or not at all; no file is left over."""
    code = """
        store.create_bucket("bucket")
        store.put("bucket", "kept", b"first")
        upload = store.create_upload("bucket", "parts")
        kept = []
        os.environ["PAIRLOOM_FAULT"] = POINT
        for number in (1, 2):
            with store.stage_part(upload, number, (), 5 << 20) as staged:
                staged.write(bytes([number]) * (5 << 20))
                kept.append(store.keep_part(upload, number, staged))
                print("part", number, upload.upload_id, flush=True)
        store.complete_upload(upload, [(part.number, part.etag, {}) for part in kept])
        print("completed", flush=True)
        store.put("bucket", "kept", b"second")
        print("put", flush=True)
    """.replace("POINT", repr(point))
    process = in_process(code, tmp_path)
    said = process.communicate()[0]
    assert process.returncode == -9
    store = FolderStore(tmp_path)
    assert store.open("bucket", "kept").read() in ((b"second",) if "put" in said else (b"first", b"second"))
    parts = store.list("bucket", "parts").objects
    assert len(parts) == 1 if "completed" in said else len(parts) <= 1
    if parts:
        assert store.open("bucket", "parts").read() == b"\x01" * PART + b"\x02" * PART
        assert store.uploads("bucket") == []
    else:
        (upload,) = store.uploads("bucket")
        assert len(store.parts(upload)) >= said.count("part ")
        store.abort_upload(upload)
    n_objects = len(store.list("bucket").objects)
    assert len(settled(tmp_path, n_objects)) == n_objects
    store.close()


def test_killed_under_load(tmp_path):
    """Killed at any moment while four threads write: what was acknowledged last, or what came after, is in each key."""
    code = """
        import random
        def work(worker):
            for i in range(1, 100_000):
                store.put("bucket", f"key {worker}", f"{i} ".encode() * random.choice((1, 2000)))
                os.write(1, f"{worker} {i}\\n".encode())
        for worker in range(4):
            threading.Thread(target=work, args=(worker,), daemon=True).start()
        threading.Event().wait()
    """
    store = FolderStore(tmp_path)
    store.create_bucket("bucket")
    store.close()
    for round_ in range(4):
        acknowledged = {}
        with in_process(code, tmp_path) as process:
            for line in process.stdout:
                if line.endswith("\n"):
                    worker, i = map(int, line.split())
                    acknowledged[worker] = i
                if sum(acknowledged.values()) > 40 + 25 * round_:
                    process.kill()
        store = FolderStore(tmp_path)
        for worker, i in acknowledged.items():
            got = store.open("bucket", f"key {worker}").read().split()
            assert len(set(got)) == 1
            assert int(got[0]) in (i, i + 1)
        n_objects = len(store.list("bucket").objects)
        assert len(settled(tmp_path, n_objects)) == n_objects
        store.close()


def test_full_disk(tmp_path):
    """A file that may not grow is a clear error; the old object stays, and so does the store."""
    code = """
        import resource
        from pairloom.object_storage.errors import StorageFullError
        store.create_bucket("bucket")
        store.put("bucket", "key", b"old")
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, 4 << 20))
        try:
            store.put("bucket", "key", bytes(5 << 20))
        except StorageFullError as error:
            print("refused:", error)
        print(store.open("bucket", "key").read())
        store.put("bucket", "small", b"goes on")
        store.close()
    """
    process = in_process(code, tmp_path)
    said = process.communicate()[0]
    assert process.returncode == 0
    assert "refused: Object store: the disk of" in said
    assert "b'old'" in said
    store = FolderStore(tmp_path)
    assert store.open("bucket", "small").read() == b"goes on"
    assert len(blob_files(tmp_path)) == 2
    store.close()


def test_one_owner(folder_store, tmp_path):
    with pytest.raises(PlatformError, match=f"Process {os.getpid()} has it open"):
        FolderStore(tmp_path / "objects")


def test_lost_file(folder_store, tmp_path):
    folder_store.create_bucket("bucket")
    folder_store.put("bucket", "key", b"bytes" * 100)
    (file,) = blob_files(tmp_path / "objects")
    opened = folder_store.open("bucket", "key")
    file.chmod(0o644)
    file.write_bytes(b"cut")
    with pytest.raises(StorageLostError, match="cut short"):
        opened.read()
    file.unlink()
    with pytest.raises(StorageLostError, match="gone"):
        folder_store.open("bucket", "key")


def test_newer_index(tmp_path):
    import sqlite3

    FolderStore(tmp_path).close()
    with sqlite3.connect(tmp_path / "index.sqlite3") as connection:
        connection.execute("pragma user_version = 99")
    connection.close()
    with pytest.raises(PlatformError, match="99"):
        FolderStore(tmp_path)


def test_without_hard_links(folder_store, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(blobs.os, "link", refuse)
    folder_store.create_bucket("bucket")
    folder_store.put("bucket", "key", b"bytes")
    folder_store.copy(("bucket", "key"), "bucket", "copy")
    folder_store.link("bucket", "copy", tmp_path / "linked")
    assert (tmp_path / "linked").read_bytes() == b"bytes"
    assert (tmp_path / "linked").stat().st_nlink == 1
