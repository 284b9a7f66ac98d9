"""What regressor and classifier share: parameters, training, explanation, model files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, Self, cast

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators.conformance import EstimatorManners, not_fitted
from pairloom.estimators.explaining import Explaining
from pairloom.estimators.inputs import (
    feature_names,
    labels_of,
    parts_of,
    rows_of,
    weights_of,
    with_column_fields,
)
from pairloom.estimators.progress import epoch_progress
from pairloom.estimators.saved import read_description, saved_description
from pairloom.estimators.tuning import Tuning
from pairloom.fm.defaults import Defaults, defaults_for
from pairloom.fm.epochs import EpochReport
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.model_file import load_model, save_model
from pairloom.fm.onnx_export import OnnxInputs, export_onnx
from pairloom.fm.settings import FMSettings, Task
from pairloom.fm.sweeps.collected import checked_parts
from pairloom.fm.trainers import SWEEPING, trainer_for, trainer_from
from pairloom.kernels.native_rows import take_rows
from pairloom.kernels.row_assembly import joined_batches, joined_lengths
from pairloom.rows import RelationalRows, RowBatch

__all__ = ["FactorizationMachineEstimator"]

Callback = Callable[[EpochReport], object]
RandomState = int | np.random.RandomState | np.random.Generator | None
LARGEST_JOIN_BYTES = 1 << 30
"""Joined rows of more than this are not kept, but joined anew in every epoch while the batch before trains."""
JOINED_NONZEROS = 1 << 22
SOLVERS = ("sgd", "adagrad", "adam", "ftrl", "als", "mcmc")
STEPPING = ("adagrad", "sgd")
INTERACTIONS = ("pairwise", "field-aware", "field-weighted", "order-3", "order-4")
WITH_FIELDS = ("field-aware", "field-weighted")
SCHEDULES = ("constant", "linear", "inverse")
INITIALIZERS = ("normal", "uniform", "constant")


class FactorizationMachineEstimator(Explaining, Tuning, EstimatorManners):
    """Base of the two estimators; not public by itself."""

    _task: Task
    _extra_arrays: Mapping[str, npt.NDArray[Any]] | None = None

    classes_: npt.NDArray[Any]
    n_factors: int
    interactions: str
    fields: Any
    normalize_rows: bool
    fit_intercept: bool
    fit_linear: bool
    solver: str | None
    epochs: int | None
    burn_in: int | None
    n_chains: int
    n_samples: int
    learning_rate: float | None
    bias_learning_rate: float | None
    linear_learning_rate: float | None
    factors_learning_rate: float | None
    learning_rate_schedule: str
    final_learning_rate: float
    bias_decay: float
    linear_decay: float | None
    factors_decay: float | None
    linear_l1: float
    factors_l1: float
    init_method: str
    bias_init: float
    linear_init_scale: float
    factors_init_scale: float
    batch_size: int
    clip_gradient: float | None
    rescale_gradient: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    tol: float
    shuffle: bool
    warm_start: bool
    n_jobs: int | None
    deterministic: bool
    random_state: RandomState
    callbacks: Iterable[Callback] | None
    verbose: int

    def _store(self, parameters: dict[str, Any]) -> None:
        for name in self._parameter_names():
            setattr(self, name, parameters[name])

    def _encode_labels(self, labels: npt.NDArray[Any], *, classes: Any = None) -> npt.NDArray[np.float32]:
        raise NotImplementedError

    def _likelihood(self) -> Literal["normal", "ordinal"]:
        return "normal"

    def _class_weights(self, labels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
        return None

    def _clips(self) -> bool:
        return False

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        feature_decay: Any = None,
    ) -> Self:
        """Train on rows X with labels y.

        Parameters
        ----------
        X : RowBatch, RelationalRows, scipy sparse, ndarray or data frame of shape (n_rows, n_features)
            Numbers; raw columns go through a FeatureEncoder first. Sparse rows of ones are the fastest. An index
            that repeats within a row counts as the sum of its values. Of RelationalRows, "mcmc" and "als" visit shared
            parts once a sweep; other solvers join them, a batch at a time.
        y : array-like of shape (n_rows,)
        sample_weight : array-like of shape (n_rows,), optional
        validation_data : (X, y), optional
            Rows to measure after every epoch. With ``early_stopping`` the best epoch's parameters are kept; without
            this argument ``early_stopping`` holds out ``validation_fraction`` of the training rows.
        feature_decay : array-like of shape (n_features,), optional
            Of solver "als": what ``linear_decay`` and ``factors_decay`` are multiplied by in each column, so that
            a field or a block of columns has a penalty of its own; numbers above 0.

        Returns
        -------
        self

        Raises
        ------
        UserError
            For input that cannot be trained on; DivergenceError when the step size is too high.
        """
        rows = self._prepare(X, y, sample_weight, reset=not (self.warm_start and hasattr(self, "trainer_")))
        validation = None if validation_data is None else self._prepare_validation(*validation_data)
        if validation is None and self.early_stopping:
            rows, validation = self._hold_out(rows)
        settings = self._settings()
        if isinstance(rows, RelationalRows) and self._solver() not in SWEEPING:
            settings = replace(settings, memory_limit_bytes=LARGEST_JOIN_BYTES)
        more = {} if feature_decay is None else {"feature_decay": self._checked_decay(feature_decay)}
        if not (self.warm_start and hasattr(self, "trainer_")):
            self.trainer_ = trainer_for(settings)
        else:
            self._keep_shape(settings)
        self._train(rows, validation, settings.epochs, **more)
        self.n_iter_ = len(self.history_)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any) -> Self:
        if self._solver() in SWEEPING:
            raise UserError(
                f"{type(self).__name__}: partial_fit needs a solver that streams. Got {self._solver()!r}, which learns "
                "from all rows at once. Call fit, or take 'sgd'."
            )
        first = not hasattr(self, "model_")
        rows = self._prepare(X, y, sample_weight, reset=first, grow=True, classes=classes)
        settings = self._settings(partial=True)
        if not hasattr(self, "trainer_"):
            self.trainer_ = trainer_for(settings) if first else trainer_from(self._fitted(), settings)
            self.n_iter_ = 0
        else:
            self._keep_shape(settings)
        self._train(rows, None, 1)
        self.n_iter_ += 1
        return self

    def _keep_shape(self, settings: FMSettings) -> None:
        before = self.trainer_.settings
        if (settings.interactions, settings.normalize_rows) != (before.interactions, before.normalize_rows):
            raise UserError(
                f"{type(self).__name__}: 'interactions' and 'normalize_rows' must stay {before.interactions!r} and "
                f"{before.normalize_rows} to go on training. Fit a new estimator."
            )
        if (settings.solver, settings.n_factors) != (before.solver, before.n_factors):
            raise UserError(
                f"{type(self).__name__}: 'solver' and 'n_factors' must stay {before.solver!r} and {before.n_factors} "
                f"to go on training. Got {settings.solver!r} and {settings.n_factors}. Fit a new estimator."
            )
        self.trainer_.settings = settings

    def _checked_decay(self, feature_decay: Any) -> npt.NDArray[np.float32]:
        owner, n = type(self).__name__, self.n_features_in_
        if self.solver != "als":
            raise UserError(
                f"{owner}: 'feature_decay' needs solver 'als'. Got {self._solver()!r}. Leave it out."
            )
        try:
            decay = np.asarray(feature_decay, np.float32)
        except (TypeError, ValueError) as error:
            raise UserError(f"{owner}: 'feature_decay' must hold numbers. Got {error}.") from error
        if decay.shape != (n,):
            raise UserError(f"{owner}: 'feature_decay' must be of shape ({n},). Got {decay.shape}.")
        if not (np.isfinite(decay).all() and (decay > 0).all()):
            column = int(np.argmin(np.isfinite(decay) & (decay > 0)))
            raise UserError(
                f"{owner}: 'feature_decay' must hold finite numbers above 0. Got {decay[column]} for column {column}."
            )
        return decay

    def _train(
        self, rows: RowBatch | RelationalRows, validation: RowBatch | None, epochs: int, **more: Any
    ) -> None:
        earlier = len(self.trainer_.history)
        with epoch_progress(type(self).__name__, epochs, self.verbose) as show:
            callbacks = [show, *(self.callbacks or ())]

            def on_epoch(report: EpochReport) -> bool:
                return sum(bool(callback(report)) for callback in callbacks) > 0

            self.trainer_.fit(
                self._source(rows),
                validation=None if validation is None else lambda: [validation],
                on_epoch=on_epoch,
                n_features=self.n_features_in_,
                epochs=epochs,
                **more,
            )
        self.history_ = self.trainer_.history[earlier:]
        self.model_ = self.trainer_.model()
        self.model_.clip_predictions = self._clips()

    def _source(self, rows: RowBatch | RelationalRows) -> Callable[[], Iterable[Any]]:
        """Return the rows as a source of batches; a solver that streams joins a batch at a time."""
        if isinstance(rows, RowBatch) or self._solver() in SWEEPING:
            return lambda: [rows]
        settings = self.trainer_.settings
        size_bytes = 8 * int(joined_lengths(rows).sum())
        if (
            settings.shuffle and size_bytes > LARGEST_JOIN_BYTES
        ):  # batches joined anew are shuffled by themselves
            rows = rows.take(np.random.default_rng(settings.random_state).permutation(rows.n_rows))
        return lambda: joined_batches(rows, JOINED_NONZEROS)

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, *, reset: bool, grow: bool = False, classes: Any = None
    ) -> RowBatch | RelationalRows:
        rows = parts_of(X)
        if isinstance(rows, RelationalRows) and self._solver() not in SWEEPING:
            rows = checked_parts(rows)
        if self.interactions in WITH_FIELDS:
            rows = self._with_fields(rows_of(rows))
        if rows.n_rows == 0 or rows.n_features == 0:
            what, n = ("sample", 0) if rows.n_rows == 0 else ("feature", 0)
            raise UserError(
                f"Found array with {n} {what}(s) (shape=({rows.n_rows}, {rows.n_features})) while a minimum of 1 is "
                f"required by {type(self).__name__}."
            )
        self._check_columns(X, rows, reset=reset, grow=grow)
        if y is None and rows.labels is not None:
            y = rows.labels
        labels = self._encode_labels(labels_of(y, rows.n_rows), classes=classes)
        weights = weights_of(sample_weight if sample_weight is not None else rows.weights, rows.n_rows)
        by_class = self._class_weights(labels)
        if by_class is not None:
            weights = by_class if weights is None else weights * by_class
        if weights is not None and not weights.any():
            raise UserError(
                "'sample_weight' must hold a number above 0. Got zeros. Leave it out or raise some."
            )
        return rows.labelled(labels, weights)

    def _prepare_validation(self, X: Any, y: Any) -> RowBatch:
        rows = self._with_fields(rows_of(X))
        labels = self._encode_labels(
            labels_of(y if y is not None else rows.labels, rows.n_rows), classes="known"
        )
        return rows.labelled(labels)

    def _with_fields(self, rows: RowBatch) -> RowBatch:
        """Return rows with the field of every value, where that matters and is known."""
        if self.interactions not in WITH_FIELDS:
            return rows
        return with_column_fields(rows, self.fields, getattr(self, "model_", None), type(self).__name__)

    def _solver(self) -> str:
        if self.solver is not None:
            return self.solver
        return "sgd" if self.interactions == "pairwise" else "adagrad"

    def _defaults(self) -> Defaults:
        return defaults_for(cast(Any, self._solver()), self._task, cast(Any, self.interactions))

    def _check_columns(
        self, X: Any, rows: RowBatch | RelationalRows, *, reset: bool, grow: bool = False
    ) -> None:
        names = feature_names(X)
        if reset:
            self.n_features_in_ = rows.n_features
            if names is not None:
                self.feature_names_in_ = names
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return
        if grow and rows.n_features > self.n_features_in_:
            self.n_features_in_ = rows.n_features
        elif isinstance(X, RowBatch | RelationalRows):
            return  # a streamed batch says how wide it is so far, not how wide its matrix is
        if rows.n_features != self.n_features_in_:
            raise UserError(
                f"X has {rows.n_features} features, but {type(self).__name__} is expecting {self.n_features_in_} "
                "features as input."
            )
        known = getattr(self, "feature_names_in_", None)
        if known is not None and names is not None and list(names) != list(known):
            raise UserError(_names_differ(list(known), list(names)))

    def _hold_out(self, rows: RowBatch | RelationalRows) -> tuple[RowBatch | RelationalRows, RowBatch]:
        if not 0 < self.validation_fraction < 1:
            raise UserError(f"'validation_fraction' must be in (0, 1). Got {self.validation_fraction}.")
        n_held = max(1, round(rows.n_rows * self.validation_fraction))
        if n_held >= rows.n_rows:
            raise UserError(
                "'early_stopping' needs at least two rows. Got one. Give more rows or turn it off."
            )
        order = np.random.default_rng(self._seed()).permutation(rows.n_rows)
        kept, held = np.sort(order[n_held:]), np.sort(order[:n_held])
        if isinstance(rows, RelationalRows):
            return rows.take(kept), rows_of(rows.take(held))
        return take_rows(rows, kept), take_rows(rows, held)

    def _seed(self) -> int:
        state = self.random_state
        if state is None:
            return int(np.random.SeedSequence().generate_state(1)[0])
        if isinstance(state, np.random.RandomState):
            return int(state.randint(0, 2**31 - 1))
        if isinstance(state, np.random.Generator):
            return int(state.integers(0, 2**31 - 1))
        if state < 0:
            raise UserError(
                f"'random_state' must be None, an integer of 0 or more or a generator. Got {state!r}."
            )
        return int(state)

    def _settings(self, *, partial: bool = False) -> FMSettings:
        self._check_parameters()
        solver, interactions = cast(Any, self._solver()), cast(Any, self.interactions)
        default = self._defaults()
        rate = default.learning_rate if self.learning_rate is None else float(self.learning_rate)

        def either(value: float | None, otherwise: float) -> float:
            return otherwise if value is None else float(value)

        return FMSettings(
            task=self._task,
            n_factors=int(self.n_factors),
            solver=solver,
            interactions=interactions,
            normalize_rows=bool(self.normalize_rows),
            epochs=default.epochs if self.epochs is None else int(self.epochs),
            burn_in=None if self.burn_in is None else int(self.burn_in),
            n_samples=int(self.n_samples),
            n_chains=int(self.n_chains),
            likelihood=self._likelihood(),
            bias_rate=either(self.bias_learning_rate, rate / 10) if self.fit_intercept else 0.0,
            linear_rate=either(self.linear_learning_rate, rate) if self.fit_linear else 0.0,
            center_labels=bool(self.fit_intercept),
            factors_rate=either(self.factors_learning_rate, rate),
            bias_decay=float(self.bias_decay),
            linear_decay=either(self.linear_decay, default.linear_decay),
            factors_decay=either(self.factors_decay, default.factors_decay),
            linear_l1=float(self.linear_l1),
            factors_l1=float(self.factors_l1),
            bias_init=float(self.bias_init) if self.fit_intercept else 0.0,
            linear_init="constant"
            if self.linear_init_scale == 0 or not self.fit_linear
            else self.init_method,  # pyright: ignore[reportArgumentType]
            linear_scale=float(self.linear_init_scale) if self.fit_linear else 0.0,
            factors_init=self.init_method,  # pyright: ignore[reportArgumentType]
            factors_scale=float(self.factors_init_scale),
            schedule="constant" if partial else self.learning_rate_schedule,  # pyright: ignore[reportArgumentType]
            final_rate=float(self.final_learning_rate),
            batch_rows=int(self.batch_size),
            clip=float(self.clip_gradient or 0.0),
            rescale=float(self.rescale_gradient),
            patience=int(self.n_iter_no_change) if self.early_stopping else None,
            tolerance=float(self.tol),
            shuffle=bool(self.shuffle),
            random_state=self._seed(),
            n_threads=_thread_count(self.n_jobs),
            deterministic=bool(self.deterministic),
        )

    def _check_parameters(self) -> None:
        owner = type(self).__name__
        self._check_sweeping()
        for name, value, choices in (
            ("interactions", self.interactions, INTERACTIONS),
            ("solver", self._solver(), SOLVERS if self.interactions == "pairwise" else STEPPING),
            ("learning_rate_schedule", self.learning_rate_schedule, SCHEDULES),
            ("init_method", self.init_method, INITIALIZERS),
        ):
            if value not in choices:
                of = f" with interactions {self.interactions!r}" if choices is STEPPING else ""
                raise UserError(f"{owner}: '{name}' must be one of {', '.join(choices)}{of}. Got {value!r}.")
        if self.normalize_rows and self.interactions == "pairwise":
            raise UserError(f"{owner}: 'normalize_rows' needs other 'interactions' than 'pairwise'.")
        for name in ("n_factors", "epochs", "batch_size", "n_iter_no_change", "n_samples", "n_chains"):
            value = getattr(self, name)
            if name == "epochs" and value is None:
                continue
            if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
                raise UserError(f"{owner}: '{name}' must be an integer of 1 or more. Got {value!r}.")
        for name in (
            "learning_rate", "bias_learning_rate", "linear_learning_rate", "factors_learning_rate",
            "final_learning_rate", "bias_decay", "linear_decay", "factors_decay", "linear_l1", "factors_l1",
            "factors_init_scale", "linear_init_scale", "clip_gradient", "tol",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None and not (np.isreal(value) and 0 <= value < np.inf):
                raise UserError(f"{owner}: '{name}' must be a finite number of 0 or more. Got {value!r}.")
        for name in ("bias_init", "rescale_gradient"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float, np.number)) and np.isfinite(value)):
                raise UserError(f"{owner}: '{name}' must be a finite number. Got {value!r}.")
        if self._solver() != "ftrl" and (self.linear_l1 or self.factors_l1):
            raise UserError(
                f"{owner}: L1 penalties need solver='ftrl'. Got {self._solver()!r}. Change it or set them to 0."
            )

    def _check_sweeping(self) -> None:
        owner = type(self).__name__
        burn_in = cast(Any, self.burn_in)
        if burn_in is not None and not (isinstance(burn_in, (int, np.integer)) and burn_in >= 0):
            raise UserError(
                f"{owner}: 'burn_in' must be None or an integer of 0 or more. Got {self.burn_in!r}."
            )
        if self._solver() in SWEEPING and not (self.fit_intercept and self.fit_linear):
            raise UserError(
                f"{owner}: 'fit_intercept' and 'fit_linear' must be True with solver {self._solver()!r}. Take 'sgd'."
            )
        if self.early_stopping and self._solver() == "mcmc":
            raise UserError(
                f"{owner}: 'early_stopping' must be off with solver {self._solver()!r}, which does not overfit "
                "with more epochs as steps do."
            )

    def _fitted(self) -> FactorizationMachine:
        if not hasattr(self, "model_"):
            raise not_fitted(self)
        return self.model_

    def _threads(self) -> int:
        return _thread_count(self.n_jobs)

    def _parts_to_score(self, X: Any) -> RowBatch | RelationalRows:
        self._fitted()
        rows = parts_of(X)
        self._check_columns(X, rows, reset=False)
        return rows

    def _rows_to_score(self, X: Any) -> RowBatch:
        self._fitted()
        rows = rows_of(X)
        self._check_columns(X, rows, reset=False)
        return rows

    def predict_samples(self, X: Any) -> npt.NDArray[np.float32]:
        """Return each kept sample's score of each row, of shape (n_samples, n_rows), after solver "mcmc".

        What exploration draws from: in units of the labels, without their noise; of labels that are levels, of the
        hidden number that decides them. Memory: 4 bytes each.

        Parameters
        ----------
        X : as in `fit`
        """
        rows = self._parts_to_score(X)
        posterior = self._fitted().posterior
        if posterior is None:
            raise UserError(
                f"{type(self).__name__}: predict_samples needs solver 'mcmc', which keeps samples. Got "
                f"{self._solver()!r}."
            )
        return np.stack(list(posterior.scores(checked_parts(rows), n_threads=self._threads())))

    @property
    def convergence_(self) -> Mapping[str, Any]:
        """Of solver "mcmc": ``r_hat`` (near 1 where chains agree), and which were left out as diverged or stuck."""
        said = self._fitted().metadata.get("convergence")
        if said is None:
            raise AttributeError(f"{type(self).__name__} has 'convergence_' after a fit with solver 'mcmc'.")
        return said

    @property
    def intercept_(self) -> float:
        """The bias."""
        return self._fitted().bias

    @property
    def coef_(self) -> npt.NDArray[np.float32]:
        """Linear weights, of shape (n_features,)."""
        return self._fitted().weights

    @property
    def factors_(self) -> npt.NDArray[np.float32]:
        """Factors, of shape (n_features, n_factors).

        With interactions "field-aware" of shape (n_features, n_fields, n_factors); "order-3" and "order-4", of shape
        (n_features, order - 1, n_factors).
        """
        return self._fitted().factors

    def save(self, path: str | Path) -> None:
        """Write the model to a folder or a ``.tar.gz`` file, as data that no loading runs.

        Parameters
        ----------
        path : path
        """
        metadata = {**self._fitted().metadata, **saved_description(self)}
        save_model(replace(self._fitted(), metadata=metadata), path, extra_arrays=self._extra_arrays)

    def to_onnx(self, path: str | Path, *, inputs: OnnxInputs | None = None) -> None:
        """Write the model as an ONNX graph that scores without Pairloom; needs ``pairloom[onnx]``.

        Parameters
        ----------
        path : path
        inputs : {"dense", "sparse"}, optional
            What the graph takes; see `pairloom.fm.onnx_export.export_onnx`. None takes "dense" up to 1,024 features.
        """
        export_onnx(self._fitted(), path, inputs=inputs, classes=getattr(self, "classes_", None))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a model that `save`, a training job or the command line wrote; it predicts bit for bit the same.

        What else an archive holds is left alone: the encoder that a training job fitted on raw columns comes with
        `pairloom.artifact.load_artifact`. Further arrays of the model file are kept, and saved again by `save`.

        Parameters
        ----------
        path : path

        Raises
        ------
        UserError
            For a model of the other task; DataError for a file that is damaged, or that says what cannot be.
        """
        model, extra_arrays = load_model(path)
        if model.task != cls._task:
            raise UserError(f"{cls.__name__}: the model at {path} must be for {cls._task}. Got {model.task}.")
        described = read_description(model, cls._parameter_names(), str(path))
        estimator = cls(**described.parameters)
        estimator.n_factors = model.n_factors
        estimator.model_, estimator._extra_arrays = model, extra_arrays
        estimator.n_features_in_ = model.n_features
        if model.interactions is not None:
            estimator.interactions = model.interactions.kind
            estimator.normalize_rows = model.interactions.normalize_rows
        if described.feature_names is not None:
            estimator.feature_names_in_ = described.feature_names
        if model.task == "classification":
            estimator.classes_ = described.classes
        return estimator


def _thread_count(n_jobs: int | None) -> int:
    if n_jobs is None:
        return 1
    if n_jobs == 0:
        raise UserError("'n_jobs' must not be 0. Give a number of threads, or -1 for all cores.")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(n_jobs) if n_jobs > 0 else max(1, cores + 1 + int(n_jobs))


def _names_differ(known: list[str], given: list[str]) -> str:
    unseen = [name for name in given if name not in known]
    missing = [name for name in known if name not in given]
    message = "The feature names should match those that were passed during fit.\n"
    if unseen:
        message += "Feature names unseen at fit time:\n" + "".join(
            f"- {name}\n" for name in sorted(unseen)[:5]
        )
    if missing:
        message += "Feature names seen at fit time, yet now missing:\n" + "".join(
            f"- {name}\n" for name in sorted(missing)[:5]
        )
    if not unseen and not missing:
        message += "Feature names must be in the same order as they were in fit.\n"
    return message
