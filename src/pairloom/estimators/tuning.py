"""Good settings found within a budget of fits."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import DivergenceError, MissingExtraError, UserError
from pairloom.estimators.inputs import labels_of, rows_of, weights_of
from pairloom.fm.defaults import Defaults
from pairloom.kernels.native_rows import take_rows
from pairloom.rows import RowBatch

if TYPE_CHECKING:
    from pairloom.fm.settings import Task

__all__ = ["Trial", "Tuning", "TuningResult"]

Choices = Sequence[Any] | tuple[float, float]
FEWEST_EPOCHS, MOST_EPOCHS = 10, 100
STARTUP = 8
WIDEST_LINEAR = 10


@dataclass(frozen=True, slots=True)
class Trial:
    """One fit of a search.

    Parameters
    ----------
    parameters : mapping of str to value
        What was tried.
    validation_loss : float
        Mean squared error or log loss of the validation rows after the last epoch; infinite where training
        diverged.
    seconds : float
    """

    parameters: Mapping[str, Any]
    validation_loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class TuningResult:
    """What a search found.

    Parameters
    ----------
    trials : sequence of Trial
        In the order of the search; the first has the settings that it began with.
    """

    trials: Sequence[Trial]

    @property
    def best(self) -> Trial:
        """The fit with the lowest validation loss."""
        return min(self.trials, key=lambda trial: trial.validation_loss)


class Tuning:
    """The `tune` method of the two estimators."""

    if TYPE_CHECKING:
        _task: Task
        validation_fraction: float
        verbose: int
        tuning_: TuningResult

        def _solver(self) -> str: ...

        def _defaults(self) -> Defaults: ...

        def _with_fields(self, rows: RowBatch) -> RowBatch: ...

        def _seed(self) -> int: ...

        def get_params(self, deep: bool = True) -> dict[str, Any]: ...  # noqa: D102

        def set_params(self, **parameters: Any) -> Self: ...  # noqa: D102

        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self: ...  # noqa: D102

    def tune(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        n_fits: int = 30,
        search: Mapping[str, Choices] | None = None,
        validation_data: tuple[Any, Any] | None = None,
        timeout_s: float | None = None,
    ) -> Self:
        """Search good settings, take the best ones and fit with them on all rows.

        Every fit trains on the same part of the rows and is measured on the rest, with the same seed. The first one has
        the settings of the estimator as it is, as far as they lie within the search, so the outcome is no worse on the
        validation rows than these. What was tried is kept in `tuning_`. Needs the extra ``tune``.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
        n_fits : int
            Fits at most, besides the last one. Thirty find most of what there is to find; five are better than none.
        search : mapping of str to choices, optional
            Parameters to search: a list to choose from, or a pair (lowest, highest) of numbers, searched on a
            logarithmic scale where they lie far apart. Default: step size, decays, spread of the first factors and
            epochs, around the solver's defaults.
        validation_data : (X, y), optional
            Rows to measure on, which the last fit does not learn from. Default: ``validation_fraction`` of the
            rows, drawn at random, which it does.
        timeout_s : float, optional
            Begin no further fit after so many seconds.

        Returns
        -------
        self

        References
        ----------
        Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011 (the sampler, by Optuna).
        """
        if n_fits < 1:
            raise UserError(f"tune: 'n_fits' must be 1 or more. Got {n_fits}.")
        space = _checked(search, self.get_params()) if search is not None else self._usual_search()
        own = self._own_settings(space)
        if search is None:
            space = {name: _widened(choices, own[name]) for name, choices in space.items()}
        seed = self._seed()
        data = self._split(X, y, sample_weight, validation_data, seed)
        study = _Study(space, own, seed)
        trials: list[Trial] = []
        began = time.perf_counter()
        while len(trials) < n_fits and (
            timeout_s is None or not trials or time.perf_counter() - began < timeout_s
        ):
            trials.append(study.run(self, data, seed))
            self._say(len(trials), n_fits, trials)
        result = TuningResult(trials)
        if not math.isfinite(result.best.validation_loss):
            raise UserError(
                f"tune: at least one of {n_fits} fits must end with a finite loss. Got none. Search lower step sizes."
            )
        self.set_params(**result.best.parameters)
        self.tuning_ = result
        return self.fit(X, y, sample_weight)

    def _usual_search(self) -> dict[str, Choices]:
        around = self._defaults()
        if self._solver() == "mcmc":
            raise UserError(
                "tune: the solver must have penalties to search. Got 'mcmc', which learns its own. Call fit, or name "
                "parameters with 'search'."
            )
        rates = (around.learning_rate / 3, around.learning_rate * 3)
        return {
            **({"learning_rate": rates} if around.learning_rate > 0 else {}),
            "factors_decay": (around.factors_decay / 4, around.factors_decay * 4),
            "linear_decay": (around.linear_decay / 8, around.linear_decay * 8),
            "factors_init_scale": (0.01, 0.15),
            "epochs": (FEWEST_EPOCHS, MOST_EPOCHS),
        }

    def _own_settings(self, space: Mapping[str, Choices]) -> dict[str, Any]:
        """What the estimator would do by itself, where the search can express it."""
        own: dict[str, Any] = {}
        default = self._defaults()
        for name, value in self.get_params().items():
            if name in space:
                own[name] = getattr(default, name) if value is None and hasattr(default, name) else value
        return {name: value for name, value in own.items() if value is not None}

    def _split(
        self, X: Any, y: Any, sample_weight: Any, validation_data: tuple[Any, Any] | None, seed: int
    ) -> _Data:
        rows = self._with_fields(rows_of(X))
        labels = labels_of(y if y is not None else rows.labels, rows.n_rows)
        weights = weights_of(sample_weight if sample_weight is not None else rows.weights, rows.n_rows)
        if validation_data is not None:
            return _Data(rows, labels, weights, *validation_data)
        n_held = max(1, round(rows.n_rows * self.validation_fraction))
        if not 0 < self.validation_fraction < 1 or n_held >= rows.n_rows:
            raise UserError(
                f"tune: 'validation_fraction' must leave rows to train on and rows to measure. Got "
                f"{self.validation_fraction} of {rows.n_rows} rows."
            )
        order = np.random.default_rng(seed).permutation(rows.n_rows)
        kept, held = np.sort(order[n_held:]), np.sort(order[:n_held])
        kept_weights = None if weights is None else weights[kept]
        return _Data(take_rows(rows, kept), labels[kept], kept_weights, take_rows(rows, held), labels[held])

    def _say(self, done: int, n_fits: int, trials: Sequence[Trial]) -> None:
        if self.verbose > 0:
            lowest = min(trial.validation_loss for trial in trials)
            last = trials[-1]
            print(
                f"fit {done}/{n_fits}: {last.validation_loss:.5f}, best {lowest:.5f}, {last.seconds:.1f} s",
                file=sys.stderr,
            )


@dataclass(frozen=True, slots=True)
class _Data:
    rows: RowBatch
    labels: npt.NDArray[Any]
    weights: npt.NDArray[np.float32] | None
    validation_rows: Any
    validation_labels: Any


class _Study:
    """Asks Optuna what to try and tells it how that went."""

    def __init__(self, space: Mapping[str, Choices], own: Mapping[str, Any], seed: int) -> None:
        try:
            import optuna
        except ImportError as error:
            raise MissingExtraError("Tuning an estimator", "tune") from error
        optuna.logging.set_verbosity(logging.WARNING)
        self._optuna, self._space = optuna, space
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=STARTUP, multivariate=True)
        self._study = optuna.create_study(sampler=sampler)
        inside = {name: value for name, value in own.items() if _holds(space[name], value)}
        self._study.enqueue_trial(inside)

    def run(self, estimator: Any, data: _Data, seed: int) -> Trial:
        asked = self._study.ask()
        parameters = {name: _suggested(asked, name, choices) for name, choices in self._space.items()}
        given = {**estimator.get_params(), **parameters}
        given |= {
            "random_state": seed, "callbacks": None, "verbose": 0, "early_stopping": False, "warm_start": False
        }  # fmt: skip
        fit = type(estimator)(**given)
        began = time.perf_counter()
        try:
            fit.fit(
                data.rows, data.labels, data.weights,
                validation_data=(data.validation_rows, data.validation_labels),
            )  # fmt: skip
            loss = float(fit.history_[-1].validation_loss)
            self._study.tell(asked, loss)
        except DivergenceError:
            loss = math.inf
            self._study.tell(asked, state=self._optuna.trial.TrialState.FAIL)
        return Trial(parameters, loss, time.perf_counter() - began)


def _is_range(choices: Choices) -> bool:
    return isinstance(choices, tuple) and len(choices) == 2 and all(_is_number(value) for value in choices)


def _widened(choices: Choices, value: Any) -> Choices:
    return (min(choices[0], value), max(choices[1], value)) if value > 0 else choices


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _holds(choices: Choices, value: Any) -> bool:
    if not _is_range(choices):
        return value in choices
    return _is_number(value) and choices[0] <= value <= choices[1]


def _suggested(asked: Any, name: str, choices: Choices) -> Any:
    if not _is_range(choices):
        return asked.suggest_categorical(name, list(choices))
    lowest, highest = choices
    log = lowest > 0 and highest / lowest >= WIDEST_LINEAR
    suggest = (
        asked.suggest_int if isinstance(lowest, int) and isinstance(highest, int) else asked.suggest_float
    )
    return suggest(name, lowest, highest, log=log)


def _checked(search: Mapping[str, Choices], known: Mapping[str, Any]) -> Mapping[str, Choices]:
    if not search:
        raise UserError(
            "tune: 'search' must name at least one parameter. Got none. Leave it out for the usual ones."
        )
    for name, choices in search.items():
        if name not in known or name in (
            "callbacks",
            "random_state",
            "verbose",
            "warm_start",
            "early_stopping",
        ):
            raise UserError(f"tune: 'search' must name parameters of the estimator. Got {name!r}.")
        if isinstance(choices, str) or not len(choices) or (_is_range(choices) and choices[0] > choices[1]):
            raise UserError(
                f"tune: 'search' must give {name!r} a list of values or a pair (lowest, highest). Got {choices!r}."
            )
    return search
