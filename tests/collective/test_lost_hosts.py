"""A host that dies, stops, errs or does something else: all others end soon, for a reason that names it."""

import os
import signal
import sys
import threading
import time

import numpy as np
import pytest

from local_processes import TOKEN, LocalHosts, free_ports, local_addresses, run_hosts
from pairloom.collective import connect
from pairloom.errors import DataError, PlatformError, UserError

KILL = getattr(signal, "SIGKILL", signal.SIGTERM)
HAS_SIGSTOP = pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGSTOP")


def sum_for_ever(collective, size, folder):
    while True:
        collective.allreduce(np.ones(size, np.float32))
        (folder / str(collective.rank)).touch()


def lose(signal_number, size, folder, lost=1, n_hosts=3):
    with LocalHosts(n_hosts, sum_for_ever, size, folder, lost_after_s=1.5) as hosts:
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) < n_hosts:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(hosts.processes[lost].pid, signal_number)
        begin = time.monotonic()
        answers = hosts.answers(20, [rank for rank in range(n_hosts) if rank != lost])
        return answers, time.monotonic() - begin


@pytest.mark.parametrize("size", [4, 3_000_000])
def test_a_killed_host_is_named_by_all_others(size, tmp_path):
    answers, seconds = lose(KILL, size, tmp_path)
    for kind, error, message in answers:
        assert (kind, error) == ("raised", "PlatformError")
        assert message.startswith("Host 'algo-2' was lost: ")
    assert seconds < 8


@HAS_SIGSTOP
@pytest.mark.parametrize("size", [4, 3_000_000])
def test_a_stopped_host_is_named_by_all_others(size, tmp_path):
    answers, seconds = lose(signal.SIGSTOP, size, tmp_path, lost=0)
    for kind, error, message in answers:
        assert (kind, error) == ("raised", "PlatformError")
        assert message.startswith("Host 'algo-1' was lost: it gave no sign of life for 1.5 s")
    assert seconds < 12


def part_alone(collective):
    if collective.rank == 1:
        os._exit(0)
    time.sleep(0.5)


def test_a_host_that_leaves_without_parting_was_lost():
    with LocalHosts(3, part_alone) as hosts:
        for kind, error, message in hosts.answers(20, [0, 2]):
            assert (kind, error) == ("raised", "PlatformError")
            assert message.startswith("Host 'algo-2' was lost: its connection was closed")


def fail_on_one(collective):
    if collective.rank == 1:
        raise DataError("a finite label", got="nan", source="Channel 'train'", row=7)
    collective.allreduce(np.ones(3))


def test_an_error_of_one_host_ends_all_with_its_message_first():
    with LocalHosts(3, fail_on_one) as hosts:
        answers = hosts.answers(20)
    assert answers[1] == ("raised", "DataError", "Channel 'train', row 7: expected a finite label. Got nan.")
    for rank in (0, 2):
        assert answers[rank] == ("raised", "UserError", answers[1][2] + " This happened on host 'algo-2'.")


def call_differently(collective, how):
    array = np.ones(4, np.float32)
    if collective.rank != 1:
        return collective.allreduce(array)
    match how:
        case "operation":
            collective.allgather(array)
        case "reduction":
            collective.allreduce(array, "max")
        case "dtype":
            collective.allreduce(array.astype(np.float64))
        case "shape":
            collective.allreduce(np.ones((2, 2), np.float32))
        case "size":
            collective.allreduce(np.ones(4_000_000, np.float32))
    return None


@pytest.mark.parametrize("how", ["operation", "reduction", "dtype", "shape", "size"])
def test_hosts_that_call_differently_are_told_so(how):
    with LocalHosts(2, call_differently, how) as hosts:
        for kind, error, message in hosts.answers(20):
            assert (kind, error) == ("raised", "AlgorithmError")
            assert (
                "must call the same operations" in message or "must agree in dtype, shape and root" in message
            )


