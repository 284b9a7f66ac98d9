"""One scoring path: bytes of rows in, bytes of answers out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.contract import Model, Predictions, refusals_of
from pairloom.artifact import Artifact
from pairloom.errors import UserError
from pairloom.formats.answers import format_answers
from pairloom.rows import RowBatch
from pairloom.serving.accept import answer_types, negotiated
from pairloom.serving.refused import Refused
from pairloom.serving.request_rows import RequestReader

__all__ = ["Answer", "Answering", "Scorer"]


@dataclass(frozen=True, slots=True)
class Answer:
    """Answers to the rows of one request.

    Parameters
    ----------
    body : bytes
    content_type : str, optional
        None for an answer without content, status 204.
    n_rows : int
    """

    body: bytes
    content_type: str | None
    n_rows: int


class Answering(Protocol):
    """What answers requests: bytes in, bytes out."""

    @property
    def inline(self) -> bool:
        """Whether short requests are answered in the event loop's own thread; if not, all go to another."""
        ...

    def answer(self, body: bytes, *, content_type: str = "", accept: str = "") -> Answer:
        """Answer a request, or raise Refused."""
        ...


class Scorer:
    """Answers requests from a model.

    Parameters
    ----------
    artifact : Artifact
    n_threads : int
        Threads that score the rows of one request.
    default_accept : str
        ``Accept`` of requests that have none. Default: the algorithm's first response type.
    """

    inline = True

    def __init__(self, artifact: Artifact, *, n_threads: int = 1, default_accept: str = "") -> None:
        kind = algorithm(artifact.algorithm)
        self.algorithm = artifact.algorithm
        self.model: Model = artifact.model
        self.reader = RequestReader(kind.request_content_types, artifact.encoder)
        self.offered = answer_types(kind.response_content_types)
        self.default_accept = default_accept
        negotiated(default_accept, self.offered)
        self._answers_name = kind.answers_name
        self._refusals = refusals_of(kind)
        self._n_threads = n_threads
        self._score(_NO_ROWS)  # what is imported at the first call is imported now

    def answer(self, body: bytes, *, content_type: str = "", accept: str = "") -> Answer:
        """Answer a request.

        Parameters
        ----------
        body : bytes
        content_type, accept : str
            The headers of these names; empty where there is none.

        Raises
        ------
        Refused
            With 406 or 415 for a type that is not known, or the algorithm's status (see
            `pairloom.algorithms.contract.Refusals`) for a body that is empty, cannot be read or holds rows
            that the model refuses.
        """
        answered_as = negotiated(accept or self.default_accept, self.offered)
        stated = self.reader.type_of(content_type)
        if not body:
            if self._refusals.empty_body == 204:
                return Answer(b"", None, 0)
            raise Refused(self._refusals.empty_body, "Request body: expected at least one row. Got no bytes.")
        try:
            rows = self.reader.rows(body, stated)
        except UserError as error:
            raise Refused(self._refusals.unreadable_body, str(error)) from error
        try:
            answers = format_answers(self._score(rows), answered_as, list_name=self._answers_name)
        except UserError as error:
            raise Refused(self._refusals.unusable_rows, str(error)) from error
        return Answer(answers, answered_as, rows.n_rows)

    def _score(self, rows: RowBatch) -> Predictions:
        return self.model.predict(rows, n_threads=self._n_threads)


_NO_ROWS = RowBatch(np.zeros(1, np.int64), np.zeros(0, np.int32), None, 0)
