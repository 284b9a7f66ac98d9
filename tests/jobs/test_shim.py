"""Attempts end in every way there is, and leave nothing behind."""

import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from attempts import RunningJob, python_job

from pairloom.jobs.failures import failure_reason
from pairloom.jobs.launching import end_leftovers, is_running, open_attempt, send
from pairloom.jobs.watching import look, metric_values

SLEEP = "import time; print('up', flush=True); time.sleep(600)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + SLEEP
FAIL = "import pathlib, sys; root = pathlib.Path(sys.argv[1]); "


def ended(tmp_path, script, **more):
    with RunningJob(tmp_path / "0001", python_job(script, **more)) as job:
        ending = job.wait()
        return job, ending


def alive(pid):
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def test_a_job_leaves_log_model_and_metrics(tmp_path):
    script = """import pathlib, sys
root = pathlib.Path(sys.argv[1])
print("a\\tb"); print("loss=0.5;"); print("no end", end="")
(root / "model" / "inner").mkdir()
(root / "model" / "inner" / "m.bin").write_bytes(b"abc")
(root / "output" / "data" / "o.txt").write_text("o")
"""
    job, ending = ended(tmp_path, script, metrics={"loss": r"loss=([0-9.]+)", "none": "loss="})
    assert ending.codes == {"algo-1": 0}
    assert ending.reason is None
    assert failure_reason(job.files, ending) is None
    assert job.lines() == ["a#011b", "loss=0.5;", "no end"]
    assert [(value.name, value.value) for value in metric_values(job.files)] == [("loss", 0.5)]
    with tarfile.open(job.files.results / "model.tar.gz") as archive:
        assert archive.getnames() == ["inner/m.bin"]
        assert archive.extractfile("inner/m.bin").read() == b"abc"
    with tarfile.open(job.files.results / "output.tar.gz") as archive:
        assert archive.getnames() == ["o.txt"]


def test_nothing_made_is_no_archive(tmp_path):
    job, _ = ended(tmp_path, "pass")
    assert list(job.files.results.glob("*")) == []


def test_an_attempt_is_locked_from_its_making_to_its_end(tmp_path):
    with RunningJob(tmp_path / "0001", python_job(SLEEP)) as job:
        assert is_running(job.files)  # from the first moment, before the shim has come up
        job.wait_for_line("up")
        assert is_running(job.files)
        with pytest.raises(FileExistsError):
            open_attempt(tmp_path / "0001")
        assert send(job.files, "stop")
        ending = job.wait()
        job.shim.wait(10)
        assert not is_running(job.files)
        assert ending.reason == "stop"
        assert ending.codes == {"algo-1": -signal.SIGTERM}


def test_a_word_that_is_no_reason_stops_nothing(tmp_path):
    with RunningJob(tmp_path / "0001", python_job(SLEEP)) as job:
        job.wait_for_line("up")
        assert send(job.files, "nonsense")
        time.sleep(0.2)
        assert look(job.files)[0] == "running"


def test_who_does_not_hear_is_killed(tmp_path):
    with RunningJob(tmp_path / "0001", python_job(DEAF, grace_s=0.3)) as job:
        job.wait_for_line("up")
        send(job.files, "stop")
        ending = job.wait(10)
    assert ending.codes == {"algo-1": -signal.SIGKILL}
    assert ending.reason == "stop"


def test_a_stopped_job_keeps_what_it_made(tmp_path):
    script = """import pathlib, signal, sys, time
def stop(*_):
    pathlib.Path(sys.argv[1], "model", "so-far").write_text("1")
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
print("up", flush=True); time.sleep(600)
"""
    with RunningJob(tmp_path / "0001", python_job(script)) as job:
        job.wait_for_line("up")
        send(job.files, "suspend")
        ending = job.wait(10)
        assert ending.codes == {"algo-1": 0}
        assert ending.reason == "suspend"
        assert (job.files.results / "model.tar.gz").exists()


def test_time_is_limited(tmp_path):
    began = time.monotonic()
    _, ending = ended(tmp_path, SLEEP, max_runtime_s=0.3)
    assert ending.reason == "max-runtime"
    assert 0.3 <= ending.ended_at - ending.started_at < 5
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("import sys; sys.exit(3)", "AlgorithmError: Exit Code: 3"),
        (
            FAIL + "(root / 'output' / 'failure').write_text('no data\\n'); sys.exit(1)",
            "AlgorithmError: no data, exit code: 1",
        ),
        (
            FAIL
            + "(root / 'output' / 'failure').write_text('ClientError\\nfeature_dim is wrong.'); sys.exit(2)",
            "ClientError: feature_dim is wrong., exit code: 2",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "AlgorithmError: Please use an instance type with more memory, or reduce the size of job data processed "
            "on an instance., exit code: 137",
        ),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
            "AlgorithmError: The command was ended by SIGSEGV, exit code: 139",
        ),
        (
            FAIL + "(root / 'output' / 'failure').symlink_to('/etc/passwd'); sys.exit(1)",
            "AlgorithmError: Exit Code: 1",
        ),
    ],
)
def test_a_failed_job_says_why(tmp_path, script, reason):
    job, ending = ended(tmp_path, script)
    assert failure_reason(job.files, ending) == reason


def test_a_long_reason_is_cut_to_what_the_wire_takes(tmp_path):
    job, ending = ended(tmp_path, FAIL + "(root / 'output' / 'failure').write_text('x' * 9999); sys.exit(1)")
    reason = failure_reason(job.files, ending)
    assert len(reason) == 1024
    assert reason.startswith("AlgorithmError: xxx")
    assert reason.endswith("xxx, exit code: 1")


