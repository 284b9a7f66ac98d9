"""A PostgreSQL server in a temporary folder, for tests: on a Unix socket only, never as root."""

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import pytest


def binaries():
    """Folder of Debian's newest server, or of the one on PATH; None if there is none."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
    found = debian[-1] if debian else shutil.which("postgres")
    return Path(found).resolve().parent if found else None


@contextmanager
def server():
    """Start a server and give the address of its database; it is gone afterwards, also if the test is killed."""
    folder = binaries()
    if folder is None:
        why = "needs PostgreSQL: apt-get install postgresql"
        (pytest.fail if os.environ.get("PAIRLOOM_NEEDS_POSTGRESQL") else pytest.skip)(why)
    home = Path(tempfile.mkdtemp(prefix="pairloom-postgresql-"))
    be = ["setpriv", "--pdeathsig=QUIT"]
    if os.geteuid() == 0:
        os.chown(home, 65534, 65534)
        be += ["--reuid=65534", "--regid=65534", "--clear-groups"]
    data = home / "data"
    make = [folder / "initdb", "-D", data, "-U", "tester", "--auth=trust", "--no-sync", "--encoding=UTF8"]
    try:
        subprocess.run([*be, *make], check=True, capture_output=True, timeout=120, cwd=home)
        quick = ["-c", "fsync=off", "-c", "listen_addresses=", "-c", "max_connections=150"]
        with (home / "log").open("wb") as log:
            running = subprocess.Popen(
                [*be, folder / "postgres", "-D", data, "-k", home, *quick], stdout=log, stderr=log, cwd=home
            )
        try:
            deadline = time.monotonic() + 60
            while subprocess.run([folder / "pg_isready", "-q", "-h", home], check=False).returncode:
                assert running.poll() is None, (home / "log").read_text()
                assert time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.05)
            yield f"postgresql://tester@/postgres?host={home}"
        finally:
            running.terminate()
            try:
                running.wait(5)
            except subprocess.TimeoutExpired:
                running.send_signal(3)  # at once
                running.wait(20)
    finally:
        shutil.rmtree(home)
