"""What tests of the endpoint do to it: in this process, over HTTP and over bare sockets."""

import json
import socket
import time
import urllib.request
from contextlib import closing, suppress
from pathlib import Path

from asgi_client import Client

from pairloom.serving.application import build_application
from pairloom.serving.counters import Counters
from pairloom.serving.scoring import Scorer
from pairloom.serving.settings import EndpointSettings

ONE = b'{"instances":[{"data":{"features":{"keys":[1,17],"shape":[32],"values":[1,1]}}}]}'


def make_client(artifact, give_up=lambda: None, **settings):
    chosen = EndpointSettings(access_log=False, **settings)
    counters = Counters.create(2)
    scorer = Scorer(artifact, default_accept=chosen.default_accept)
    client = Client(build_application(scorer, chosen, counters, give_up))
    client.counters = counters
    return client


def exchange(port, data, *, pause_s=0.0, piece=None, seconds=20.0):
    """Send bytes to a port, in pieces with pauses where asked, and return all that comes back before the end."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=seconds)) as connection:
        for at in range(0, len(data), piece or len(data) or 1):
            try:
                connection.sendall(data[at : at + (piece or len(data))])
            except OSError:
                break
            time.sleep(pause_s)
        return received_from(connection)


def received_from(connection):
    received = b""
    with suppress(ConnectionResetError):
        while block := connection.recv(1 << 16):
            received += block
    return received


def get(endpoint, path):
    with urllib.request.urlopen(endpoint.url + path, timeout=20) as response:
        return response.read().decode()


def ask(endpoint, body=ONE):
    request = urllib.request.Request(
        f"{endpoint.url}/invocations", body, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())["predictions"]


def metric(endpoint, name):
    lines = get(endpoint, "/metrics").splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f"pairloom_endpoint_{name}"))


def until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


def events(log):
    return [json.loads(line) for line in Path(log).read_text().splitlines()]
