"""The service is killed at random moments while clients ask for all it does; seeds make a run repeatable."""

import random
import threading
import time

import pytest
from botocore.exceptions import ClientError
from service_process import service_on
from tours import put_model
from workload import GONE, Workload, settings_for

from postgresql import server


class Load(threading.Thread):
    """One client that goes on through deaths of the service."""

    def __init__(self, work, act, stopped):
        super().__init__(daemon=True)
        self.work, self.act, self.stopped, self.error, self.n_done = work, act, stopped, None, 0

    def run(self):
        try:
            number = 0
            while not self.stopped.is_set():
                try:
                    self.act(self.work, number)
                    self.n_done += 1
                    number += 1
                except GONE:
                    time.sleep(0.05)
        except BaseException as error:
            self.error = error


def jobs(draw):
    def act(work, number):
        work.create_job(f"job-{number}", seconds=draw.choice([0, 0, 0.1, 1.5]))
        work.stopped.wait(0.2)

    return act


def objects(draw):
    def act(work, number):
        work.put(f"key-{number % 10}", draw.randbytes(draw.choice([0, 10, 200_000])))

    return act


def invocations(work, _):
    try:
        work.invoke("films")
    except ClientError as error:
        raise AssertionError from error


def run(tmp_path, n_kills, seed, *more):
    draw = random.Random(seed)
    outside = tmp_path / "outside.jsonl"
    command = ("-m", "pairloom", "up", *more)
    with service_on(tmp_path / "data", settings_for(outside), command=command) as service:
        work = Workload(service, outside)
        service.start()
        put_model(work)
        work.deploy("films", "model.tar.gz")
        work.create_endpoint("films", "films")
        work.endpoint_is("films", "InService")
        work.stopped = threading.Event()
        loads = [
            Load(work, act, work.stopped)
            for act in (jobs(random.Random(seed)), objects(random.Random(seed)), invocations)
        ]
        for load in loads:
            load.start()
        try:
            for number in range(n_kills):
                time.sleep(draw.uniform(0.0, 1.5))
                service.kill()
                service.start()
                assert service.alive, service.log.read_text()
                assert not any(load.error for load in loads), [load.error for load in loads]
                if number % 10 == 9:
                    work.invoke("films")
            time.sleep(1)
        finally:
            work.stopped.set()
            for load in loads:
                load.join(60)
        assert [load.error for load in loads] == [None] * 3
        assert all(load.n_done for load in loads), [load.n_done for load in loads]
        work.check_end()


def test_killed_at_a_few_moments(tmp_path):
    run(tmp_path, 4, seed=1)


@pytest.mark.slow
@pytest.mark.xdist_group("postgresql")
def test_killed_at_a_few_moments_with_postgresql(tmp_path):
    with server() as url:
        run(tmp_path, 8, 3, "--database", url)


@pytest.mark.slow
def test_killed_at_a_hundred_moments(tmp_path):
    run(tmp_path, 100, seed=2)
