"""An endpoint of a recommender: what it acknowledges survives kill -9, and reaches every worker."""

import json
import threading
import urllib.request

import numpy as np
import pytest
from endpoint_clients import metric, until

from pairloom.errors import PlatformError
from pairloom.exposure import read_exposures
from pairloom.recommenders import EASE
from pairloom.serving.running import running


@pytest.fixture(scope="module")
def recommender(tmp_path_factory):
    rng = np.random.default_rng(2)
    path = tmp_path_factory.mktemp("recommender") / "recommender.tar.gz"
    EASE(l2=5).fit({"user": rng.integers(0, 80, 1500), "item": rng.integers(0, 50, 1500)}).save(path)
    return path


def post(endpoint, path, body):
    request = urllib.request.Request(
        endpoint.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as response:
        return json.loads(response.read())


def items_of(endpoint, user):
    return [row["item"] for row in post(endpoint, "/invocations", {"user": user, "n": 100})["items"]]


def known(endpoint, taken):
    """Items that any of a dozen answers still offers to somebody who took them."""
    return {item for _ in range(12) for item in items_of(endpoint, "new")} & set(taken)


def test_events_reach_all_workers_while_they_answer_and_survive_a_kill(recommender, tmp_path):
    options = "--workers", "2", "--events", str(tmp_path / "events"), "--no-access-log"
    faults = []
    ended = threading.Event()
    with running(recommender, *options, log=tmp_path / "log.jsonl") as endpoint:

        def ask():
            while not ended.is_set():
                try:
                    assert items_of(endpoint, 5)
                except Exception as error:
                    faults.append(error)
                    return

        asking = threading.Thread(target=ask)
        asking.start()
        for item in range(30):
            assert post(endpoint, "/events", {"user": "new", "item": item}) == {"accepted": 1}
        ended.set()
        asking.join()
        assert not faults
        until(lambda: not known(endpoint, range(30)))  # connections go to either worker
        assert metric(endpoint, "events_pending_bytes") == 0
        assert metric(endpoint, "events_total") == 30
        endpoint.process.kill()
        endpoint.process.wait()
    with running(recommender, *options, log=tmp_path / "log.jsonl") as endpoint:
        assert sorted(items_of(endpoint, "new")) == list(range(30, 50))


def test_lists_are_logged_by_every_worker_to_its_end(recommender, tmp_path):
    log, options = tmp_path / "shown", ("--workers", "2", "--no-access-log", "--epsilon", "0.1")
    with running(recommender, *options, "--exposures", str(log), log=tmp_path / "log.jsonl") as endpoint:
        answers = [post(endpoint, "/invocations", {"user": user, "n": 3}) for user in range(20)]
        clicked = answers[4]
        event = {"user": 4, "item": clicked["items"][0]["item"], "request": clicked["request_id"]}
        assert post(endpoint, "/events", event) == {"accepted": 1}
    found = read_exposures(log)
    assert set(found.request_ids.tolist()) == {answer["request_id"] for answer in answers}
    assert found.counts["click"].sum() == 1
    assert found.user[found.counts["click"] > 0].tolist() == ["4"]
    assert len(set(found.model.tolist())) == 1
    assert (found.propensity > 0).all()


def test_a_journal_that_is_none_is_said_at_the_start(recommender, model_file, tmp_path):
    (tmp_path / "events.jsonl").write_text('{"user": 1, "item": 2}\n{"user": 1}\n')
    log = tmp_path / "log.jsonl"
    with pytest.raises(PlatformError), running(recommender, "--events", str(tmp_path), log=log):
        pass
    assert "expected an event. Got Object missing required field `item`" in log.read_text()
    with pytest.raises(PlatformError), running(model_file, "--events", str(tmp_path / "new"), log=log):
        pass
    assert "'--events' and '--exposures' are for a recommender" in log.read_text()
