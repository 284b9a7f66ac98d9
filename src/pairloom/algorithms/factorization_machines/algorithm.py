"""Declares the algorithm ``factorization-machines`` and trains it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pairloom.algorithms.checked_rows import checked_relational, checked_rows
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Channel, InputMode, RowSource, check_channels
from pairloom.algorithms.factorization_machines.hyperparameters import FactorizationMachinesHyperparameters
from pairloom.algorithms.factorization_machines.listening import TrainingListener
from pairloom.algorithms.factorization_machines.measuring import measured
from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.algorithms.factorization_machines.settings import trainer_settings
from pairloom.algorithms.report import ChannelScored, Report, TrainingEnded, silent
from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError, UserError
from pairloom.fm.trainers import SWEEPING, trainer_for
from pairloom.hyperparameters import Hyperparameters
from pairloom.metrics import BINARY, REGRESSION, Metric
from pairloom.rows import RelationalRows, RelationalSource, RowBatch

__all__ = ["FactorizationMachines"]

RECORDIO = "application/x-recordio-protobuf"
TRAINING_TYPES = (
    RECORDIO, "text/libsvm", "text/libffm", "text/csv", "application/jsonlines", "application/x-parquet",
)  # fmt: skip
ENDPOINT_TYPES = ("application/json", "application/jsonlines", RECORDIO)
RATES_ADVICE = "Here the learning rates are 'bias_lr', 'linear_lr' and 'factors_lr'."
MODES: tuple[InputMode, ...] = ("File", "Pipe")


class FactorizationMachines:
    """Predicts a number or a yes from sparse rows, pairs of features included.

    A factorization machine adds up a bias, a weight for every feature of a row, and a weight for every pair
    of them. A pair's weight is the product of two short vectors, one of each feature, so that pairs which
    never met in training are weighed too. It suits ratings, clicks and everything else that is made of ids.

    A row *x* scores

        bias + sum of w[i] x[i] + sum over pairs of <v[i], v[j]> x[i] x[j]

    which takes time proportional to its non-zeros times `num_factors`. Rendle, "Factorization Machines",
    ICDM 2010.

    A job that was written for SageMaker's algorithm of this name runs unchanged.
    """

    name: ClassVar[str] = "factorization-machines"
    summary: ClassVar[str] = "Predicts a number or a probability from sparse rows and the pairs within them."
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("train", True, TRAINING_TYPES, MODES, "Labelled rows to learn from."),
        Channel("test", False, TRAINING_TYPES, MODES, "Labelled rows to measure the final model on."),
        Channel(
            "validation", False, TRAINING_TYPES, ("File",),
            "Labelled rows to measure every epoch on, and to stop early by. Pairloom's own.",
        ),
    )  # fmt: skip
    metrics: ClassVar[tuple[Metric, ...]] = (*REGRESSION, *BINARY)
    objectives: ClassVar[tuple[str, ...]] = (
        "test:rmse",
        "test:binary_classification_accuracy",
        "test:binary_classification_cross_entropy",
        "test:binary_f_beta",
    )
    request_content_types: ClassVar[tuple[str, ...]] = ENDPOINT_TYPES
    response_content_types: ClassVar[tuple[str, ...]] = ENDPOINT_TYPES
    answers_name: ClassVar[str] = "predictions"
    distributed: ClassVar[bool] = True
    hyperparameters_type: ClassVar[type[Hyperparameters]] = FactorizationMachinesHyperparameters
    model_type: ClassVar[type[FactorizationMachinesModel]] = FactorizationMachinesModel

    def __init__(self, hyperparameters: Mapping[str, object]) -> None:
        self.hyperparameters = FactorizationMachinesHyperparameters.parse(hyperparameters)

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> FactorizationMachinesModel:
        """Train on channel ``train``, measure every epoch on ``validation`` and the model on ``test``.

        Parameters
        ----------
        channels : mapping of str to callable
            Each opens a fresh pass over batches of labelled rows. Of one that is a
            `pairloom.rows.RelationalSource`, "als" and "mcmc" visit shared parts once a sweep.
        n_threads : int
            Threads, where `pairloom_n_threads` leaves it open.
        report : callable
            Receives the events of the training; see `pairloom.algorithms.report`.
        checkpoints : Checkpoints
            A training that goes on from a state comes to the undisturbed one's model bit for bit with one thread,
            and with any number in deterministic mode.
        collective : Collective
            Hosts that train together, each on its own rows of ``train``; `pairloom_exchanges` says how often they
            merge what they learned.

        Raises
        ------
        UserError
            For a channel that is missing or unknown.
        DataError
            For rows that cannot be trained on, with channel and row.
        DivergenceError
            When a learning rate is far too high.
        """
        asked = self.hyperparameters
        check_channels(asked.owner, self.channels, channels)
        if asked.pairloom_early_stopping_patience is not None and "validation" not in channels:
            raise UserError(
                f"{asked.owner}: channel 'validation' is required by 'pairloom_early_stopping_patience'. "
                "Give it labelled rows that are not in 'train'."
            )
        binary = asked.predictor_type == "binary_classifier"
        sources = {
            name: checked_rows(source, name, binary=binary, feature_dim=asked.feature_dim)
            for name, source in channels.items()
        }
        settings = trainer_settings(asked, n_threads=n_threads)
        relational = {
            name: checked_relational(source, name, binary=binary, feature_dim=asked.feature_dim)
            for name, source in channels.items()
            if settings.solver in SWEEPING and isinstance(source, RelationalSource)
        }
        train: Callable[[], Iterator[Any]] = relational.get("train", sources["train"])
        trainer = trainer_for(settings)
        listener = TrainingListener(
            report, settings.epochs, binary=binary, batch_interval=asked.batch_metrics_publish_interval
        )
        try:
            trainer.fit(
                train,
                validation=sources.get("validation"),
                on_epoch=listener.epoch_ended,
                on_batch=listener.batch_measured,
                batch_interval=asked.batch_metrics_publish_interval,
                n_features=asked.feature_dim,
                resume=checkpoints.latest(),
                keep=None if checkpoints is NO_CHECKPOINTS else checkpoints.save,
                collective=collective,
            )
        except DivergenceError as error:
            raise DivergenceError(f"{asked.owner}: {error} {RATES_ADVICE}") from error
        learned = trainer.model()
        machine = replace(
            learned,
            clip_predictions=asked.pairloom_clip_predictions,
            metadata={**learned.metadata, "algorithm": self.name, "hyperparameters": asked.to_strings()},
        )
        seconds = sum(epoch.seconds for epoch in trainer.history)
        metrics = trainer.history[-1].metrics if trainer.history else listener.metrics
        report(TrainingEnded(len(trainer.history), metrics, seconds))
        if "test" in sources:
            test: Callable[[], Iterator[RowBatch | RelationalRows]] = relational.get("test", sources["test"])
            scores = measured(machine, test, n_threads=settings.n_threads, collective=collective)
            report(ChannelScored("test", scores))
        return FactorizationMachinesModel(machine)
