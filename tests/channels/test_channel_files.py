import bz2
import lzma

import numpy as np
import pytest
from rows_for_tests import ACCEPTED, CSV, LIBSVM, RECORDIO, as_bytes, dense, rows, wrapped, zipped

from pairloom.channels import ChannelInput, open_channel
from pairloom.errors import DataError, UserError

PARTS = [rows(20, seed) for seed in range(4)]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "train").mkdir()
    return tmp_path / "train"


def opened(folder, content_type=None, accepted=ACCEPTED, **options):
    return open_channel(ChannelInput("train", folder.parent, "File", content_type, **options), accepted)


@pytest.mark.parametrize("mode", ["File", "FastFile"])
def test_files_of_any_compression_are_read_in_order_in_every_pass(folder, mode):
    for name, content in {
        "b.pbr": as_bytes(PARTS[1]),
        "a.pbr.gz": zipped(as_bytes(PARTS[0])),
        "sub/c.pbr.xz": lzma.compress(as_bytes(PARTS[2])),
        "sub/d.bz2": bz2.compress(as_bytes(PARTS[3])),
    }.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    source = open_channel(ChannelInput("train", folder.parent, mode), ACCEPTED)
    for _ in range(2):
        assert dense(source()) == dense(PARTS)


def test_gzip_is_seen_without_its_ending(folder):
    (folder / "matrix_0").write_bytes(zipped(as_bytes(PARTS[0])))
    assert dense(opened(folder)()) == dense([PARTS[0]])


def test_what_is_no_data_is_passed_over(folder):
    for name in (".hidden", "_SUCCESS", "empty.pbr", "all.manifest", ".tmp/x.pbr"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"" if name == "empty.pbr" else b"no rows")
    (folder / "x.pbr").write_bytes(as_bytes(PARTS[0]))
    assert dense(opened(folder)()) == dense([PARTS[0]])


def test_one_file_is_open_at_a_time_and_none_afterwards(folder):
    for number, part in enumerate(PARTS):
        (folder / f"{number}.pbr").write_bytes(as_bytes(part))
    batches = opened(folder)()
    next(batches)
    (folder / "3.pbr").unlink()
    with pytest.raises(DataError, match=r"^Channel 'train', 3.pbr: expected a readable file"):
        list(batches)


@pytest.mark.parametrize("missing", ["folder", "files"])
def test_an_empty_channel_is_named(tmp_path, missing):
    if missing == "files":
        (tmp_path / "train").mkdir()
    with pytest.raises(UserError, match="Channel 'train': must"):
        opened(tmp_path / "train")


def test_a_seed_orders_the_files_anew_in_every_pass_and_the_same_in_every_job(folder):
    for number, part in enumerate(PARTS):
        (folder / f"{number}.pbr").write_bytes(as_bytes(part))
    source, again = (opened(folder, shuffle_seed=3) for _ in range(2))
    passes = [dense(source()) for _ in range(6)]
    assert [dense(again()) for _ in range(6)] == passes
    assert len({str(one) for one in passes}) > 2
    assert all(sorted(one) == sorted(dense(PARTS)) for one in passes)


def test_hosts_share_the_files(folder):
    for number, part in enumerate(PARTS):
        (folder / f"{number}.pbr").write_bytes(as_bytes(part))
    shares = [dense(opened(folder, shard=(rank, 3))()) for rank in range(3)]
    assert shares == [dense([PARTS[0], PARTS[3]]), dense([PARTS[1]]), dense([PARTS[2]])]


def test_a_host_without_a_file_is_an_error(folder):
    (folder / "0.pbr").write_bytes(as_bytes(PARTS[0]))
    with pytest.raises(UserError, match=r"Channel .train.: must hold a file for each of 2 hosts\. Got 1"):
        opened(folder, shard=(1, 2))


def test_a_fault_is_placed_in_channel_and_file(folder):
    (folder / "a.csv").write_text("1,2,3\n1,2\n")
    with pytest.raises(DataError, match=r"^Channel 'train', a.csv, line 2"):
        list(opened(folder)())


def test_objects_wrapped_in_recordio_are_read_one_by_one(folder):
    texts = [as_bytes(part, CSV).rstrip(b"\n") for part in PARTS]
    (folder / "all").write_bytes(wrapped(*texts))
    assert dense(opened(folder, CSV, is_wrapped=True)()) == dense(PARTS)


def test_a_pass_ends_after_its_next_batch_once_a_stop_is_asked(folder):
    for number, part in enumerate(PARTS):
        (folder / f"{number}.pbr").write_bytes(as_bytes(part))
    asked = []
    source = open_channel(ChannelInput("train", folder.parent), ACCEPTED, stopped=lambda: bool(asked))
    batches = source()
    next(batches)
    asked.append(True)
    assert list(batches) == []
    assert len(list(source())) == 1  # a pass that begins now still has rows


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (["a.pbr"], None, RECORDIO),
        (["matrix_0"], None, RECORDIO),
        (["a.csv"], None, CSV),
        (["a.csv.gz"], None, CSV),
        (["a.svm", "b.libsvm"], None, LIBSVM),
        (["a.csv"], "text/csv", CSV),
        (["a"], "TEXT/CSV; charset=utf-8", CSV),
        (["a"], "text/x-libsvm", LIBSVM),
    ],
)
def test_the_content_type_is_the_jobs_or_the_endings_or_the_declared_default(folder, names, given, expected):
    for name in names:
        content = as_bytes(PARTS[0], expected)
        (folder / name).write_bytes(zipped(content) if name.endswith(".gz") else content)
    found = dense(opened(folder, given)())
    assert len(found) == 20 * len(names)
    assert sorted(found)[0] == sorted(dense([PARTS[0]]))[0]


def test_parameters_of_a_declared_type_are_its_defaults(folder):
    (folder / "a.csv").write_text("1,2,3\n")
    accepted = ("text/csv;label_size=0",)
    (unlabelled,) = opened(folder, "text/csv", accepted)()
    (labelled,) = opened(folder, "text/csv;label_size=1", accepted)()
    assert (unlabelled.labels, unlabelled.n_features) == (None, 3)
    assert (labelled.labels.tolist(), labelled.n_features) == ([1.0], 2)


@pytest.mark.parametrize("given", ["text/html", "application/json", "text/csv;delimiter=x"])
def test_another_content_type_is_refused(folder, given):
    (folder / "a").write_text("1,2,3\n")
    message = rf"Channel 'train': content type must be {RECORDIO} or .*\. Got {given}\."
    with pytest.raises(UserError, match=message):
        opened(folder, given)


def test_widths_of_csv_files_must_agree(folder):
    (folder / "a.csv").write_text("1,2,3\n")
    (folder / "b.csv").write_text("1,2,3,4\n")
    with pytest.raises(DataError, match=r"b\.csv.*2 feature columns"):
        list(opened(folder)())


def test_rows_are_parsed_by_several_threads_alike(folder):
    (folder / "a.pbr").write_bytes(as_bytes(rows(30_000)))
    channel = ChannelInput("train", folder.parent)
    one, two = (list(open_channel(channel, ACCEPTED, n_threads=n)()) for n in (1, 2))
    for name in ("labels", "values", "indices"):
        first, second = (np.concatenate([getattr(batch, name) for batch in found]) for found in (one, two))
        np.testing.assert_array_equal(first, second)
