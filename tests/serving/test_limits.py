"""Clients that send too much, too slowly or nonsense: refused in bounded time and memory, and the worker lives on."""

import http.client
import json
import os
import random
import re
import select
import socket
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from endpoint_clients import ask, events, exchange, get, metric, received_from, until

from pairloom.errors import UserError
from pairloom.formats import write_rows
from pairloom.rows import RowBatch
from pairloom.serving.container import container_settings
from pairloom.serving.settings import EndpointSettings

HEAD = b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: text/csv\r\n"
GIGABYTE = 1 << 30


def check_serving(endpoint):
    assert ask(endpoint)[0].keys() == {"score", "predicted_label"}
    assert metric(endpoint, "worker_deaths_total") == 0


def peak_memory_bytes(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def worker_of(endpoint):
    pids = Path(f"/proc/{endpoint.process.pid}/task/{endpoint.process.pid}/children").read_text().split()
    return int(pids[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads memory from Linux's /proc")
@pytest.mark.parametrize("chunked", [False, True])
def test_a_gigabyte_is_refused_early_in_bounded_memory(endpoint, chunked):
    before = peak_memory_bytes(worker_of(endpoint))
    block = b"1,2,3,4\n" * 8192
    framed = b"%x\r\n%s\r\n" % (len(block), block) if chunked else block
    how = b"transfer-encoding: chunked" if chunked else b"content-length: %d" % GIGABYTE
    n_sent = 0
    with closing(socket.create_connection(("127.0.0.1", endpoint.port), timeout=20)) as connection:
        connection.sendall(HEAD + how + b"\r\n\r\n")
        while n_sent < GIGABYTE and not select.select([connection], [], [], 0)[0]:
            connection.sendall(framed)
            n_sent += len(block)
        received = connection.recv(1 << 16)
    assert received.startswith(b"HTTP/1.1 413 ")
    assert n_sent < 64 << 20
    assert peak_memory_bytes(worker_of(endpoint)) - before < 40 << 20
    until(lambda: metric(endpoint, 'requests_total{status="413"}') > 0)
    check_serving(endpoint)


def test_a_client_that_waits_for_leave_is_told_at_once(endpoint):
    request = HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % GIGABYTE
    with closing(socket.create_connection(("127.0.0.1", endpoint.port), timeout=20)) as connection:
        connection.sendall(request)
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def bodies():
    """One valid body of each content type."""
    rows = RowBatch(
        np.array([0, 2, 2, 5]),
        np.array([0, 3, 1, 2, 4], np.int32),
        np.array([1, 2, 0.5, -1, 7], np.float32),
        32,
    )
    for content_type, options in (
        ("application/json", {}), ("application/json", {"layout": "dense"}), ("application/jsonlines", {}),
        ("text/csv", {"label_size": 0}), ("text/libsvm", {"has_labels": False}),
        ("application/x-recordio-protobuf", {}), ("application/x-recordio-protobuf", {"layout": "dense"}),
    ):  # fmt: skip
        import io

        stream = io.BytesIO()
        write_rows([rows], stream, content_type=content_type, **options)
        yield content_type, stream.getvalue()


INTERESTING = (
    b"\0",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\0\0\0\x80",
    b"{",
    b"[" * 99,
    b'"',
    b"1e999",
    b"-",
    b"\n",
    b"\\u",
)


def mutated(seed, rng):
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                value = rng.choice(INTERESTING)
                data[at : at + rng.choice((0, len(value)))] = value
            case 2:
                del data[at : at + rng.choice((1, 4, 8, 64))]
            case 3:
                begin = rng.randrange(len(data) + 1)
                data[at:at] = data[begin : begin + rng.choice((1, 8, 64))]
            case _:
                data[at : at + 4] = rng.randrange(1 << 32).to_bytes(4, "little")
    return bytes(data if rng.random() < 0.9 else data[: rng.randrange(len(data) + 1)])


def test_ten_thousand_malformed_bodies(endpoint):
    rng, seeds = random.Random(7), list(bodies())
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=20)
    counts = dict.fromkeys((200, 400), 0)
    worker = worker_of(endpoint) if Path("/proc/self/status").exists() else None
    for _ in range(10_000):
        content_type, seed = rng.choice(seeds)
        body = mutated(seed, rng)
        accept = rng.choice(("application/json", "text/csv", "application/jsonlines"))
        connection.request("POST", "/invocations", body, {"Content-Type": content_type, "Accept": accept})
        response = connection.getresponse()
        answer = response.read()
        assert response.status in counts, (response.status, answer, content_type, body)
        counts[response.status] += 1
        if response.status == 400:
            assert json.loads(answer).keys() == {"error", "message"}
    connection.close()
    assert counts[400] > 3000
    assert counts[200] > 500
    check_serving(endpoint)
    if worker is not None:
        os.kill(worker, 0)


def test_nonsense_instead_of_http(endpoint):
    rng = random.Random(3)
    for data in (
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"POST /invocations HTTP/9.9\r\n\r\n",
    ):
        answer = exchange(endpoint.port, data)
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "BadRequest"
    for _ in range(50):
        data = mutated(HEAD + b"content-length: 3\r\n\r\n1,2", rng) + b"\r\n\r\n"
        with closing(socket.create_connection(("127.0.0.1", endpoint.port), timeout=20)) as connection:
            connection.sendall(data)
    check_serving(endpoint)


def test_an_endless_head_is_refused(endpoint):
    answer = exchange(endpoint.port, b"GET /ping HTTP/1.1\r\n" + b"x-a: b\r\n" * 40_000, piece=1 << 15)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    check_serving(endpoint)


def test_a_slow_body_is_cut_off(endpoint):
    began = time.monotonic()
    answer = exchange(endpoint.port, HEAD + b"content-length: 1000\r\n\r\n1,2")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "RequestTimeout"
    assert 1.5 < time.monotonic() - began < 15
    check_serving(endpoint)


def test_slow_clients_do_not_keep_others_out(endpoint):
    connections = [socket.create_connection(("127.0.0.1", endpoint.port), timeout=20) for _ in range(300)]
    try:
        for connection in connections:
            connection.sendall(HEAD + b"content-length: 100\r\n\r\n1")
        answers = sorted(connection.recv(1 << 16)[:13] for connection in connections)
    finally:
        for connection in connections:
            connection.close()
    # most are more than may be under way at once; the others are cut off when their time is up
    assert set(answers) <= {b"HTTP/1.1 503 ", b"HTTP/1.1 408 "}
    assert answers.count(b"HTTP/1.1 408 ") == 64
    check_serving(endpoint)


def test_a_trickling_head_is_cut_off(model_file, tmp_path):
    from pairloom.serving.running import running

    with running(model_file, "--header-timeout-s", "1", log=tmp_path / "log") as endpoint:
        began = time.monotonic()
        answer = exchange(endpoint.port, b"GET /ping HTTP/1.1\r\nx-a: " + b"b" * 200, piece=1, pause_s=0.05)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
        assert exchange(endpoint.port, b"").startswith(b"HTTP/1.1 408 ")  # a connection that says nothing
        assert time.monotonic() - began < 30
        assert any(event.get("status") == 408 for event in events(tmp_path / "log"))
        get(endpoint, "/ping")


def test_a_client_that_takes_no_answer_is_dropped(endpoint):
    rows = b'{"instances":[' + b",".join([b"[1,0,1]"] * 200_000) + b"]}"
    head = b"POST /invocations HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    with closing(socket.socket()) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", endpoint.port))
        connection.sendall(head % len(rows) + rows)
        time.sleep(5)  # the answer is 10 MB; what the server may keep of it is held for 2 s
        received = received_from(connection)
    answer_bytes = int(re.search(rb"content-length: (\d+)", received)[1])
    assert len(received) < answer_bytes
    check_serving(endpoint)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"host": "0.0.0.0"}, "token"),
        ({"host": "10.0.0.1"}, "token"),
        ({"host": "example.com"}, "token"),
        ({"host": "::"}, "token"),
        ({"host": "0.0.0.0", "token": "short"}, "16 or more"),
        ({"n_workers": 0}, "n_workers"),
        ({"port": 70_000}, "port"),
        ({"max_body_bytes": 0}, "max_body_bytes"),
        ({"timeout_s": 0.0}, "timeout_s"),
        ({"drain_s": -1.0}, "drain_s"),
    ],
)
def test_settings_that_are_refused(settings, part):
    with pytest.raises(UserError, match=part):
        EndpointSettings(**settings)


def test_who_may_listen_where():
    for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost"):
        EndpointSettings(host=host)
    EndpointSettings(host="0.0.0.0", token="a-token-of-some-length")
    assert container_settings({})[1].host == "127.0.0.1"
    assert container_settings({"PAIRLOOM_CONTAINER": "1"})[1].host == "0.0.0.0"
    with_token = container_settings({"PAIRLOOM_SERVE_TOKEN": "a-token-of-some-length"})[1]
    assert (with_token.host, with_token.token) == ("0.0.0.0", "a-token-of-some-length")
    with pytest.raises(UserError, match="SAGEMAKER_BIND_TO_PORT must be an integer"):
        container_settings({"SAGEMAKER_BIND_TO_PORT": "http"})
