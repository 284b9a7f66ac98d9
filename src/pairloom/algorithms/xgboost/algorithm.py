"""Declares the algorithm ``xgboost`` and trains it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Channel, InputMode, Model, Refusals, RowSource
from pairloom.algorithms.conventions import Conventions, check_channels_of
from pairloom.algorithms.report import (
    BatchMeasured,
    ChannelScored,
    Report,
    StopTraining,
    TrainingEnded,
    silent,
)
from pairloom.algorithms.xgboost.evaluation import evaluated
from pairloom.algorithms.xgboost.groups import grouped_rows
from pairloom.algorithms.xgboost.hyperparameters import XGBoostHyperparameters
from pairloom.algorithms.xgboost.library import faults_told, xgboost
from pairloom.algorithms.xgboost.lists import (
    column_list,
    interaction_groups,
    monotone_directions,
    words,
)
from pairloom.algorithms.xgboost.matrices import MatrixSettings, read_channel
from pairloom.algorithms.xgboost.model import XGBoostModel
from pairloom.algorithms.xgboost.parameters import (
    is_sampled,
    library_parameters,
    objective_of,
    tree_method_of,
)
from pairloom.algorithms.xgboost.rows import training_rows
from pairloom.algorithms.xgboost.training import Boosting, BoostingSettings
from pairloom.collective import ALONE, Collective
from pairloom.errors import UserError
from pairloom.hyperparameters import Hyperparameters
from pairloom.metrics import BOOSTING, Metric

__all__ = ["XGBoost"]

MISSING = "absent=missing"
TRAINING_TYPES = (
    "text/libsvm", "text/x-libsvm", f"text/csv;{MISSING}", f"application/x-parquet;{MISSING}",
    f"application/x-recordio-protobuf;{MISSING}", f"application/jsonlines;{MISSING}",
)  # fmt: skip
REQUEST_TYPES = (
    f"text/csv;label_size=0;{MISSING}", "text/libsvm", "text/x-libsvm",
    f"application/x-recordio-protobuf;{MISSING}", f"application/json;{MISSING}",
    f"application/jsonlines;{MISSING}", f"application/x-parquet;{MISSING}",
)  # fmt: skip
MODES: tuple[InputMode, ...] = ("File", "Pipe")


class XGBoost:
    """Predicts a number, a class or a ranking by boosted trees, with the library XGBoost behind it.

    Every round grows a tree that corrects the rounds before. Trees suit columns of numbers with thresholds and
    interactions, need no scaling, and take missing values as they are: an empty CSV field, a NaN and a column that
    a sparse row leaves out are missing, a zero that is written is a zero.

    The objectives ``rank:`` rank the rows of a group against one another: ``qid:`` of libsvm says which group, or a
    column of any format that `pairloom_group_column` names. Without either, all rows of a channel are one group.

    At equal hyperparameters the model and its predictions are those of plain xgboost, bit for bit; the file
    ``xgboost-model`` in the artifact is its own, and plain xgboost loads it. Needs the extra ``xgboost``:
    ``pip install 'pairloom[xgboost]'``. Chen and Guestrin, "XGBoost: a scalable tree boosting system", KDD 2016.

    A job that was written for SageMaker's algorithm of this name runs unchanged, but for cross-validation within a
    job (``_kfold``), updating an earlier model, and code of one's own.
    """

    name: ClassVar[str] = "xgboost"
    summary: ClassVar[str] = "Predicts a number, a class or a ranking by boosted trees."
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("train", True, TRAINING_TYPES, MODES, "Labelled rows to learn from."),
        Channel(
            "validation", False, TRAINING_TYPES, MODES,
            "Labelled rows to measure every round on, and to stop early by.",
        ),
        Channel(
            "test", False, TRAINING_TYPES, MODES, "Labelled rows to measure the final model on. Pairloom's own."
        ),
    )  # fmt: skip
    metrics: ClassVar[tuple[Metric, ...]] = BOOSTING
    objectives: ClassVar[tuple[str, ...]] = tuple(f"validation:{metric.name}" for metric in BOOSTING)
    request_content_types: ClassVar[tuple[str, ...]] = REQUEST_TYPES
    response_content_types: ClassVar[tuple[str, ...]] = (
        "text/csv", "application/json", "application/jsonlines", "application/x-recordio-protobuf"
    )  # fmt: skip
    answers_name: ClassVar[str] = "predictions"
    distributed: ClassVar[bool] = False
    refusals: ClassVar[Refusals] = Refusals(empty_body=204, unreadable_body=415)
    conventions: ClassVar[Conventions] = Conventions(
        log_form="evaluation",
        refused_channels={"code": "code of one's own is not run. Use a container of one's own for it."},
    )
    hyperparameters_type: ClassVar[type[Hyperparameters]] = XGBoostHyperparameters
    model_type: ClassVar[type[Model]] = XGBoostModel

    def __init__(self, hyperparameters: Mapping[str, object]) -> None:
        self.hyperparameters = XGBoostHyperparameters.parse(hyperparameters)

    def reading_options(self, format_name: str) -> dict[str, object]:
        """Return options that files of a format are read with: the column of weights, and the groups to rank in."""
        if self.hyperparameters.csv_weights and format_name in ("csv", "tsv"):
            return {"weight_column": 1}
        ranks = objective_of(self.hyperparameters).groups
        return {"has_groups": "auto"} if ranks and format_name == "libsvm" else {}

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> XGBoostModel:
        """Train on channel ``train``, measure every round on ``validation`` and the model on ``test``.

        Parameters
        ----------
        channels : mapping of str to callable
            Each opens a fresh pass over batches of labelled rows.
        n_threads : int
            Threads, where `nthread` leaves it open.
        report : callable
            Receives the events of the training: a round is an epoch.
        checkpoints : Checkpoints
            A state is the model of the rounds so far and their scores.
        collective : Collective
            One host alone.

        Raises
        ------
        UserError
            For a channel that is missing or unknown, and for what the library refuses.
        DataError
            For rows that cannot be trained on, with channel and row.
        MissingExtraError
            Without the library.
        """
        asked = self.hyperparameters
        check_channels_of(XGBoost, channels)
        self._refuse(channels, collective)
        xgboost()
        objective = objective_of(asked)
        categories = column_list(asked.pairloom_categorical_features)
        sources = {
            name: training_rows(
                grouped_rows(channels[name], name, objective, asked.pairloom_group_column),
                name,
                objective,
                asked.num_class,
                categories,
            )
            for name in ("train", "validation", "test")
            if name in channels
        }
        stop = _Stop(report)
        with tempfile.TemporaryDirectory(prefix="pairloom-xgboost-") as cache, faults_told(asked.owner):
            settings = MatrixSettings(
                asked.owner,
                "gblinear" if asked.booster == "gblinear" else tree_method_of(asked),
                asked.max_bin,
                categories,
                objective.bounds,
                asked.nthread or n_threads,
                asked.pairloom_memory_limit_mb << 20,
                Path(cache),
            )
            return self._boosted(sources, settings, report, checkpoints, stop)

    def _boosted(
        self,
        sources: Mapping[str, RowSource],
        settings: MatrixSettings,
        report: Report,
        checkpoints: Checkpoints,
        stop: _Stop,
    ) -> XGBoostModel:
        """Train within a folder for what does not fit in memory; nothing here outlives it but the model."""
        asked, limit = self.hyperparameters, settings.memory_limit_bytes
        metrics = words(asked.eval_metric)
        watched = [name for name in ("train", "validation") if name in sources]
        read = {name: read_channel(name, sources[name], limit, stop.tell) for name in watched}
        n_rows, width = read["train"].n_rows, read["train"].n_features
        self._check_columns(width, settings.categories)
        matrices: dict[str, Any] = {}
        for name in watched:
            matrices[name] = read.pop(name).matrix(settings, width, matrices.get("train"))
        boosting = Boosting(
            BoostingSettings(
                library_parameters(asked, settings.n_threads),
                asked.num_round,
                metrics,
                asked.early_stopping_rounds,
                asked.pairloom_deterministic and is_sampled(asked),
            ),
            matrices,
            n_rows,
            report,
            checkpoints,
        )
        boosting.run(stopped=stop)
        model = self._model(boosting, width)
        final = boosting.history[boosting.best_round]
        with suppress(StopTraining):
            report(TrainingEnded(len(boosting.history), final["train"], boosting.seconds))
        if boosting.best_round < len(boosting.history) - 1:
            with suppress(StopTraining):
                report(ChannelScored("validation", final["validation"]))
        if "test" in sources:
            tested = read_channel("test", sources["test"], limit, stop.tell)
            matrix = tested.matrix(settings, width, matrices["train"])
            scores = evaluated(model.booster, {"test": matrix}, metrics, 0)
            with suppress(StopTraining):
                report(ChannelScored("test", scores["test"]))
        return model

    def _refuse(self, channels: Mapping[str, RowSource], collective: Collective) -> None:
        asked = self.hyperparameters
        if asked.early_stopping_rounds is not None and "validation" not in channels:
            raise UserError(
                f"{asked.owner}: channel 'validation' is required by 'early_stopping_rounds'. "
                "Give it labelled rows that are not in 'train'."
            )
        if collective.size > 1:
            raise UserError(
                f"{asked.owner}: must be trained on one host. Got {collective.size}. Ask for one instance."
            )

    def _check_columns(self, width: int, categories: list[int]) -> None:
        """Refuse lists of columns that the rows do not have."""
        asked = self.hyperparameters
        directions = monotone_directions(asked.monotone_constraints)
        if len(directions) > width:
            raise UserError(
                f"{asked.owner}: 'monotone_constraints' must name at most {width} columns, the width of the rows. "
                f"Got {len(directions)}. Shorten it."
            )
        groups = interaction_groups(asked.interaction_constraints)
        for name, columns in (
            ("interaction_constraints", [column for group in groups for column in group]),
            ("pairloom_categorical_features", categories),
        ):
            if columns and max(columns) >= width:
                raise UserError(
                    f"{asked.owner}: '{name}' must name columns in [0, {width - 1}], the width of the rows. "
                    f"Got {max(columns)}. Count columns from 0, without the label."
                )

    def _model(self, boosting: Boosting, width: int) -> XGBoostModel:
        """Return the model of the best round, as it would be loaded."""
        best, booster = boosting.best_round, boosting.booster
        final = boosting.history[best]
        if self.hyperparameters.early_stopping_rounds is not None:
            if self.hyperparameters.booster != "gblinear":
                booster = booster[: best + 1]
            score = list(final["validation"].values())[-1]
            booster.set_attr(best_iteration=str(best), best_score=str(score))
        about: dict[str, Any] = {
            "version": 1,
            "algorithm": self.name,
            "objective": objective_of(self.hyperparameters).name,
            "booster": self.hyperparameters.booster,
            "n_features": width,
            "n_rounds": best + 1,
            "eval_metric": words(self.hyperparameters.eval_metric),
            "metrics": final,
        }
        parameters = boosting.settings.parameters
        return XGBoostModel(xgboost().Booster(parameters, model_file=booster.save_raw("ubj")), about)


@dataclass(slots=True)
class _Stop:
    """Tells listeners while rows are read, and remembers that one of them asked for an end."""

    report: Report
    asked: bool = False

    def tell(self, n_batches: int) -> bool:
        try:
            self.report(BatchMeasured(0, n_batches, {}))
        except StopTraining:
            self.asked = True
        return self.asked

    def __call__(self) -> bool:
        return self.asked