def test_a_command_that_is_none(tmp_path):
    job = python_job("pass")
    missing = type(job)(job.name, ("/no/such/program", "train"), {}, {}, ())
    with RunningJob(tmp_path / "0001", missing) as running:
        ending = running.wait()
        assert failure_reason(running.files, ending) == "AlgorithmError: Exit Code: 127"
        assert "The command must be a program that can be started" in running.lines()[0]


def test_children_and_daemons_end_with_the_job(tmp_path):
    script = """import os, subprocess, sys, time
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
daemon = subprocess.Popen([sys.executable, "-c", "import os; os.setsid() if os.fork() == 0 else os._exit(0)\\n"
    "print('daemon', os.getpid(), flush=True); import time; time.sleep(600)"])
daemon.wait()
print("child", own.pid, flush=True)
time.sleep(0.3)
"""
    job, ending = ended(tmp_path, script)
    assert ending.codes == {"algo-1": 0}
    pids = [int(line.split()[1]) for line in job.lines()]
    assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


def test_a_killed_shim_takes_its_job_along_and_the_attempt_is_lost(tmp_path):
    script = """import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
import os; print(os.getpid(), flush=True)
time.sleep(600)
"""
    with RunningJob(tmp_path / "0001", python_job(script)) as job:
        while len(job.lines()) < 2:
            time.sleep(0.01)
        child, command = map(int, job.lines())
        job.shim.kill()
        job.shim.wait()
        assert look(job.files) == ("lost", None)
        end_leftovers(job.files)
        assert not alive(child)
        assert not alive(command)


def test_hosts_run_side_by_side_each_with_its_own_tree_and_log(tmp_path):
    script = """import json, pathlib, sys
root = pathlib.Path(sys.argv[1])
about = json.loads((root / "input/config/resourceconfig.json").read_text())
print(about["current_host"], about["hosts"])
(root / "model" / about["current_host"]).write_text(about["current_host"])
(root / "model" / "same").write_text(about["current_host"])
"""
    with RunningJob(tmp_path / "0001", python_job(script, hosts=("algo-1", "algo-2"))) as job:
        assert job.wait().codes == {"algo-1": 0, "algo-2": 0}
        assert job.lines("algo-1") == ["algo-1 ['algo-1', 'algo-2']"]
        assert job.lines("algo-2") == ["algo-2 ['algo-1', 'algo-2']"]
        with tarfile.open(job.files.results / "model.tar.gz") as archive:
            assert archive.getnames() == ["algo-1", "algo-2", "same"]
            assert archive.extractfile("same").read() == b"algo-1"


def test_one_host_that_fails_ends_the_others(tmp_path):
    script = """import os, sys, time
if os.environ["CURRENT_HOST"] == "algo-2":
    sys.exit(4)
time.sleep(600)
"""
    with RunningJob(tmp_path / "0001", python_job(script, hosts=("algo-1", "algo-2"), patience_s=0.2)) as job:
        ending = job.wait(20)
        assert ending.codes == {"algo-1": -signal.SIGKILL, "algo-2": 4}


def test_a_flood_and_a_line_without_end_and_bytes_that_are_no_text(tmp_path):
    script = """import sys
out = sys.stdout.buffer
out.write(b"x" * 600_000 + b"\\n"); out.write(b"\\xff\\x00\\r\\n"); out.write(b"y\\n" * 50_000)
"""
    job, _ = ended(tmp_path, script)
    lines = job.lines()
    assert [len(line) for line in lines[:3]] == [262144, 262144, 600_000 - 2 * 262144]
    assert lines[3] == "\N{REPLACEMENT CHARACTER}#000"
    assert lines[4:] == ["y"] * 50_000


def test_an_expression_that_never_ends_is_given_up(tmp_path):
    script = "print('a' * 60 + '!', flush=True); print('loss=1', flush=True)"
    metrics = {"evil": r"((?:a+)+)$", "loss": "loss=(.*)", "no": "("}
    job, _ = ended(tmp_path, script, metrics=metrics)
    text = "\n".join(job.lines())
    assert "Metric 'evil': its expression must find its value within 0.5 s." in text
    assert "Metric 'no': its expression must be a regular one." in text
    assert [(value.name, value.value) for value in metric_values(job.files)] == [("loss", 1.0)]


def test_memory_is_limited(tmp_path):
    script = "x = bytearray(3 << 30)"
    job, ending = ended(tmp_path, script, memory_bytes=1 << 30)
    assert ending.codes == {"algo-1": 1}
    assert job.lines()[-1] == "MemoryError"


def test_links_and_fifos_do_not_get_into_the_model(tmp_path):
    script = """import os, pathlib, sys
model = pathlib.Path(sys.argv[1], "model")
(model / "real").write_text("real")
(model / "alias").symlink_to("real")
(model / "secret").symlink_to("/etc/passwd")
(model / "home").symlink_to("/etc")
(model / "loop").symlink_to("loop")
os.mkfifo(model / "fifo")
"""
    job, _ = ended(tmp_path, script)
    with tarfile.open(job.files.results / "model.tar.gz") as archive:
        assert {member.name: member.isreg() for member in archive} == {"alias": True, "real": True}
    assert len([line for line in job.lines() if "is left out" in line]) == 4


def test_the_shim_stays_with_the_standard_library():
    script = (
        "import sys, pairloom.jobs.shim, pairloom.jobs.feeding\n"
        "print([n for n in sys.modules if '.' not in n and n not in sys.stdlib_module_names and n != '__main__'])"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    said = subprocess.run(
        [sys.executable, "-S", "-c", script], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "['pairloom']"


def test_secrets_of_the_environment_are_the_owners_alone(tmp_path):
    with RunningJob(tmp_path / "0001", python_job(SLEEP)) as job:
        assert job.files.launch.stat().st_mode & 0o077 == 0
        assert job.files.folder.stat().st_mode & 0o077 == 0
