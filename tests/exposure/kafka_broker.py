"""The broker that librdkafka brings for tests, in a process of its own: prints its address, ends with its input."""

import sys

from confluent_kafka import Producer

cluster = Producer({"test.mock.num.brokers": 1, "log_level": 0})
broker = next(iter(cluster.list_topics(timeout=30).brokers.values()))
print(f"{broker.host}:{broker.port}", flush=True)
sys.stdin.read()
