"""Kills one job at random moments, starts it again each time, and says what came of it: a program for tests.

    python restarted_jobs.py ROOT ALGORITHM N_KILLS SEED

The job lies in ROOT. Every start is a fork of this process, which has imported everything, so that it costs
milliseconds. Whenever a job gets to its end, its model is compared with that of an undisturbed one.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "algorithms"))

import pairloom.container.training  # noqa: F401 - imported before the first fork
from pairloom.algorithms import catalogue
from pairloom.algorithms.factorization_machines import FactorizationMachines  # noqa: F401 - likewise
from pairloom.container.entry import run

catalogue.BUILT_IN["linear-plugin"] = "linear_plugin:LinearPlugin"


def start(root, name, log):
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 1)
        os.dup2(1, 2)
        code = run([name, "--root", str(root)])
        sys.stdout.flush()
    finally:
        os._exit(code)


def emptied(root):
    for name in ("checkpoints", "model", "output"):
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir()


def model_of(root):
    return {
        path.name: path.read_bytes() for path in (root / "model").iterdir() if path.name != "artifact.json"
    }


def main(root, name, n_kills, seed):
    random_moment, log = random.Random(seed), root / "log"
    emptied(root)
    started = time.monotonic()
    _, status = os.waitpid(start(root, name, log), 0)
    seconds = time.monotonic() - started
    assert status == 0, log.read_text()
    undisturbed = model_of(root)
    assert undisturbed
    emptied(root)
    result = {"kills": 0, "compared": 0, "different": 0, "failed": 0}
    while result["kills"] < n_kills or not result["compared"]:
        process = start(root, name, log)
        moment = time.monotonic() + (random_moment.uniform(0, seconds) if result["kills"] < n_kills else 60)
        while (done := os.waitpid(process, os.WNOHANG))[0] == 0 and time.monotonic() < moment:
            time.sleep(0.0005)
        if done[0] == 0:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            result["kills"] += 1
            continue
        result["failed"] += done[1] != 0
        result["compared"] += 1
        result["different"] += model_of(root) != undisturbed
        emptied(root)
    result["resumed"] = log.read_text().count("Going on from the checkpoint")
    result["log"] = log.read_text() if result["failed"] else ""
    result["seconds"] = seconds
    print(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
