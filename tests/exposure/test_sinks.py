"""Events reach a real Redis, and a broker that speaks Kafka's protocol: at least once, also if it was down."""

import json
import logging
import subprocess
import sys
import time
from pathlib import Path

import pytest
from redis import Redis
from redis_server import RedisServer

from local_processes import free_ports
from pairloom.errors import PlatformError, UserError
from pairloom.exposure import (
    ExposureLog,
    Impressions,
    KafkaTopics,
    Record,
    RedisStreams,
    read_exposures,
    recover,
    send_waiting,
    sink_of,
)

KILLED = """
import os, signal, sys
from pairloom.exposure import ExposureLog, Impressions, RedisStreams
log = ExposureLog(sys.argv[1], flush_s=0.02, sink=RedisStreams(sys.argv[2]))
for i in range(10**9):
    log.log(Impressions(f"k{i}", [1]))
    os.write(1, b"%d\\n" % i)
"""


@pytest.fixture
def redis():
    server = RedisServer()
    try:
        server.start()
        yield server
    finally:
        server.remove()


def entries(server, kind="impressions"):
    """Everything in a stream, by the ids that events have."""
    with Redis(port=server.port) as client:
        found = client.xrange(f"pairloom:{kind}")
    by_id = {fields[b"id"]: json.loads(fields[b"event"]) for _, fields in found}
    return len(found), by_id


def wait_until(true, seconds=60):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_redis_gets_what_is_logged(redis, tmp_path):
    with ExposureLog(tmp_path, flush_s=0.02, sink=RedisStreams(redis.url)) as log:
        log.log(Impressions("r", [3, "x"], user=7, propensities=[0.5, 1], context={"page": 1}))
        log.feedback("r", "x", value=2.5)
        wait_until(lambda: entries(redis, "feedback")[0] == 1)
    n_entries, by_id = entries(redis)
    assert n_entries == 1
    [event] = by_id.values()
    assert (event["request"], event["items"], event["user"], event["propensities"]) == (
        "r",
        [3, "x"],
        7,
        [0.5, 1],
    )
    [event] = entries(redis, "feedback")[1].values()
    assert (event["item"], event["value"]) == ("x", 2.5)
    assert read_exposures(tmp_path).value.tolist() == [0, 2.5]
    assert not list((tmp_path / "outbox").iterdir())


def test_a_broker_that_is_killed_gets_the_rest_later(redis, tmp_path, caplog):
    caplog.set_level(logging.WARNING)
    log = ExposureLog(tmp_path, flush_s=0.02, sink=RedisStreams(redis.url, timeout_s=1))
    for i in range(300):
        log.log(Impressions(f"r{i}", [1]))
        if i == 100:
            wait_until(lambda: entries(redis)[0] > 0)
            redis.kill()
    log.flush()
    wait_until(lambda: log.status().error)
    assert log.status().n_unsent >= 1
    assert read_exposures(tmp_path).n_requests == 300  # nothing waits for the broker
    redis.start()
    wait_until(lambda: log.status().n_unsent == 0)
    wait_until(lambda: not log.status().error)
    log.close()
    n_entries, by_id = entries(redis)
    assert {event["request"] for event in by_id.values()} == {f"r{i}" for i in range(300)}
    assert len(by_id) == 300 <= n_entries
    assert "sent again" in caplog.text


def test_what_a_killed_process_acknowledged_is_sent_by_the_next(redis, tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path), redis.url]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        process.stdout.readline()
        wait_until(lambda: entries(redis)[0] > 0)
    finally:
        process.kill()
        said = process.stdout.read()
        process.stdout.close()
        process.wait()
    n_acknowledged = int(said.split(b"\n")[-2]) + 1
    recover(tmp_path)  # by one that has no sink: it leaves them in the outbox
    sink = RedisStreams(redis.url)
    send_waiting(tmp_path, sink)
    sink.close()
    requests = {event["request"] for event in entries(redis)[1].values()}
    assert {f"k{i}" for i in range(n_acknowledged)} <= requests


