"""What an algorithm and a model are: two protocols, and the declarations that an algorithm carries.

`Algorithm` says what was asked; its `fit` returns a `Model`, what was learned. Nothing inherits from these:
the contract suite in `pairloom.testing` holds algorithms to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self

import numpy.typing as npt

from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.report import Report, silent
from pairloom.collective import ALONE, Collective
from pairloom.errors import UserError
from pairloom.hyperparameters import Hyperparameters
from pairloom.metrics import Metric
from pairloom.rows import RowBatch

__all__ = [
    "Algorithm", "Channel", "InputMode", "Model", "Predictions", "Refusals", "RowSource", "check_channels",
    "check_one_host", "refusals_of",
]  # fmt: skip

InputMode = Literal["File", "Pipe"]
RowSource = Callable[[], Iterator[RowBatch]]
"""Opens one fresh pass over a channel; memory holds a few batches, never the data."""
Predictions = dict[str, npt.NDArray[Any]]
"""Arrays of shape (n_rows,), or (n_rows, n_values) where an answer is a list, by the name the response gives
them: ``score``, ``predicted_label``, ``projection``."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A named input of an algorithm.

    Parameters
    ----------
    name : str
    required : bool
    content_types : tuple of str
        Those it reads; the first is assumed where none is given. Parameters, as in ``text/csv;label_size=0``,
        are the type's defaults on this channel.
    input_modes : tuple of "File" and "Pipe"
    doc : str
    """

    name: str
    required: bool
    content_types: tuple[str, ...]
    input_modes: tuple[InputMode, ...]
    doc: str


@dataclass(frozen=True, slots=True)
class Refusals:
    """Status codes of an endpoint for requests without an answer, where SageMaker's containers differ.

    Parameters
    ----------
    empty_body : int
        For a request without a body: 4xx, or 204 for an answer without content.
    unreadable_body : int
        For a body that is not in the format that its content type names.
    unusable_rows : int
        For rows that can be read, but that the model refuses.
    """

    empty_body: int = 400
    unreadable_body: int = 400
    unusable_rows: int = 400


class Model(Protocol):
    """What was learned."""

    @property
    def n_features(self) -> int:
        """Width of the rows it scores."""
        ...

    def predict(self, rows: RowBatch, *, n_threads: int = 1) -> Predictions:
        """Score rows; a row's answer does not depend on the rows beside it."""
        ...

    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists, as data: no code runs when it is loaded."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; the loaded model predicts bit for bit the same."""
        ...


class Algorithm(Protocol):
    """What was asked.

    Attributes
    ----------
    name : str
        SageMaker's name, also that of its image.
    summary : str
        One sentence on what it is for.
    channels : tuple of Channel
    metrics : tuple of Metric
        Those it reports, on its channels.
    objectives : tuple of str
        Published metrics that a tuner may optimise: ``test:rmse``.
    request_content_types, response_content_types : tuple of str
        What an endpoint reads and writes; the first is the default.
    answers_name : str
        Name of the list of answers in a JSON response: ``predictions``.
    distributed : bool
        Whether several hosts can train it together; otherwise `fit` refuses a collective of more than one with a
        UserError that says 'one host'.
    hyperparameters_type : subclass of Hyperparameters
    model_type : class of the models that `fit` returns
    refusals : Refusals, optional
        Where its endpoint refuses with other status codes than most; see `refusals_of`.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    channels: ClassVar[tuple[Channel, ...]]
    metrics: ClassVar[tuple[Metric, ...]]
    objectives: ClassVar[tuple[str, ...]]
    request_content_types: ClassVar[tuple[str, ...]]
    response_content_types: ClassVar[tuple[str, ...]]
    answers_name: ClassVar[str]
    distributed: ClassVar[bool]
    hyperparameters_type: ClassVar[type[Hyperparameters]]
    model_type: ClassVar[type[Model]]

    def __init__(self, hyperparameters: Mapping[str, object]) -> None: ...

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> Model:
        """Train on ``channels["train"]``; raises UserError for data it cannot use.

        Parameters
        ----------
        channels : mapping of str to callable
            Each opens a fresh pass over the rows of this host.
        n_threads : int
        report : callable
            Receives events, some every few seconds: a listener may raise StopTraining at any of them, and the
            model learned so far is returned.
        checkpoints : Checkpoints
            Training goes on from the latest state, if there is one, and keeps one after every pass.
        collective : Collective
            The hosts that train together; every host returns the same model.
        """
        ...


def refusals_of(kind: type[Algorithm]) -> Refusals:
    """Return the attribute `refusals` of an algorithm, which only those declare that differ."""
    return getattr(kind, "refusals", Refusals())


def check_channels(owner: str, declared: tuple[Channel, ...], given: Mapping[str, object]) -> None:
    """Refuse channels that are not declared, and the absence of required ones."""
    names = [channel.name for channel in declared]
    for name in given:
        if name not in names:
            known = ", ".join(f"'{known}'" for known in names)
            raise UserError(
                f"{owner}: channel must be one of {known}. Got '{name}'. Rename it or leave it out."
            )
    for channel in declared:
        if channel.required and channel.name not in given:
            raise UserError(f"{owner}: channel '{channel.name}' is required. Give it: {channel.doc}")


def check_one_host(owner: str, collective: Collective) -> None:
    """Refuse several hosts, for an algorithm that is not `distributed`."""
    if collective.size > 1:
        raise UserError(
            f"{owner}: must be trained on one host. Got {collective.size}. Ask for an instance count of 1."
        )
