import os
import threading
import time

import pytest
from rows_for_tests import ACCEPTED, CSV, LIBSVM, RECORDIO, as_bytes, dense, rows, wrapped, zipped

from pairloom.channels import ChannelInput, open_channel
from pairloom.errors import DataError, PlatformError, UserError
from pairloom.testing.training_job import FifoWriter

pytestmark = pytest.mark.skipif(
    not hasattr(os, "mkfifo"), reason="Pipe mode needs FIFOs, which Windows lacks"
)

ROWS = rows(3000)
EXPECTED = dense([ROWS])


def opened(folder, content_type=RECORDIO, *, timeout_s=5.0, stopped=lambda: False, **options):
    channel = ChannelInput("train", folder, "Pipe", content_type, timeout_s=timeout_s, **options)
    return open_channel(channel, ACCEPTED, stopped=stopped)


@pytest.mark.parametrize("content_type", [RECORDIO, CSV, LIBSVM, "application/jsonlines"])
@pytest.mark.parametrize("pack", [bytes, zipped], ids=["plain", "gzip"])
def test_every_pass_reads_its_own_fifo(tmp_path, content_type, pack):
    other = rows(3000, seed=1)
    contents = [pack(as_bytes(batch, content_type)) for batch in (ROWS, other)]
    source = opened(tmp_path, content_type)
    with FifoWriter(tmp_path, "train", contents):
        assert dense(source()) == EXPECTED
        assert dense(source()) == dense([other])


def test_gzip_members_one_after_the_other_are_one_stream(tmp_path):
    with FifoWriter(tmp_path, "train", [zipped(as_bytes(ROWS)) + zipped(as_bytes(ROWS))]):
        assert dense(opened(tmp_path)()) == 2 * EXPECTED


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["plain", "gzip"])
def test_wrapped_objects_are_unwrapped(tmp_path, pack):
    parts = [rows(10, seed) for seed in range(3)]
    texts = [pack(as_bytes(part, CSV).rstrip(b"\n")) for part in parts]
    with FifoWriter(tmp_path, "train", [wrapped(*texts)]):
        assert dense(opened(tmp_path, CSV, is_wrapped=True)()) == dense(parts)


def test_wrapped_records_and_wrapped_recordio_files_are_both_read(tmp_path):
    with FifoWriter(tmp_path, "train", [as_bytes(ROWS), wrapped(as_bytes(ROWS))]):
        source = opened(tmp_path, is_wrapped=True)  # records are themselves payloads of RecordIO
        assert dense(source()) == EXPECTED
        assert dense(source()) == EXPECTED


def test_a_writer_may_be_slow(tmp_path):
    os.mkfifo(tmp_path / "train_0")
    content = as_bytes(ROWS)

    def trickle():
        with (tmp_path / "train_0").open("wb", buffering=0) as fifo:
            for start in range(0, len(content), len(content) // 5):
                fifo.write(content[start : start + len(content) // 5])
                time.sleep(0.02)

    writer = threading.Thread(target=trickle)
    writer.start()
    assert dense(opened(tmp_path)()) == EXPECTED
    writer.join()


def test_a_fifo_may_appear_late(tmp_path):
    source = opened(tmp_path)
    late = threading.Timer(0.1, lambda: FifoWriter(tmp_path, "train", [as_bytes(ROWS)]).__enter__())
    late.start()
    assert dense(source()) == EXPECTED


def test_a_pass_that_is_left_early_is_closed_before_the_next(tmp_path):
    large = rows(400_000)
    content = as_bytes(large)
    with FifoWriter(tmp_path, "train", [content, content]) as writer:
        source = opened(tmp_path)
        first = source()
        next(first)
        assert sum(batch.n_rows for batch in source()) == large.n_rows
    assert writer.n_broken == 1


def test_passes_that_nobody_reads_let_their_writer_go(tmp_path):
    with FifoWriter(tmp_path, "train", [as_bytes(ROWS)] * 5) as writer:
        source = opened(tmp_path)
        assert dense(source()) == EXPECTED
        source.close()
    assert (writer.n_written, writer.n_broken) == (5, 4)


def test_more_passes_than_fifos_are_an_error(tmp_path):
    source = opened(tmp_path, timeout_s=0.2)
    with FifoWriter(tmp_path, "train", [as_bytes(ROWS)]):
        list(source())
    message = r"Channel 'train', epoch 1: must have a FIFO .* Got none at .*train_1 within 0.2 s"
    with pytest.raises(UserError, match=message):
        list(source())


def test_a_writer_that_never_opens_is_an_error(tmp_path):
    os.mkfifo(tmp_path / "train_0")
    source = opened(tmp_path, timeout_s=0.2)
    with pytest.raises(PlatformError, match=r"Channel 'train', epoch 0: expected a writer .* within 0.2 s"):
        list(source())


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["plain", "gzip"])
def test_a_writer_that_falls_silent_is_an_error(tmp_path, pack):
    os.mkfifo(tmp_path / "train_0")
    source = opened(tmp_path, timeout_s=0.2)
    descriptor = os.open(tmp_path / "train_0", os.O_RDWR)
    try:
        os.write(descriptor, pack(as_bytes(ROWS))[:5000])
        with pytest.raises(PlatformError, match=r"Channel 'train', epoch 0: expected bytes .* within 0.2 s"):
            list(source())
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(
    ("content_type", "pack", "options"),
    [
        (RECORDIO, bytes, {}),
        (RECORDIO, zipped, {}),
        (CSV, zipped, {}),
        (CSV, wrapped, {"is_wrapped": True}),
        (RECORDIO, wrapped, {"is_wrapped": True}),
    ],
)
def test_a_writer_that_dies_within_a_record_is_an_error(tmp_path, content_type, pack, options):
    content = pack(as_bytes(ROWS, content_type))
    source = opened(tmp_path, content_type, **options)
    with FifoWriter(tmp_path, "train", [content, content[: len(content) // 2 + 1]]):
        list(source())
        with pytest.raises(DataError, match=r"^Channel 'train', epoch 1"):
            list(source())


def test_a_writer_that_dies_between_two_records_is_an_error(tmp_path):
    text = as_bytes(ROWS, LIBSVM)
    half = text[: text.index(b"\n", len(text) // 2) + 1]
    source = opened(tmp_path, LIBSVM)
    with FifoWriter(tmp_path, "train", [text, half]):
        list(source())
        with pytest.raises(DataError, match=r"epoch 1: expected 3000 rows, as in the passes before. Got 1"):
            list(source())


def test_a_writer_that_writes_nothing_is_an_error(tmp_path):
    message = r"Channel 'train', epoch 0: expected at least one row\. Got none"
    with FifoWriter(tmp_path, "train", [b""]), pytest.raises(DataError, match=message):
        list(opened(tmp_path)())


@pytest.mark.parametrize("has_fifo", [False, True])
def test_a_stop_ends_every_wait(tmp_path, has_fifo):
    if has_fifo:
        os.mkfifo(tmp_path / "train_0")
    asked = threading.Event()
    threading.Timer(0.1, asked.set).start()
    started = time.monotonic()
    assert list(opened(tmp_path, timeout_s=60, stopped=asked.is_set)()) == []
    assert time.monotonic() - started < 10
