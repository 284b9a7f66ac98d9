"""Events on their way from a request into the model, while it answers."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Sequence
from typing import Any

from pairloom.errors import PairloomError, UserError
from pairloom.recommenders.interactions import Columns
from pairloom.serving.counters import Counters
from pairloom.serving.log import log
from pairloom.serving.recommending.answering import RecommenderScorer
from pairloom.serving.recommending.journal import EventJournal
from pairloom.serving.recommending.requests import Event

__all__ = ["EventIntake"]

PAUSE_S = 0.05


class EventIntake:
    """Keeps events in the journal, and brings those of all workers into this worker's model.

    Answers never wait: the model that takes in events is another one, which replaces the scorer's when it is ready.

    Parameters
    ----------
    scorer : RecommenderScorer
    journal : EventJournal
        All that is in it is taken in now.
    counters : Counters

    Raises
    ------
    UserError
        If the journal holds what is no event, or does not fit the model.
    """

    def __init__(self, scorer: RecommenderScorer, journal: EventJournal, counters: Counters) -> None:
        self._scorer, self._journal, self._counters = scorer, journal, counters
        self._columns = scorer.recommender.columns
        while self._step():
            pass

    def start(self) -> None:
        """Begin to follow the journal in a thread of its own."""
        threading.Thread(target=self._follow, name="pairloom-events", daemon=True).start()

    def take(self, events: Sequence[Event]) -> None:
        """Keep events; when this returns they are on the disk.

        Raises
        ------
        UserError
            For an event that does not fit the model, with its place.
        PlatformError
            If they cannot be written.
        """
        for place, event in enumerate(events, 1):
            if (event.weight is None) != (self._columns.weight is None):
                expected = "no weight, as" if self._columns.weight is None else "a weight, as"
                raise UserError(f"event {place}: it must have {expected} the model was fitted with.")
        now = time.time()
        timed = [
            Event(event.user, event.item, event.weight, now if event.time is None else event.time)
            for event in events
        ]
        self._journal.append(timed)
        self._counters.add("events_total", len(timed))

    def _follow(self) -> None:
        while True:
            try:
                if not self._step():
                    time.sleep(PAUSE_S)
            except PairloomError as error:
                log("error", "events could not be taken in", message=str(error))
            except Exception as error:
                log(
                    "error",
                    "events could not be taken in",
                    error=repr(error),
                    traceback=traceback.format_exc(),
                )
                time.sleep(PAUSE_S)

    def _step(self) -> bool:
        """Take in what has come; tell whether there was something."""
        events = self._journal.read()
        if events:
            self._scorer.recommender = self._scorer.recommender.updated(_table(events, self._columns))
        self._counters.put("events_pending_bytes", self._journal.pending_bytes())
        return bool(events)


def _table(events: Sequence[Event], columns: Columns) -> dict[str, Any]:
    table: dict[str, Any] = {
        columns.user: [str(event.user) for event in events],
        columns.item: [str(event.item) for event in events],
    }
    if columns.weight is not None:
        table[columns.weight] = [0.0 if event.weight is None else event.weight for event in events]
    if columns.time is not None:
        table[columns.time] = [0.0 if event.time is None else event.time for event in events]
    return table
