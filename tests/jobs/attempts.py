"""Jobs on plain folders: laid out, launched and waited for; whatever a test leaves running is killed."""

import contextlib
import json
import os
import shutil
import sys
import time
from pathlib import Path

from pairloom.jobs.attempt_files import AttemptFiles
from pairloom.jobs.launching import end_leftovers, open_attempt
from pairloom.jobs.layout import lay_out
from pairloom.jobs.specification import Channel, InputFile, JobSpecification
from pairloom.jobs.watching import look

SOURCE = Path(__file__).resolve().parents[2] / "src"


def python_job(script, *, hosts=("algo-1",), channels=(), **more):
    """A job that runs a piece of Python; its first argument is its /opt/ml."""
    return JobSpecification(
        "a-job",
        (sys.executable, "-c", script, "/opt/ml"),
        {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), **more.pop("environment", {})},
        more.pop("hyperparameters", {}),
        tuple(channels),
        hosts=hosts,
        **more,
    )


def file_of(path, name=None):
    return InputFile(name or path.name, lambda target: shutil.copy(path, target), path.name)


def file_channel(name, folder, **more):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    records = tuple((file_of(path, str(path.relative_to(folder))),) for path in files)
    return Channel(name, more.pop("mode", "File"), records, **more)


class RunningJob:
    """An attempt; use it as a context, which ends with every process of it."""

    def __init__(self, folder, job, *, logs=None):
        self.job = job
        self.logs = logs or {name: folder.parent / "logs" / f"{name}.jsonl" for name in job.hosts}
        self.attempt = open_attempt(folder)
        self.files = AttemptFiles(folder)
        lay_out(job, self.files, self.logs)
        self.shim = self.attempt.launch()
        self.attempt.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.shim.kill()
        self.shim.wait()
        end_leftovers(self.files)

    def wait(self, timeout_s=60):
        """How it ended."""
        return self.wait_for("finished", timeout_s)

    def wait_for(self, phase, timeout_s=60):
        deadline = time.monotonic() + timeout_s
        while True:
            now, ending = look(self.files)
            if now == phase:
                return ending
            assert now not in ("lost", "finished"), (now, self.lines(), self.shim_said())
            assert time.monotonic() < deadline, (now, self.lines(), self.shim_said())
            time.sleep(0.01)

    def wait_for_line(self, text, timeout_s=60, host=None):
        deadline = time.monotonic() + timeout_s
        while not any(text in line for line in self.lines(host)):
            assert time.monotonic() < deadline, (self.lines(host), self.shim_said())
            assert look(self.files)[0] != "lost", self.shim_said()
            time.sleep(0.01)

    def lines(self, host=None):
        path = self.logs[host or self.job.hosts[0]]
        if not path.exists():
            return []
        return [json.loads(line)["m"] for line in path.read_text().splitlines()]

    def shim_said(self):
        with contextlib.suppress(FileNotFoundError):
            return self.files.shim_log.read_text()
        return ""
