"""What is no proper HTTP, or comes too slowly: refused, and the next request is answered."""

import socket
from dataclasses import replace

import pytest

from pairloom.control_plane import running
from pairloom.control_plane.app import Application
from pairloom.control_plane.opening import open_service
from pairloom.testing.local_service import serving

HOST = b"Host: localhost\r\n"
HEALTH = b"GET /_pairloom/health HTTP/1.1\r\n" + HOST + b"\r\n"
SIGNED = b"X-Amz-Target: SageMaker.ListModels\r\nContent-Type: application/x-amz-json-1.1\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "LIMITS", replace(running.LIMITS, header_timeout_s=0.3, timeout_s=0.3))
        folder = tmp_path_factory.mktemp("service") / "data"
        with open_service(folder) as service, serving(Application(service)) as found:
            yield int(found.url.rpartition(":")[2])


def say(port, *pieces):
    """Send bytes as they are, and return all that comes back until the service ends the connection or is silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        said = b""
        try:
            for piece in pieces:
                connection.sendall(piece)
            while block := connection.recv(65536):
                said += block
        except (ConnectionError, TimeoutError):
            pass  # what it said before is looked at
        return said


@pytest.fixture(autouse=True)
def goes_on(port):
    yield
    assert b"200 OK" in say(port, HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1e3\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=lambda request: repr(request[:40]),
)
def test_what_is_no_http(request_, port):
    said = say(port, request_)
    assert said.startswith(b"HTTP/1.1 400 "), said
    assert said.count(b"HTTP/1.1 4") == 1


def test_a_head_that_is_too_long(port):
    said = say(port, b"GET / HTTP/1.1\r\n" + HOST + b"X: " + b"a" * 200_000 + b"\r\n\r\n")
    assert said == b"" or said.startswith(
        b"HTTP/1.1 431 "
    )  # nothing is heard where it still wrote when it was refused


def test_a_head_that_does_not_come(port):
    assert say(port, b"GET / HTTP/1.1\r\nHost:").startswith(b"HTTP/1.1 408 ")


def test_a_body_that_does_not_come(port):
    said = say(port, b"POST / HTTP/1.1\r\n" + HOST + SIGNED + b"Content-Length: 10\r\n\r\n{}")
    assert said.startswith(
        (b"HTTP/1.1 400 ", b"HTTP/1.1 408 ")
    )  # unsigned, it is refused before its body is awaited


def test_requests_in_one_piece_have_an_answer_each(port):
    said = say(port, HEALTH * 3 + HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    assert said.count(b"HTTP/1.1 200 OK") == 4


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PATCH", "CONNECT", "PROPFIND"])
def test_a_method_that_nothing_has(method, port):
    target = "localhost:80" if method == "CONNECT" else "/bucket/key"
    said = say(port, f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert said.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")), said


def test_another_protocol_is_not_switched_to(port):
    upgrade = b"Connection: close, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: a\r\n"
    assert b" 101 " not in say(port, b"GET / HTTP/1.1\r\n" + HOST + upgrade + b"\r\n")


def test_an_address_in_the_request_line_is_not_followed(port):
    said = say(
        port, b"GET http://example.invalid/_pairloom HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    )
    assert said.startswith(b"HTTP/1.1 403 ")
