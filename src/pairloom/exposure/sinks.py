"""Where events go besides Parquet: streams of a broker."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec

from pairloom.errors import MissingExtraError, PlatformError, UserError

__all__ = ["KafkaTopics", "Record", "RedisStreams", "Sink", "sink_of"]


class Record(msgspec.Struct, frozen=True):
    """One event on its way to a broker.

    Parameters
    ----------
    id : str
        The same whenever the event is sent again: whoever reads the stream knows a repeat by it.
    kind : str
        "impressions" or "feedback".
    request : str
    body : bytes
        The event as JSON.
    """

    id: str
    kind: str
    request: str
    body: bytes


class Sink(Protocol):
    """Takes events; an `ExposureLog` sends them, again and again until they are taken."""

    def send(self, records: Sequence[Record]) -> None:
        """Return once the broker has acknowledged all of them.

        Raises
        ------
        PlatformError
            If it may not have: all of them are sent again later.
        """
        ...

    def close(self) -> None:
        """Let connections go."""
        ...


class RedisStreams:
    """Sends to the streams ``{prefix}impressions`` and ``{prefix}feedback`` of Redis 5 or later (extra ``redis``).

    Each entry has the fields ``id``, ``request`` and ``event``. Redis keeps what it acknowledges through a crash if it
    runs with ``appendonly yes`` and ``appendfsync always``.

    Parameters
    ----------
    url : str
        ``redis://[:password@]host:port/database``, ``rediss://`` with TLS or ``unix://path``.
    prefix : str
    timeout_s : float
        Of connecting, and of each answer.
    longest : int, optional
        Entries that a stream keeps, about; older ones go. Default: all.
    """

    def __init__(
        self, url: str, *, prefix: str = "pairloom:", timeout_s: float = 5.0, longest: int | None = None
    ) -> None:
        self._library = _optional("redis", "RedisStreams")
        try:
            self._client: Any = self._library.Redis.from_url(
                url, socket_timeout=timeout_s, socket_connect_timeout=timeout_s
            )
        except ValueError as error:
            raise UserError(f"RedisStreams: 'url' must be redis://host:port. Got {error}.") from None
        self.prefix, self.longest = prefix, longest

    def send(self, records: Sequence[Record]) -> None:
        """Append entries, all in one round trip; returns when they are taken. See `Sink.send`."""
        pipeline = self._client.pipeline(transaction=False)
        for record in records:
            fields = {"id": record.id, "request": record.request, "event": record.body}
            pipeline.xadd(self.prefix + record.kind, fields, maxlen=self.longest, approximate=True)
        try:
            pipeline.execute()
        except (self._library.RedisError, OSError) as error:
            raise PlatformError(f"Redis: must take events. Got {error}. They are sent again.") from error

    def close(self) -> None:
        """Let connections go."""
        self._client.close()


class KafkaTopics:
    """Sends to the topics ``{prefix}impressions`` and ``{prefix}feedback`` of Kafka (extra ``kafka``).

    A message's key is the request, its value the event, and its header ``id`` tells repeats. A message is acknowledged
    by all replicas in sync. Tested with the broker that librdkafka brings for tests, which speaks Kafka's protocol; not
    with Kafka itself.

    Parameters
    ----------
    servers : str
        ``host:port``, with commas between several.
    prefix : str
    timeout_s : float
        Until a message that is not acknowledged is given up, to be sent again later.
    options : mapping of str to value, optional
        More of librdkafka's settings, such as those of TLS and SASL.
    """

    def __init__(
        self,
        servers: str,
        *,
        prefix: str = "pairloom.",
        timeout_s: float = 10.0,
        options: dict[str, Any] | None = None,
    ) -> None:
        self._library = _optional("confluent_kafka", "KafkaTopics", extra="kafka")
        settings = {
            "bootstrap.servers": servers,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": int(timeout_s * 1000),
            "linger.ms": 5,
            "log_level": 0,
            **(options or {}),
        }
        try:
            self._producer: Any = self._library.Producer(settings)
        except self._library.KafkaException as error:
            raise UserError(f"KafkaTopics: settings must be librdkafka's. Got {error}.") from None
        self.prefix, self.timeout_s = prefix, timeout_s

    def send(self, records: Sequence[Record]) -> None:
        """Produce messages and wait for the acknowledgement of each. See `Sink.send`."""
        refused: list[str] = []
        n_taken = 0

        def delivered(error: Any, _message: Any) -> None:
            nonlocal n_taken
            if error is None:
                n_taken += 1
            else:
                refused.append(str(error))

        try:
            for record in records:
                self._producer.produce(
                    self.prefix + record.kind,
                    record.body,
                    record.request.encode(),
                    headers={"id": record.id},
                    on_delivery=delivered,
                )
            self._producer.flush(self.timeout_s + 5)
        except (BufferError, self._library.KafkaException) as error:
            refused.append(str(error))
            self._producer.purge()
            self._producer.flush(1)
        if n_taken < len(records):
            why = refused[0] if refused else "no answer in time"
            raise PlatformError(f"Kafka: must take {len(records)} events. Got {why}. They are sent again.")

    def close(self) -> None:
        """Give up what is not sent."""
        self._producer.purge()
        self._producer.flush(1)


def sink_of(url: str) -> Sink:
    """Return the sink of ``redis://...``, ``rediss://...``, ``unix://...`` or ``kafka://host:port[,host:port]``.

    Raises
    ------
    UserError
        For another scheme; MissingExtraError without the library.
    """
    parts = urlsplit(url)
    if parts.scheme in ("redis", "rediss", "unix"):
        return RedisStreams(url)
    if parts.scheme == "kafka" and parts.netloc:
        return KafkaTopics(parts.netloc)
    raise UserError(f"Sink: must be redis://host:port or kafka://host:port. Got {parts.scheme or url!r}.")


def _optional(library: str, purpose: str, extra: str | None = None) -> ModuleType:
    try:
        return import_module(library)
    except ImportError:
        raise MissingExtraError(purpose, extra or library) from None
