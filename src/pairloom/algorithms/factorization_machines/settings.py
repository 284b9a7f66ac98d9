"""From what was asked to the numbers of the trainer."""

from __future__ import annotations

from typing import Literal

import numpy as np

from pairloom.algorithms.factorization_machines.hyperparameters import (
    FactorizationMachinesHyperparameters,
    InitMethod,
)
from pairloom.fm.defaults import defaults_for
from pairloom.fm.settings import FMSettings
from pairloom.fm.trainers import SWEEPING

__all__ = ["n_epochs", "trainer_settings"]

DEFAULT_HALF_WIDTH = 0.07
BIAS_STREAM = 1


def trainer_settings(asked: FactorizationMachinesHyperparameters, *, n_threads: int) -> FMSettings:
    """Return the settings of a training run; `n_threads` holds where the hyperparameters leave it open."""
    task = "classification" if asked.predictor_type == "binary_classifier" else "regression"
    default = defaults_for(asked.solver, task, asked.pairloom_interactions)

    def number(name: str, otherwise: float) -> float:
        """What was asked, or SageMaker's default, which is made for Adam; other solvers have their own."""
        is_open = asked.solver != "adam" and name not in asked.given
        return otherwise if is_open else getattr(asked, name)

    normalize = asked.pairloom_normalize
    # A bias that is given begins where it is put: in the units of the labels.
    normalize_labels = normalize and (asked.bias_init_method != "constant" or asked.bias_init_value is None)
    linear_init, linear_scale = _initial(
        asked.linear_init_method,
        asked.linear_init_scale,
        number("linear_init_sigma", 0.0),
        asked.linear_init_value,
    )
    factors_init, factors_scale = _initial(
        asked.factors_init_method,
        asked.factors_init_scale,
        number("factors_init_sigma", 0.05),
        asked.factors_init_value,
    )
    schedule = asked.pairloom_learning_rate_schedule
    if asked.solver != "adam" and "pairloom_learning_rate_schedule" not in asked.given:
        schedule = "linear"
    return FMSettings(
        task=task,
        n_factors=asked.num_factors,
        solver=asked.solver,
        epochs=n_epochs(asked),
        bias_rate=number("bias_lr", default.learning_rate / 10) * asked.global_learning_rate
        if asked.use_bias
        else 0.0,
        linear_rate=number("linear_lr", default.learning_rate) * asked.global_learning_rate
        if asked.use_linear
        else 0.0,
        factors_rate=number("factors_lr", default.learning_rate) * asked.global_learning_rate,
        bias_decay=number("bias_wd", 0.0) * asked.global_wd,
        linear_decay=number("linear_wd", default.linear_decay) * asked.global_wd,
        factors_decay=number("factors_wd", default.factors_decay) * asked.global_wd,
        linear_l1=asked.pairloom_l1,
        factors_l1=asked.pairloom_l1,
        bias_init=_initial_bias(asked) if asked.use_bias else 0.0,
        linear_init=linear_init if asked.use_linear else "constant",
        linear_scale=linear_scale if asked.use_linear else 0.0,
        factors_init=factors_init,
        factors_scale=factors_scale,
        schedule=schedule,
        batch_rows=asked.mini_batch_size,
        epsilon=1e-8 if asked.eps is None else asked.eps,
        clip=max(asked.clip_gradient or 0.0, 0.0),
        rescale=1.0 if asked.rescale_grad is None else asked.rescale_grad,
        center_labels=normalize_labels and asked.use_bias,
        scale_labels=normalize_labels,
        scale_features=normalize,
        patience=asked.pairloom_early_stopping_patience,
        random_state=asked.pairloom_random_state,
        n_threads=asked.pairloom_n_threads or n_threads,
        deterministic=asked.pairloom_deterministic,
        memory_limit_bytes=asked.pairloom_memory_limit_mb << 20,
        exchanges=asked.pairloom_exchanges,
        burn_in=asked.pairloom_burn_in,
        n_samples=asked.pairloom_samples,
        n_chains=asked.pairloom_chains,
        interactions=asked.pairloom_interactions,
        normalize_rows=asked.pairloom_normalize_rows,
    )


def n_epochs(asked: FactorizationMachinesHyperparameters) -> int:
    """Return the epochs asked for; SageMaker's default of one is no number for sweeps, which have their own."""
    task = "classification" if asked.predictor_type == "binary_classifier" else "regression"
    if asked.solver in SWEEPING and "epochs" not in asked.given:
        return defaults_for(asked.solver, task).epochs
    return asked.epochs


def _initial(
    method: InitMethod, scale: float | None, sigma: float, value: float | None
) -> tuple[Literal["normal", "uniform", "constant"], float]:
    """Return a method and its one number."""
    if method == "uniform":
        return method, DEFAULT_HALF_WIDTH if scale is None else scale
    return (method, sigma) if method == "normal" else (method, value or 0.0)


def _initial_bias(asked: FactorizationMachinesHyperparameters) -> float:
    method, number = _initial(
        asked.bias_init_method, asked.bias_init_scale, asked.bias_init_sigma, asked.bias_init_value
    )
    random = np.random.default_rng([asked.pairloom_random_state, BIAS_STREAM])
    match method:
        case "normal":
            return float(random.normal(0.0, number))
        case "uniform":
            return float(random.uniform(-number, number))
        case "constant":
            return number
