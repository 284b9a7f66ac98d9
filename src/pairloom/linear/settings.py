"""Numbers of one training run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pairloom.linear.losses import Loss

__all__ = ["Criterion", "LinearSettings", "Optimizer", "Task"]

Task = Literal["binary", "regression", "multiclass"]
Optimizer = Literal["auto", "adam", "sgd", "rmsprop"]
Criterion = Literal[
    "accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearSettings:
    """Settings of `LinearTrainer`; None leaves a choice to the trainer.

    Parameters
    ----------
    task, loss
    n_models : int, optional
        Candidates side by side.
    rate, l2, l1 : float, optional
        Step size and penalties; a grid of them where None.
    positive_weight : float, "balanced" or "auto"
        Weight of rows with label 1; "auto" tries both 1 and the balance.
    balance_classes : bool
        Whether every class weighs the same.
    optimizer : str
        "auto": Adam in mini-batches on dense rows, AdaGrad row by row on sparse ones.
    momentum, beta_1, beta_2 : float
    bias_rate_factor, bias_l2_factor : float
        Multiply rate and l2 of the bias.
    schedule_step : int, optional
        Mini-batches between two steps of the schedule; a pass where None.
    schedule_factor, least_rate : float
    center_features, scale_features, center_labels, scale_labels : bool
    n_scaler_rows : int
        Rows that features are measured on.
    n_calibration_rows : int, optional
        Rows that choose the model and the threshold.
    finish : bool, optional
        Whether the winner is trained to the optimum of its objective; None where `optimizer` and `rate` are
        open and the rows are in memory and not too many.
    """

    task: Task
    loss: Loss
    epochs: int = 15
    batch_rows: int = 1000
    n_models: int | None = None
    rate: float | None = None
    l2: float | None = None
    l1: float | None = None
    positive_weight: float | Literal["balanced", "auto"] = 1.0
    balance_classes: bool = False
    optimizer: Optimizer = "auto"
    momentum: float = 0.9
    beta_1: float = 0.9
    beta_2: float = 0.999
    use_bias: bool = True
    bias_rate_factor: float = 1.0
    bias_l2_factor: float = 0.0
    schedule_step: int | None = None
    schedule_factor: float = 0.5
    least_rate: float = 1e-5
    init: Literal["uniform", "normal"] = "uniform"
    init_scale: float = 0.07
    init_bias: float = 0.0
    center_features: bool = True
    scale_features: bool = True
    center_labels: bool = True
    scale_labels: bool = True
    n_scaler_rows: int = 10_000
    n_calibration_rows: int | None = None
    criterion: Criterion = "accuracy"
    beta: float = 1.0
    target_recall: float = 0.8
    target_precision: float = 0.8
    patience: int = 3
    tolerance: float = 1e-3
    finish: bool | None = None
    layout: Literal["auto", "dense", "sparse"] = "auto"
    random_state: int = 0
    n_threads: int = 1
    memory_limit_bytes: int = 4 << 30

    @property
    def n_outputs(self) -> int:
        """Scores of one model for one row."""
        return self.loss.n_outputs
