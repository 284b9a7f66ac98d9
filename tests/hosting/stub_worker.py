"""A worker that does what its request says, to see how the pool takes it: ``python -m stub_worker``.

It speaks HTTP/1.1 by hand: an oracle for the client that shares no code with it.
"""

import json
import os
import signal
import socket
import sys
import threading
import time

orders = json.loads(sys.stdin.buffer.readline())
listener = socket.socket(fileno=orders["listener"])
listener.setblocking(True)
how = orders["model"].rpartition("/")[2]


def say(line):
    os.write(orders["status"], line.encode() + b"\n")


def serve(connection):
    file = connection.makefile("rb")
    while line := file.readline():
        head = {}
        while (header := file.readline().strip()) != b"":
            name, _, value = header.partition(b":")
            head[name.lower()] = value.strip()
        body = file.read(int(head[b"content-length"]))
        answer(connection, body.decode())
        del line


def answer(connection, asked):
    if asked == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if asked == "close":
        connection.shutdown(socket.SHUT_RDWR)
        return
    if asked == "nonsense":
        connection.sendall(b"What?\r\n\r\n")
        return
    if asked == "hang":
        time.sleep(60)
    if asked.startswith("sleep "):
        time.sleep(float(asked[6:]))
    if asked.startswith("pieces "):
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in asked[7:].split():
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece.encode()))
            time.sleep(0.1)
        connection.sendall(b"0\r\n\r\n")
        return
    if asked.startswith("bytes "):
        size = int(asked[6:])
        connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        for at in range(0, size, 1 << 20):
            connection.sendall(b"x" * min(size - at, 1 << 20))
        return
    content = f"{os.getpid()}".encode()
    connection.sendall(
        b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nX-Mixed: yes\r\n\r\n" % len(content) + content
    )


def end_with_service():
    sys.stdin.buffer.read()
    os._exit(0)


if how == "exits":
    print("what went wrong", flush=True)
    sys.exit(3)
if how == "refuses":
    say("failed " + json.dumps({"kind": "UserError", "message": "no such model"}))
    sys.exit(1)
if how == "never-ready":
    end_with_service()
threading.Thread(target=end_with_service, daemon=True).start()
say("ready")
if how == "talks":
    print("out", flush=True)
    print("err", file=sys.stderr, flush=True)


def beat():
    while True:
        time.sleep(0.1)
        say(".")


if how != "silent":
    threading.Thread(target=beat, daemon=True).start()
while True:
    taken, _ = listener.accept()
    threading.Thread(target=serve, args=(taken,), daemon=True).start()
