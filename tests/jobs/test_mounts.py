"""Programs that have /opt/ml written out, each with its own."""

import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from attempts import SOURCE, RunningJob, python_job

SCRIPT = """
import os, sys
print(sorted(os.listdir("/opt/ml")), sorted(os.listdir("/opt")))
print(open("/opt/ml/input/config/hyperparameters.json").read())
open("/opt/ml/model/m", "w").write(os.environ["CURRENT_HOST"])
"""
IS_ALLOWED = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
sys.exit(0 if libc.unshare(0x20000 if os.geteuid() == 0 else 0x10020000) == 0 else 1)
"""


@pytest.fixture
def own_mounts():
    """Skips where the system gives no process mounts of its own."""
    if (
        sys.platform != "linux"
        or subprocess.run([sys.executable, "-c", IS_ALLOWED], check=False).returncode != 0
    ):
        pytest.skip("this system lets no process have mounts of its own")


def test_each_host_sees_its_own_folder(tmp_path, own_mounts):
    before = sorted(path.name for path in Path("/opt").iterdir())
    job = python_job(SCRIPT, hosts=("algo-1", "algo-2"), hyperparameters={"a": "1"}, has_opt_ml=True)
    with RunningJob(tmp_path / "0001", job) as running:
        assert running.wait().codes == {"algo-1": 0, "algo-2": 0}, running.lines()
        for host in job.hosts:
            there, content = running.lines(host)
            assert there == f"{['code', 'input', 'model', 'output']} {sorted({*before, 'ml'})}"
            assert content == '{"a": "1"}'
            assert (running.files.host(host) / "model/m").read_text() == host
    assert sorted(path.name for path in Path("/opt").iterdir()) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests are nobody's already")
def test_whoever_is_not_root_sees_it_too(own_mounts):
    script = """
import ctypes, os, pathlib, sys
from pairloom.jobs.mounts import show_as_opt_ml
os.setgid(65534); os.setuid(65534)
ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # dumpable again, as every program is that did not begin as root
show_as_opt_ml(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[1]) / "work")
print(open("/opt/ml/file").read(), os.geteuid())
"""
    with tempfile.TemporaryDirectory() as folder:  # nobody may look into it, unlike pytest's
        Path(folder).chmod(0o777)
        (Path(folder) / "file").write_text("seen")
        done = subprocess.run(
            [sys.executable, "-c", script, folder],
            check=False,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(SOURCE)},
        )
    if "a process may not have mounts or a network of its own here" in done.stderr:
        pytest.skip("this system gives mounts of its own to root alone")
    assert done.stdout == "seen 65534\n", done.stderr


def test_where_it_is_not_allowed_the_job_runs_and_its_log_says_so(tmp_path):
    script = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from pairloom.jobs import processes
def refuse(*_):
    raise PermissionError(1, "not here")
processes.show_as_opt_ml = refuse
process = processes.start(["/bin/echo", "ran"], {}, folder=pathlib.Path("/"), output=1,
    opt_ml=(pathlib.Path("/"), pathlib.Path("/")))
process.wait()
"""
    job = python_job(script)
    job = type(job)(job.name, (*job.command[:3], str(SOURCE)), job.environment, {}, ())
    with RunningJob(tmp_path / "0001", job) as running:
        running.wait()
        assert running.lines() == [
            "/opt/ml must be this job's folder; it is not here, look for it in SAGEMAKER_BASE_DIR. Got: not here.",
            "ran",
        ]


def test_a_job_without_a_network(tmp_path, own_mounts):
    script = """
import socket, sys
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), 5)
    print("reached")
except OSError as error:
    print("unreachable")
print(sorted(name for _, name in socket.if_nameindex()))
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
        for is_isolated, expected in ((True, "unreachable"), (False, "reached")):
            job = python_job(script, is_isolated=is_isolated, has_opt_ml=True)
            job = replace(job, command=(*job.command, port))
            with RunningJob(tmp_path / expected / "0001", job) as running:
                running.wait()
                reached, interfaces = running.lines()
                assert reached == expected
                assert interfaces == "['lo']" or not is_isolated


def test_a_network_that_cannot_be_taken_away_is_no_job(tmp_path):
    script = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
from pairloom.jobs import processes
def refuse(*_):
    raise PermissionError(1, "not here")
processes.leave_network = refuse
process = processes.start(["/bin/echo", "ran"], {}, folder=pathlib.Path("/"), output=1, is_isolated=True)
print(process.wait())
"""
    job = python_job(script)
    job = replace(job, command=(*job.command[:3], str(SOURCE)))
    with RunningJob(tmp_path / "0001", job) as running:
        running.wait()
        assert running.lines() == [
            "EnableNetworkIsolation must leave the job without a network. Leave it out on this machine. Got: not here.",
            "126",
        ]