def end_early(collective):
    if collective.rank == 0:
        collective.allreduce(np.ones(3))


def test_a_call_that_another_host_never_makes_is_an_error():
    with LocalHosts(2, end_early) as hosts:
        for kind, error, message in hosts.answers(20):
            assert (kind, error) == ("raised", "AlgorithmError")
            assert "Host 'algo-2' ended before call 2, allreduce of 'sum'" in message


def never_come(collective):
    if collective.rank == 1:
        time.sleep(30)
    collective.allreduce(np.ones(3))


def test_a_host_that_lives_and_does_not_come_is_waited_for_so_long():
    with LocalHosts(2, never_come, call_timeout_s=2) as hosts:
        ((kind, error, message),) = hosts.answers(20, [0])
    assert (kind, error) == ("raised", "PlatformError")
    assert message.startswith("Host 'algo-2' must come to call 2")


def compute_long(collective):
    """Longer than a host may be silent: signs of life go on while it computes."""
    time.sleep(2.5 * (collective.rank == 1))
    return float(collective.allreduce(np.ones(1))[0])


def test_a_host_that_computes_is_not_lost():
    assert run_hosts(2, compute_long, lost_after_s=1) == [2, 2]


def run_ahead(collective, n_arrays):
    """The root of broadcasts does not wait; what the others have not asked for yet takes bounded memory."""
    if collective.rank == 1:
        time.sleep(1.5)
    return sum(float(collective.broadcast(np.full(50_000, i, np.float32))[0]) for i in range(n_arrays))


def test_a_host_may_run_ahead():
    assert run_hosts(2, run_ahead, 100, lost_after_s=1) == [4950, 4950]


def test_hosts_that_do_not_come_are_named():
    addresses = {**local_addresses(1), "algo-2": ("127.0.0.1", free_ports(1)[0]), "algo-3": ("127.0.0.1", 9)}
    begin = time.monotonic()
    with pytest.raises(PlatformError, match=r"'algo-2' at .*'algo-3' at 127.0.0.1:9"):
        connect([*addresses], "algo-1", port=1, token=TOKEN, addresses=addresses, timeout_s=0.5)
    assert time.monotonic() - begin < 5


@pytest.mark.parametrize("difference", ["token", "hosts"])
def test_a_host_of_another_job_is_refused(difference):
    addresses = local_addresses(2)
    names, messages = [*addresses], {}

    def come(name, **more):
        try:
            connect(**{"hosts": names, "token": TOKEN, **more}, current_host=name, port=1,
                    addresses=addresses, timeout_s=1.5)  # fmt: skip
        except PlatformError as error:
            messages[name] = str(error)

    other = {"token": "another secret"} if difference == "token" else {"hosts": ["algo-0", "algo-2"]}
    threads = [
        threading.Thread(target=come, args=("algo-1",)),
        threading.Thread(target=come, args=("algo-2",), kwargs=other),
    ]
    if difference == "hosts":
        addresses["algo-0"] = addresses["algo-1"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "another token or list of hosts" in messages["algo-1"]
    assert sorted(messages) == ["algo-1", "algo-2"]


@pytest.mark.parametrize(
    ("hosts", "current", "token"),
    [(["a", "b"], "c", TOKEN), (["a", "a"], "a", TOKEN), (["a", "b"], "a", "short")],
)
def test_what_cannot_be_is_refused_before_listening(hosts, current, token):
    with pytest.raises(UserError, match="Hosts: the"):
        connect(hosts, current, port=1, token=token, timeout_s=0.1)


def test_an_address_that_is_taken_is_an_error_that_names_it():
    addresses = local_addresses(2)
    import socket

    with (
        socket.create_server(addresses["algo-1"]),
        pytest.raises(PlatformError, match="must be able to listen at"),
    ):
        connect([*addresses], "algo-1", port=1, token=TOKEN, addresses=addresses, timeout_s=1)
