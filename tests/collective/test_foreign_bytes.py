"""Bytes that no host of the job sent: refused, without harm to those that belong to it."""

import socket
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_processes import TOKEN, join, local_addresses
from pairloom.collective.failures import Failure
from pairloom.collective.frames import HEADER_BYTES, FrameError, Header, Operation, pack_header, parse_header
from pairloom.collective.mesh import Mesh
from pairloom.errors import PairloomError, PlatformError, UserError

GOOD = pack_header(Header(Operation.SUM, np.dtype(np.float32), (2, 3), 5, 1, 77))


@given(st.binary(min_size=HEADER_BYTES, max_size=HEADER_BYTES))
def test_random_headers_are_refused(data):
    with pytest.raises(FrameError, match="must"):
        parse_header(data)


@given(st.integers(0, HEADER_BYTES - 1), st.integers(1, 255))
def test_a_changed_header_is_refused_or_means_something_whole(position, change):
    data = bytearray(GOOD)
    data[position] ^= change
    try:
        header = parse_header(bytes(data))
    except FrameError:
        return
    assert header.payload_bytes == 24
    assert pack_header(header) == bytes(data)


@given(
    st.sampled_from(Operation), st.sampled_from(["?", "i2", "u8", "f2", "f8"]),
    st.lists(st.integers(0, 100), max_size=3), st.integers(0, 2**64 - 1),
)  # fmt: skip
def test_headers_round_trip(operation, dtype, shape, call):
    header = Header(operation, np.dtype(dtype), tuple(shape), call, 3, 4)
    if operation.is_notice and header.payload_bytes > 8192:
        with pytest.raises(FrameError, match="at most 8192 bytes"):
            parse_header(pack_header(header))
    else:
        assert parse_header(pack_header(header)) == header


@given(st.binary(max_size=200))
def test_reasons_of_odd_bytes_are_errors_to_raise(data):
    error = Failure.unpack(np.frombuffer(data, np.uint8)).error()
    assert str(error)


def test_a_long_reason_is_cut():
    failure = Failure.of(UserError("é" * 10_000), "algo-1")
    assert len(failure.pack()) <= 4097
    assert Failure.unpack(failure.pack()).message.startswith("éé")


ODD = st.one_of(
    st.binary(max_size=300),
    st.binary(min_size=1, max_size=60).map(lambda tail: GOOD + tail),
    st.integers(0, 95).flatmap(lambda n: st.just(GOOD[:n])),
    st.just(pack_header(Header(Operation.FAILURE, np.dtype(np.uint8), (0,)))),
    st.just(pack_header(Header(Operation.SUM, np.dtype(np.float64), (1 << 37,)))),
)


def call(mesh):
    mesh.begin(Operation.MIN, 1)
    mesh.receive(1)


@given(ODD)
def test_odd_bytes_of_a_proven_host_end_the_call_and_nothing_else(data):
    """Whatever comes instead of a message, the call raises, and soon."""
    mine, theirs = socket.socketpair()
    mesh = Mesh(("algo-1", "algo-2"), 0, {1: mine}, lost_after_s=5, call_timeout_s=5)
    theirs.sendall(data)
    theirs.close()
    with pytest.raises(PairloomError, match=r"Host|call|reason"):
        call(mesh)


def strangers(address, random, stop):
    """Connect again and again, say something odd or nothing, and hold some of the connections."""
    held = []
    while not stop.is_set():
        try:
            link = socket.create_connection(address, timeout=1)
            link.sendall(random.bytes(int(random.integers(0, 200))))
        except OSError:
            continue
        held.append(link)
        if len(held) > 20:
            held.pop(0).close()
    for link in held:
        link.close()


def test_strangers_do_not_keep_hosts_apart():
    """Hosts meet while others knock with odd bytes, and the strangers' connections are of no use later."""
    addresses = local_addresses(2)
    stop, sums = threading.Event(), {}
    stranger = threading.Thread(target=strangers, args=(addresses["algo-1"], np.random.default_rng(0), stop))
    stranger.start()

    def come(name):
        collective = join(addresses, name)
        sums[name] = float(collective.allreduce(np.ones(3))[0])
        collective.close()

    threads = [threading.Thread(target=come, args=(name,)) for name in addresses]
    try:
        threads[0].start()
        time.sleep(0.3)
        threads[1].start()
        for thread in threads:
            thread.join(30)
    finally:
        stop.set()
        stranger.join()
    assert sums == {"algo-1": 2, "algo-2": 2}
    with pytest.raises(OSError, match="refused"):  # nothing listens once all are there
        socket.create_connection(addresses["algo-1"], timeout=1)


def test_a_silent_stranger_cannot_hold_the_meeting_up_for_ever():
    addresses = local_addresses(2)
    failed = []

    def come():
        try:
            join(addresses, "algo-1", timeout_s=1)
        except PlatformError as error:
            failed.append(str(error))

    thread = threading.Thread(target=come)
    thread.start()
    time.sleep(0.2)
    with socket.create_connection(addresses["algo-1"], timeout=1):
        thread.join(5)
    assert "'algo-2' at 127.0.0.1" in failed[0]
    assert TOKEN not in failed[0]
