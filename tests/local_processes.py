"""Hosts as processes of this machine, for tests."""

import multiprocessing
import random
import socket
import time
from multiprocessing.connection import wait

from pairloom.collective import connect, together

SPAWN = multiprocessing.get_context("spawn")
TOKEN = "a secret of the tests"


def free_ports(n_ports):
    """Ports below those that the system gives to outgoing connections."""
    ports = []
    while len(ports) < n_ports:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in ports:
            ports.append(port)
    return ports


def local_addresses(n_hosts):
    names = [f"algo-{i + 1}" for i in range(n_hosts)]
    return {name: ("127.0.0.1", port) for name, port in zip(names, free_ports(n_hosts), strict=True)}


def join(addresses, name, **more):
    return connect(
        [*addresses],
        name,
        port=1,
        token=TOKEN,
        addresses=addresses,
        **{"timeout_s": 60, "lost_after_s": 3, **more},
    )


def _host(work, addresses, name, channel, more, arguments):
    try:
        with together(join(addresses, name, **more)) as collective:
            answer = work(collective, *arguments)
        channel.send(("returned", answer))
    except BaseException as error:
        channel.send(("raised", type(error).__name__, str(error)))


class LocalHosts:
    """Starts `work(collective, *arguments)` on every host; `answers` waits for what each returned or raised."""

    def __init__(self, n_hosts, work, *arguments, **more):
        addresses = local_addresses(n_hosts)
        self.processes, self.channels = [], []
        for name in addresses:
            mine, theirs = SPAWN.Pipe(duplex=False)
            process = SPAWN.Process(
                target=_host, args=(work, addresses, name, theirs, more, arguments), daemon=True
            )
            process.start()
            theirs.close()
            self.processes.append(process)
            self.channels.append(mine)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.join()

    def answers(self, timeout_s=240, ranks=None):
        """By rank: ("returned", value), ("raised", class, message) or ("died",)."""
        ranks = range(len(self.channels)) if ranks is None else ranks
        deadline = time.monotonic() + timeout_s
        found = {}
        while len(found) < len(ranks):
            left = deadline - time.monotonic()
            assert left > 0, f"hosts {set(ranks) - set(found)} hang"
            ready = wait([self.channels[rank] for rank in ranks if rank not in found], left)
            for rank in ranks:
                if rank not in found and self.channels[rank] in ready:
                    try:
                        found[rank] = self.channels[rank].recv()
                    except EOFError:
                        found[rank] = ("died",)
        return [found[rank] for rank in ranks]


def run_hosts(n_hosts, work, *arguments, **more):
    """Return what each host returned."""
    with LocalHosts(n_hosts, work, *arguments, **more) as hosts:
        answers = hosts.answers()
    assert all(answer[0] == "returned" for answer in answers), answers
    return [answer[1] for answer in answers]
