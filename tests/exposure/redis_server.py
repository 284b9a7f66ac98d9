"""A Redis server in a temporary folder, for tests: on loopback only, and gone when the test is, whatever happens."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from local_processes import free_ports


class RedisServer:
    """Keeps what it acknowledges through `kill`, at the same port after `start`."""

    def __init__(self):
        if shutil.which("redis-server") is None:
            why = "needs Redis: apt-get install redis-server"
            (pytest.fail if os.environ.get("PAIRLOOM_NEEDS_REDIS") else pytest.skip)(why)
        self.home = Path(tempfile.mkdtemp(prefix="pairloom-redis-"))
        [self.port] = free_ports(1)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process = None

    def start(self):
        kept = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        where = ["--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.home)]
        command = ["setpriv", "--pdeathsig=KILL", "redis-server", *where, *kept, "--daemonize", "no"]
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.home)
        deadline = time.monotonic() + 60
        while True:
            assert self.process.poll() is None, (self.home / "log").read_text()
            assert time.monotonic() < deadline, (self.home / "log").read_text()
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                    probe.sendall(b"PING\r\n")
                    if probe.recv(7) == b"+PONG\r\n":
                        return
            except OSError:
                pass
            time.sleep(0.02)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        self.kill()
        shutil.rmtree(self.home)
