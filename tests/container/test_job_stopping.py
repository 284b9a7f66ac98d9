"""SIGTERM: the model so far, exit code 0, within seconds."""

import os
import re
import signal
import time

import pytest
from test_job_training import FM, filled, job_of

from pairloom.formats import write_rows
from pairloom.testing.training_job import FifoWriter

SOON_S = 20.0  # much more than it takes, much less than training would


def stopped(job, *, after):
    """Start a job, send SIGTERM when a line of its log has what `after` says, and wait for its end."""
    process = job.start()
    lines = []
    for line in process.stdout:
        lines.append(line)
        if re.search(after, line):
            break
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    done = job.finish(process, timeout_s=SOON_S)
    assert time.monotonic() - started < SOON_S
    assert (done.code, done.err, done.failure) == (0, "", None)
    return "".join(lines) + done.out


def test_the_model_so_far_is_saved(tmp_path):
    job = filled(FM, tmp_path, epochs="1000000")
    log = stopped(job, after=r"epoch=2, train rmse")
    assert "Stopped on request; the model so far is saved." in log
    assert "#test_score" not in log
    assert job.artifact().model.n_features == FM.train.n_features


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Pipe mode needs FIFOs, which Windows lacks")
def test_a_pass_that_waits_for_its_writer_ends(tmp_path):
    job = job_of(FM, tmp_path)
    job.add_channel("train", "text/libsvm", TrainingInputMode="Pipe")
    os.mkfifo(job.data / "train_0")
    log = stopped(job, after="Final configuration")
    assert "Stopped before there was a model." in log
    assert list((tmp_path / "model").iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Pipe mode needs FIFOs, which Windows lacks")
def test_a_long_pass_ends_early_with_a_model_and_without_a_state(tmp_path):
    """The stream does not end by itself: what was read is learned from."""
    job = job_of(FM, tmp_path, pairloom_memory_limit_mb="1", epochs="2", pairloom_solver="sgd")
    job.configure("checkpointconfig", {"S3Uri": "s3://bucket/states"})
    job.add_channel("train", "text/libsvm", TrainingInputMode="Pipe")
    write_rows([FM.train], tmp_path / "train.libsvm")
    text = (tmp_path / "train.libsvm").read_bytes()

    class Endless(FifoWriter):
        n_bytes = 0

        def _write(self):
            for path in self.paths:
                try:
                    with path.open("wb", buffering=0) as fifo:
                        while True:
                            self.n_bytes += fifo.write(text)
                except BrokenPipeError:
                    self.n_written, self.n_bytes = self.n_written + 1, 0

    with Endless(job.data, "train", [b"", b"", b""]) as writer:
        process = job.start()
        while not (writer.n_written == 1 and writer.n_bytes > 20e6) and process.poll() is None:
            time.sleep(0.05)  # into the second pass: the first was left at the memory limit
        process.send_signal(signal.SIGTERM)
        done = job.finish(process, timeout_s=SOON_S)
    assert (done.code, done.err, done.failure) == (0, "", None)
    assert "Stopped on request; the model so far is saved." in done.out
    assert job.artifact().model.n_features == 110
    assert list((tmp_path / "checkpoints" / "algo-1").iterdir()) == []