def test_a_broker_that_is_never_there_fills_no_disk(tmp_path):
    [port] = free_ports(1)
    log = ExposureLog(
        tmp_path,
        flush_s=1e6,
        sink=RedisStreams(f"redis://127.0.0.1:{port}", timeout_s=1),
        most_unsent_bytes=2000,
    )
    logged = []

    def work():
        for i in range(1000):
            log.log(Impressions(f"r{i}", [1]))
            logged.append(i)
            if i % 10 == 9:
                log.flush()

    with pytest.raises(PlatformError, match="must wait for the broker"):
        work()
    assert len(logged) < 60
    log.close()
    assert read_exposures(tmp_path).n_requests == len(logged)


class Counting:
    """Takes so many batches, then none."""

    def __init__(self, n_batches):
        self.left, self.taken = n_batches, []

    def send(self, records):
        if not self.left:
            raise PlatformError("full")
        self.left -= 1
        self.taken += records

    def close(self):
        pass


def test_sending_goes_on_where_it_stopped(tmp_path):
    (tmp_path / "outbox").mkdir()
    with ExposureLog(tmp_path) as log:
        for i in range(1200):
            log.log(Impressions(f"r{i}", [1]))
    sink, done = Counting(1), {}
    with pytest.raises(PlatformError):
        send_waiting(tmp_path, sink, done)
    sink.left = 10
    assert send_waiting(tmp_path, sink, done) == 700
    assert [record.request for record in sink.taken] == [f"r{i}" for i in range(1200)]
    assert len({record.id for record in sink.taken}) == 1200
    assert (done, send_waiting(tmp_path, sink, done)) == ({}, 0)


@pytest.fixture
def kafka():
    command = [sys.executable, str(Path(__file__).with_name("kafka_broker.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.stdin.close()
        process.stdout.close()
        process.wait()


def test_kafkas_protocol(kafka, tmp_path):
    from confluent_kafka import Consumer

    with ExposureLog(tmp_path, flush_s=0.02, sink=KafkaTopics(kafka)) as log:
        for i in range(50):
            log.log(Impressions(f"r{i}", [1, 2]))
    assert not list((tmp_path / "outbox").iterdir())
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": "tests", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe(["pairloom.impressions"])
    messages, deadline = [], time.monotonic() + 60
    while len(messages) < 50:
        assert time.monotonic() < deadline
        message = consumer.poll(0.5)
        if message is not None:
            assert message.error() is None
            messages.append(message)
    consumer.close()
    assert {message.key().decode() for message in messages} == {f"r{i}" for i in range(50)}
    assert json.loads(messages[0].value())["items"] == [1, 2]
    assert len({message.headers()[0][1] for message in messages}) == 50


def test_brokers_that_are_away_are_told():
    [port] = free_ports(1)
    record = Record("1", "impressions", "r", b"{}")
    for sink in (
        KafkaTopics(f"127.0.0.1:{port}", timeout_s=0.3),
        RedisStreams(f"redis://127.0.0.1:{port}", timeout_s=0.3),
    ):
        with pytest.raises(PlatformError, match="sent again"):
            sink.send([record])
        sink.close()


def test_sinks_by_address():
    assert isinstance(sink_of("redis://127.0.0.1:1/0"), RedisStreams)
    assert isinstance(sink_of("kafka://127.0.0.1:1,127.0.0.1:2"), KafkaTopics)
    for wrong in ("http://x", "file", "kafka://"):
        with pytest.raises(UserError, match="redis://host:port"):
            sink_of(wrong)
    with pytest.raises(UserError, match="librdkafka"):
        KafkaTopics("127.0.0.1:1", options={"no such": "setting"})
    with pytest.raises(UserError, match="url"):
        RedisStreams("http://x")
