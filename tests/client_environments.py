"""Python environments of unmodified clients, each made once from its list of exact versions.

They are kept in `build/clients` (or the folder that PAIRLOOM_CLIENTS_CACHE names), one for each list and interpreter,
so that a list that changed makes a new one. Making one takes pip and an index, and from 5 to 50 seconds.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]
LISTS = CHECKOUT / "tests" / "clients" / "environments"
PROGRAMS = CHECKOUT / "tests" / "clients" / "programs"
ACCOUNT = "000000000000"
NAMES_OF_THE_ACCOUNT = {
    "bucket": f"sagemaker-us-east-1-{ACCOUNT}",
    "role": f"arn:aws:iam::{ACCOUNT}:role/PairloomExecutionRole",
    "account": ACCOUNT,
    "profile": ACCOUNT,
}
OFFLINE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "Temporary failure in name resolution",
    "Network is unreachable",
)


def client_environment(name):
    """Folder of what `tests/clients/environments/NAME.txt` lists; skips where no index can be reached."""
    wanted = LISTS / f"{name}.txt"
    key = hashlib.sha256(wanted.read_bytes() + sys.version.encode() + sysconfig.get_platform().encode())
    cache = Path(os.environ.get("PAIRLOOM_CLIENTS_CACHE") or CHECKOUT / "build" / "clients")
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"{name}-{key.hexdigest()[:12]}"
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            for old in cache.glob(f"{name}-*"):
                shutil.rmtree(old)
            venv.create(folder, symlinks=True)
            install(folder, wanted)
            (folder / "complete").touch()
    return folder


def install(folder, wanted):
    command = [
        *(sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--no-deps"),
        *("--quiet", "--no-compile", "--disable-pip-version-check", "--requirement", str(wanted)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    if done.returncode == 0:
        return
    if any(sign in done.stderr for sign in OFFLINE) and not os.environ.get("PAIRLOOM_CLIENTS_REQUIRED"):
        pytest.skip(f"needs an index of Python packages to make the environment of {wanted.stem}")
    pytest.fail(f"pip cannot make the environment of {wanted.stem}:\n{done.stderr[-3000:]}")
