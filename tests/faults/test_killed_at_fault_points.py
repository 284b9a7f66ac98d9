"""The service is killed at every named point between two steps, started again, and goes on."""

import re
import signal
from pathlib import Path

import pytest
import test_transform_restarts
from service_process import SOURCE, service_on
from tours import tour_of
from workload import GONE, Workload, settings_for

POINTS = sorted(
    name
    for path in Path(SOURCE, "pairloom").rglob("*.py")
    for name in re.findall(r'\bfault_point\("([^"]+)"\)', path.read_text())
)
OF_UPLOADS = {"part.written", "upload.joined"}  # tests/object_storage/test_folder_store.py
ELSEWHERE = {f"transform-job.{step}" for step in test_transform_restarts.STEPS} | OF_UPLOADS
QUICK = {"database.committed", "training-job.launched"}


def test_points_have_names_of_their_own_and_tours():
    assert len(POINTS) == len(set(POINTS)) > 8
    assert set(POINTS) >= QUICK
    assert set(POINTS) >= ELSEWHERE
    for point in {*POINTS} - ELSEWHERE:
        assert tour_of(point)


@pytest.mark.parametrize(
    "point",
    [
        point if point in QUICK else pytest.param(point, marks=pytest.mark.slow)
        for point in POINTS
        if point not in ELSEWHERE
    ],
)
def test_killed_at(point, tmp_path):
    fault, tour = tour_of(point)
    outside = tmp_path / "outside.jsonl"
    with service_on(tmp_path / "data", settings_for(outside)) as service:
        work, n_kills = Workload(service, outside), 0
        service.start(fault)
        for step in tour:
            while True:
                try:
                    step(work)
                except GONE:
                    service.process.wait(10)
                    assert service.process.returncode == -signal.SIGKILL, service.log.read_text()
                    n_kills += 1
                    service.start()
                    work.check_acknowledged()
                else:
                    break
        if n_kills == 0:  # perhaps after the last answer
            service.process.wait(10)
            service.start()
        assert n_kills <= 1
        work.check_end()
