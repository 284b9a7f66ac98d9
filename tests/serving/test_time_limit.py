"""A model that does not answer in time: 504, and its worker ends, for a thread cannot be stopped."""

import os
import signal
import threading
import time
from dataclasses import replace

import pytest
from endpoint_clients import ONE, ask, events, make_client, until

from pairloom.serving.invocations import LARGEST_INLINE_BYTES
from pairloom.serving.running import running

LONG = ONE + b" " * LARGEST_INLINE_BYTES


class SlowModel:
    """Waits before it answers rows, until it is let go."""

    def __init__(self, model):
        self.model, self.seconds, self.released = model, 0.0, threading.Event()

    def predict(self, rows, *, n_threads=1):
        if rows.n_rows:
            self.released.wait(self.seconds)
        return self.model.predict(rows, n_threads=n_threads)


@pytest.fixture
def slow(classifier):
    model = SlowModel(classifier.model)
    yield model
    model.released.set()


def client_of(classifier, slow, **settings):
    given_up = []
    client = make_client(replace(classifier, model=slow), lambda: given_up.append(True), **settings)
    client.given_up = given_up
    return client


def test_a_long_body_that_is_not_answered_in_time_gets_a_504(classifier, slow):
    client = client_of(classifier, slow, timeout_s=0.2)
    assert client.post(LONG, "application/json").status == 200
    slow.seconds = 60.0
    refused = client.post(LONG, "application/json")
    assert refused.status == 504
    assert "The model must answer within 0.2 s. Send fewer rows at once." in refused.json["message"]
    assert client.given_up == [True]


def test_a_model_that_was_slow_on_a_short_body_gets_the_next_one_in_a_thread(classifier, slow):
    client = client_of(classifier, slow, timeout_s=0.2)
    slow.seconds = 0.4
    # In the event loop there is nobody to tell the time: the first one is answered, late.
    assert client.post(ONE, "application/json").status == 200
    assert client.post(ONE, "application/json").status == 504
    slow.released.set()
    for _ in range(5):
        assert client.post(ONE, "application/json").status == 200


@pytest.mark.slow
def test_a_worker_without_a_sign_of_life_is_killed_and_replaced(model_file, tmp_path):
    with running(model_file, "--timeout-s", "0.5", log=tmp_path / "log") as endpoint:
        ready = [event["worker"] for event in events(tmp_path / "log") if event["event"] == "worker ready"]
        os.kill(ready[0], signal.SIGSTOP)  # as a model that hangs in the event loop
        began = time.monotonic()
        until(lambda: any(e["event"] == "worker killed: no sign of life" for e in events(tmp_path / "log")))
        assert time.monotonic() - began < 30
        until(lambda: _answers(endpoint))


def _answers(endpoint):
    try:
        return len(ask(endpoint)) == 1
    except OSError:
        return False
