"""`pairloom up` as a process that can be killed and started again on its folder."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import boto3
from botocore.config import Config

import pairloom
from local_processes import free_ports

SOURCE = Path(pairloom.__file__).resolve().parents[1]
ANSWERS_WITHIN_S = 60


class ServiceProcess:
    """One data folder and, at times, a service on it; always on the same port."""

    def __init__(self, folder, settings="", command=("-m", "pairloom", "up")):
        self.folder, self.command = folder, command
        (self.port,) = free_ports(1)
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "settings.toml").write_text(settings)
        self.log = folder.parent / f"{folder.name}.log"
        self.process, self.clients = None, {}

    def start(self, fault="", environment=None, before=()):
        """Start it, to be killed at a fault point; return once it answers, or has been killed before."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(SOURCE),
            "PAIRLOOM_FAULT": fault,
            **(environment or {}),
        }
        command = [
            *before,
            sys.executable,
            *self.command,
            "--data",
            str(self.folder),
            "--port",
            str(self.port),
        ]
        address = self.folder / "service.json"
        address.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig=KILL", *command], stdout=log, stderr=log, env=environment
            )
        deadline = time.monotonic() + ANSWERS_WITHIN_S
        while self.alive and not address.exists():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.01)
        return self

    @property
    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        """End it in an orderly way."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0, self.log.read_text()

    def client(self, name, read_timeout=30):
        """boto3's client, which asks once; for any thread."""
        if (name, read_timeout) not in self.clients:
            keys = dict(re.findall(r"(\w+) = (\S+)", (self.folder / "credentials").read_text()))
            once = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=read_timeout)
            self.clients[name, read_timeout] = boto3.Session(region_name="us-east-1", **keys).client(
                name, endpoint_url=f"http://127.0.0.1:{self.port}", config=once
            )
        return self.clients[name, read_timeout]

    def processes(self):
        """Process ids, with their commands, of all that have to do with the folder."""
        word, found = os.fsencode(self.folder), {}
        for process in Path("/proc").glob("[0-9]*"):
            if int(process.name) == os.getpid():
                continue
            try:
                command = (process / "cmdline").read_bytes()
                told = (
                    command + (process / "environ").read_bytes() + os.fsencode((process / "cwd").readlink())
                )
            except OSError:  # it has ended
                continue
            if word in told and b"pytest" not in command:
                found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace")
        return found

    def no_process_is_left(self, within_s=10.0):
        deadline = time.monotonic() + within_s
        while left := self.processes():
            assert time.monotonic() < deadline, left
            time.sleep(0.05)


@contextmanager
def service_on(folder, settings="", **more):
    """A service that has not been started; whatever it leaves is killed at the end."""
    service = ServiceProcess(folder, settings, **more)
    try:
        yield service
    finally:
        service.kill()
        for _ in range(50):
            left = service.processes()
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if not left:
                break
            time.sleep(0.05)


def lines_of(file):
    """JSON lines that jobs have appended."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
