"""Declares the algorithm ``linear-learner`` and trains it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import ClassVar

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Channel, InputMode, RowSource, check_channels
from pairloom.algorithms.linear_learner.hyperparameters import LinearLearnerHyperparameters
from pairloom.algorithms.linear_learner.measuring import Measuring
from pairloom.algorithms.linear_learner.model import LinearLearnerModel
from pairloom.algorithms.linear_learner.settings import trainer_settings
from pairloom.algorithms.report import (
    BatchMeasured,
    ChannelScored,
    EpochEnded,
    Report,
    StopTraining,
    TrainingEnded,
    silent,
)
from pairloom.collective import ALONE, Collective
from pairloom.errors import DivergenceError
from pairloom.hyperparameters import Hyperparameters
from pairloom.linear.training import Interrupted, LinearTrainer, PassReport
from pairloom.metrics import BINARY_LABELS, MULTICLASS, OBJECTIVE, REGRESSION, Metric
from pairloom.metrics.log_patterns import final_definitions

__all__ = ["LinearLearner"]

RECORDIO = "application/x-recordio-protobuf"
TRAINING_TYPES = (
    RECORDIO, "text/csv", "text/libsvm", "application/jsonlines", "application/x-parquet",
)  # fmt: skip
REQUEST_TYPES = ("application/json", "application/jsonlines", RECORDIO, "text/csv")
RESPONSE_TYPES = ("application/json", "application/jsonlines", RECORDIO)
MODES: tuple[InputMode, ...] = ("File", "Pipe")
METRICS_OF_TASKS = (*REGRESSION, *BINARY_LABELS, *MULTICLASS)


class LinearLearner:
    """Predicts a number, a yes or a class as a weighted sum of features, many candidates trained at once.

    A row *x* scores ``bias + sum of w[i] x[i]``. Step sizes, penalties and class weights that are left at auto make a
    grid; all its models are trained side by side, in one pass over the data for all of them, and the best on channel
    ``validation`` is kept (on training rows, where there is no such channel). Rows with few zeros go through matrix
    products in mini-batches, sparse ones through a native kernel row by row.

    Where `optimizer` and `learning_rate` are left open and the rows fit in memory, the best model is then trained on to
    the optimum of its loss and penalties with the gradients of all rows (`pairloom_finish`), and whichever of both is
    better on the rows that choose is kept.

    A job that was written for SageMaker's algorithm of this name runs unchanged.
    """

    name: ClassVar[str] = "linear-learner"
    summary: ClassVar[str] = "Predicts a number, a probability or a class by a weighted sum of features."
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("train", True, TRAINING_TYPES, MODES, "Labelled rows to learn from."),
        Channel(
            "validation", False, TRAINING_TYPES, MODES,
            "Labelled rows that choose the best model, its threshold and when to stop.",
        ),
        Channel("test", False, TRAINING_TYPES, MODES, "Labelled rows to measure the final model on."),
    )  # fmt: skip
    metrics: ClassVar[tuple[Metric, ...]] = (OBJECTIVE, *METRICS_OF_TASKS)
    metric_definitions: ClassVar[Mapping[str, str]] = final_definitions(
        METRICS_OF_TASKS, epoch_metrics=(OBJECTIVE,), channels=("train", "validation", "test")
    )
    objectives: ClassVar[tuple[str, ...]] = tuple(
        f"{channel}:{name}"
        for channel in ("test", "validation")
        for name in (
            "absolute_loss", "binary_classification_accuracy", "binary_f_beta", "dcg", "macro_f_beta",
            "macro_precision", "macro_recall", "mse", "multiclass_accuracy", "multiclass_top_k_accuracy",
            "objective_loss", "precision", "recall", "roc_auc_score", "rmse",
        )
        if (channel, name) != ("test", "rmse")
    )  # fmt: skip
    request_content_types: ClassVar[tuple[str, ...]] = REQUEST_TYPES
    response_content_types: ClassVar[tuple[str, ...]] = RESPONSE_TYPES
    answers_name: ClassVar[str] = "predictions"
    distributed: ClassVar[bool] = True
    hyperparameters_type: ClassVar[type[Hyperparameters]] = LinearLearnerHyperparameters
    model_type: ClassVar[type[LinearLearnerModel]] = LinearLearnerModel

    def __init__(self, hyperparameters: Mapping[str, object]) -> None:
        self.hyperparameters = LinearLearnerHyperparameters.parse(hyperparameters)

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> LinearLearnerModel:
        """Train on channel ``train``, choose on ``validation``, measure the model on all channels.

        Raises
        ------
        UserError
            For a channel that is missing or unknown.
        DataError
            For rows that cannot be trained on, with channel and row.
        DivergenceError
            When every learning rate is far too high.
        """
        asked = self.hyperparameters
        check_channels(asked.owner, self.channels, channels)
        width = None if isinstance(asked.feature_dim, str) else asked.feature_dim
        sources = {
            name: checked_rows(
                source,
                name,
                binary=asked.predictor_type == "binary_classifier",
                n_classes=asked.num_classes,
                feature_dim=width,
            )
            for name, source in channels.items()
        }
        settings = trainer_settings(asked, n_threads=n_threads)
        trainer = LinearTrainer(settings, collective)
        measuring = Measuring.of(asked, settings)
        teller = _Teller(report, asked.epochs, measuring.log_names)
        try:
            model = trainer.fit(
                sources["train"],
                validation=sources.get("validation"),
                n_features=width,
                latest=checkpoints.latest(),
                keep=checkpoints.save,
                on_pass=teller.on_pass,
                on_tick=teller.on_tick,
            )
        except DivergenceError as error:
            raise DivergenceError(f"{asked.owner}: {error}") from error
        model = replace(
            model,
            metadata={
                **model.metadata,
                "algorithm": self.name,
                "hyperparameters": asked.to_strings(),
                "chosen": asdict(trainer.chosen),
            },
        )
        final = {"objective_loss": trainer.history[-1].loss} if trainer.history else {}
        final |= measuring.of_training(model, trainer)
        report(TrainingEnded(len(trainer.history), final, teller.seconds, measuring.log_names))
        for channel in ("validation", "test"):
            if channel in sources:
                scores = measuring.of_channel(model, sources[channel], n_threads=settings.n_threads)
                report(ChannelScored(channel, scores, measuring.log_names))
        return LinearLearnerModel(model)


@dataclass(slots=True)
class _Teller:
    """Turns the trainer's passes into events, and a listener's wish to stop into the trainer's."""

    report: Report
    n_epochs: int
    log_names: Mapping[str, str]
    seconds: float = field(default=0.0)

    def on_pass(self, done: PassReport) -> None:
        self.seconds += done.seconds
        held_out = done.held_out_loss
        validation = {} if held_out is None else {"objective_loss": held_out}
        self._tell(
            EpochEnded(
                done.number, self.n_epochs, {"objective_loss": done.loss}, done.n_rows, done.seconds,
                validation, self.log_names,
            )
        )  # fmt: skip

    def on_tick(self, number: int, batch: int, loss: float) -> None:
        metrics = {"objective_loss": loss} if math.isfinite(loss) else {}
        self._tell(BatchMeasured(number, batch, metrics, self.log_names))

    def _tell(self, event: EpochEnded | BatchMeasured) -> None:
        try:
            self.report(event)
        except StopTraining:
            raise Interrupted from None
