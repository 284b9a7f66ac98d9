"""Pipe mode: FIFOs that are offered pass after pass."""

import base64
import gzip
import json
import random
import struct

import pytest
from attempts import RunningJob, file_channel, file_of, python_job

from pairloom.jobs.failures import failure_reason
from pairloom.jobs.specification import Channel

READ = """import pathlib, sys, time
data = pathlib.Path(sys.argv[1], "input", "data")
for epoch in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
    path = data / f"train_{epoch}"
    while not path.exists():
        time.sleep(0.005)
    print(path.read_bytes().hex(), flush=True)
"""


def wrapped(content):
    return struct.pack("<II", 0xCED7230A, len(content)) + content + bytes(-len(content) % 4)


def passes(tmp_path, channel, hosts=("algo-1",)):
    with RunningJob(tmp_path / "0001", python_job(READ, channels=[channel], hosts=hosts)) as job:
        ending = job.wait(20)
        assert failure_reason(job.files, ending) is None, job.lines()
        read = {host: [bytes.fromhex(line) for line in job.lines(host)] for host in hosts}
        return read if len(hosts) > 1 else read["algo-1"]


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    for number in range(4):
        (folder / f"o{number}").write_bytes(bytes([number]) * (number + 1))
    return folder


def test_objects_come_one_after_the_other_in_every_pass(tmp_path, folder):
    assert passes(tmp_path, file_channel("train", folder, mode="Pipe")) == [b"\0\1\1\2\2\2\3\3\3\3"] * 3


def test_each_object_is_wrapped(tmp_path, folder):
    whole = b"".join(wrapped(bytes([n]) * (n + 1)) for n in range(4))
    assert passes(tmp_path, file_channel("train", folder, mode="Pipe", is_wrapped=True)) == [whole] * 3


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_compressed_objects_are_unpacked(tmp_path, is_wrapped):
    folder = tmp_path / "objects"
    folder.mkdir()
    contents = [b"a" * 100_001, b"b" * 3]
    for number, content in enumerate(contents):
        (folder / f"{number}.gz").write_bytes(gzip.compress(content))
    channel = file_channel("train", folder, mode="Pipe", is_compressed=True, is_wrapped=is_wrapped)
    whole = b"".join(wrapped(c) if is_wrapped else c for c in contents)
    assert passes(tmp_path, channel) == [whole] * 3


def test_records_of_several_attributes(tmp_path, folder):
    records = tuple((file_of(folder / f"o{n}"), str(n).encode()) for n in range(3))
    whole = b"".join(wrapped(bytes([n]) * (n + 1)) + wrapped(str(n).encode()) for n in range(3))
    assert passes(tmp_path, Channel("train", "Pipe", records, is_wrapped=True)) == [whole] * 3


def test_a_seed_gives_each_pass_its_own_order_and_the_same_again(tmp_path):
    records = tuple((bytes([n]),) for n in range(20))
    first, second, third = passes(tmp_path / "a", Channel("train", "Pipe", records, seed=3))
    assert sorted(first) == sorted(second) == list(range(20))
    assert len({first, second, third, bytes(range(20))}) == 4
    assert passes(tmp_path / "b", Channel("train", "Pipe", records, seed=3)) == [first, second, third]


def test_hosts_get_shares_of_a_sharded_channel_dealt_anew_in_each_pass(tmp_path):
    records = tuple((bytes([n]),) for n in range(10))
    channel = Channel("train", "Pipe", records, seed=1, is_sharded=True)
    read = passes(tmp_path, channel, hosts=("algo-1", "algo-2"))
    for one, two in zip(read["algo-1"], read["algo-2"], strict=True):
        assert sorted(one + two) == list(range(10))
        assert len(one) == len(two) == 5
    assert len({bytes(sorted(one)) for one in read["algo-1"]}) > 1


def test_a_reader_that_leaves_early_finds_the_next_pass_whole(tmp_path):
    folder = tmp_path / "objects"
    folder.mkdir()
    content = random.Random(0).randbytes(5 << 20)
    (folder / "big").write_bytes(content)
    script = """import pathlib, sys, time
data = pathlib.Path(sys.argv[1], "input", "data")
for epoch, size in ((0, 10), (1, -1)):
    path = data / f"train_{epoch}"
    while not path.exists():
        time.sleep(0.005)
    with path.open("rb") as fifo:
        print(len(fifo.read(size)), flush=True)
"""
    with RunningJob(
        tmp_path / "0001", python_job(script, channels=[file_channel("train", folder, mode="Pipe")])
    ) as job:
        job.wait(20)
        assert job.lines() == ["10", str(len(content))]


def test_an_object_that_is_not_what_the_channel_says_fails_the_job(tmp_path, folder):
    channel = file_channel("train", folder, mode="Pipe", is_compressed=True)
    with RunningJob(tmp_path / "0001", python_job(READ, channels=[channel])) as job:
        ending = job.wait(20)
        reason = failure_reason(job.files, ending)
    assert reason.startswith(
        "ClientError: Data download failed: Channel 'train': o0 must be compressed by gzip, as CompressionType says."
    )


def test_contents_go_through_the_list_as_they_are(tmp_path):
    content = bytes(range(256))
    with RunningJob(
        tmp_path / "0001", python_job(READ, channels=[Channel("train", "Pipe", ((content,),))])
    ) as job:
        job.wait(20)
        line = json.loads((job.files.sources / "train.jsonl").read_text())
        assert base64.b64decode(line[0]["data"]) == content
        assert bytes.fromhex(job.lines()[0]) == content
