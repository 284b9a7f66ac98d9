"""From what was asked to the numbers of the trainer."""

from __future__ import annotations

from typing import TypeVar

from pairloom.algorithms.linear_learner.hyperparameters import LinearLearnerHyperparameters
from pairloom.linear.losses import Loss, LossName
from pairloom.linear.settings import LinearSettings, Task

__all__ = ["TASKS", "trainer_settings"]

T = TypeVar("T", int, float, bool)
TASKS: dict[str, Task] = {
    "binary_classifier": "binary", "multiclass_classifier": "multiclass", "regressor": "regression",
}  # fmt: skip
LOSSES: dict[str, LossName] = {
    "logistic": "logistic", "hinge_loss": "hinge", "softmax_loss": "softmax", "squared_loss": "squared",
    "absolute_loss": "absolute", "quantile_loss": "quantile", "huber_loss": "huber",
    "eps_insensitive_squared_loss": "eps_insensitive_squared",
    "eps_insensitive_absolute_loss": "eps_insensitive_absolute",
}  # fmt: skip
USUAL_LOSSES: dict[str, LossName] = {
    "binary_classifier": "logistic", "multiclass_classifier": "softmax", "regressor": "squared",
}  # fmt: skip


def trainer_settings(asked: LinearLearnerHyperparameters, *, n_threads: int) -> LinearSettings:
    """Return the settings of a training run; `n_threads` holds where the hyperparameters leave it open."""
    uniform = asked.init_method == "uniform"
    weight = asked.positive_example_weight_mult
    return LinearSettings(
        task=TASKS[asked.predictor_type],
        loss=_loss(asked),
        epochs=asked.epochs,
        batch_rows=asked.mini_batch_size,
        n_models=_open(asked.num_models),
        rate=_open(asked.learning_rate),
        l2=_open(asked.wd),
        l1=_open(asked.l1),
        positive_weight=weight if asked.predictor_type == "binary_classifier" else 1.0,
        balance_classes=asked.balance_multiclass_weights and asked.predictor_type == "multiclass_classifier",
        optimizer=asked.optimizer,
        momentum=_settled(asked.momentum, 0.9),
        beta_1=_settled(asked.beta_1, 0.9),
        beta_2=_settled(asked.beta_2, 0.999),
        use_bias=asked.use_bias,
        bias_rate_factor=_settled(asked.bias_lr_mult, 1.0),
        bias_l2_factor=_settled(asked.bias_wd_mult, 0.0),
        schedule_step=_open(asked.lr_scheduler_step),
        schedule_factor=_settled(asked.lr_scheduler_factor, 0.5) if asked.use_lr_scheduler else 1.0,
        least_rate=_settled(asked.lr_scheduler_minimum_lr, 1e-5),
        init=asked.init_method,
        init_scale=asked.init_scale if uniform else asked.init_sigma,
        init_bias=asked.init_bias,
        # Without a bias nothing could take up what centring moves.
        center_features=_settled(asked.unbias_data, asked.use_bias) and asked.use_bias,
        scale_features=_settled(asked.normalize_data, True),
        center_labels=_settled(asked.unbias_label, asked.use_bias) and asked.use_bias,
        scale_labels=_settled(asked.normalize_label, True),
        n_scaler_rows=asked.num_point_for_scaler,
        n_calibration_rows=_open(asked.num_calibration_samples),
        criterion=asked.binary_classifier_model_selection_criteria,
        beta=asked.f_beta,
        target_recall=asked.target_recall,
        target_precision=asked.target_precision,
        patience=asked.early_stopping_patience,
        tolerance=asked.early_stopping_tolerance,
        finish=_open(asked.pairloom_finish),
        layout=asked.pairloom_layout,
        random_state=asked.pairloom_random_state,
        n_threads=asked.pairloom_n_threads or n_threads,
        memory_limit_bytes=asked.pairloom_memory_limit_mb << 20,
    )


def _loss(asked: LinearLearnerHyperparameters) -> Loss:
    name = USUAL_LOSSES[asked.predictor_type] if asked.loss == "auto" else LOSSES[asked.loss]
    parameters: dict[str, float] = {
        "hinge": asked.margin, "quantile": asked.quantile, "huber": asked.huber_delta,
        "eps_insensitive_squared": asked.loss_insensitivity,
        "eps_insensitive_absolute": asked.loss_insensitivity,
    }  # fmt: skip
    return Loss(name, parameters.get(name, 1.0), asked.num_classes or 1)


def _open(value: T | str) -> T | None:
    return None if isinstance(value, str) else value


def _settled(value: T | str, otherwise: T) -> T:
    return otherwise if isinstance(value, str) else value
