"""SageMaker's hyperparameters of ``linear-learner``; Pairloom's own have names in ``pairloom_``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["LOSSES_OF", "LinearLearnerHyperparameters"]

Auto = Literal["auto"]
LARGEST_WIDTH = 2**31 - 1
PENALTY = (1e-7, 1.0)
LOSSES_OF = {
    "binary_classifier": ("auto", "logistic", "hinge_loss"),
    "multiclass_classifier": ("auto", "softmax_loss"),
    "regressor": (
        "auto", "squared_loss", "absolute_loss", "eps_insensitive_squared_loss", "eps_insensitive_absolute_loss",
        "quantile_loss", "huber_loss",
    ),
}  # fmt: skip


class LinearLearnerHyperparameters(Hyperparameters, owner="LinearLearner"):
    """What can be asked of a linear learner; SageMaker's names with SageMaker's defaults."""

    num_classes: int | None = param(
        default=None, ge=3, le=1_000_000,
        doc="Number of classes; required for 'multiclass_classifier', whose labels are 0 to num_classes - 1.",
    )  # fmt: skip
    predictor_type: Literal["binary_classifier", "multiclass_classifier", "regressor"] = param(
        doc="What is predicted: whether a label is 1 rather than 0, which class it is, or a number."
    )
    accuracy_top_k: int = param(
        default=3,
        ge=1,
        doc="Number of the likeliest classes among which the top-k accuracy looks for the label.",
    )
    balance_multiclass_weights: bool = param(
        default=False, doc="Whether every class weighs the same in the loss, however many rows it has."
    )
    beta_1: float | Auto = param(
        default="auto", ge=0, lt=1, doc="Decay of Adam's mean of gradients; auto is 0.9."
    )
    beta_2: float | Auto = param(
        default="auto", ge=0, lt=1, doc="Decay of Adam's mean of squared gradients; auto is 0.999."
    )
    bias_lr_mult: float | Auto = param(
        default="auto", gt=0, tunable=(1e-5, 10.0), doc="Multiplies the learning rate of the bias; auto is 1."
    )
    bias_wd_mult: float | Auto = param(
        default="auto", ge=0, tunable=(1e-5, 10.0), doc="Multiplies the L2 penalty on the bias; auto is 0."
    )
    binary_classifier_model_selection_criteria: Literal[
        "accuracy", "f_beta", "precision_at_target_recall", "recall_at_target_precision", "loss_function"
    ] = param(
        default="accuracy",
        doc="What the best model and its threshold are chosen by, on channel 'validation' if it is given, "
        "else on training rows; loss_function leaves the threshold at 0.5.",
    )
    early_stopping_patience: int = param(
        default=3, ge=1, doc="Passes without enough gain before training stops."
    )
    early_stopping_tolerance: float = param(
        default=0.001, gt=0, doc="Relative gain of the loss that counts as enough."
    )
    epochs: int = param(default=15, ge=1, may_change=True, doc="Most passes over the training data.")
    f_beta: float = param(default=1.0, gt=0, doc="Weight of recall against precision in F.")
    feature_dim: int | Auto = param(
        default="auto",
        ge=1,
        le=LARGEST_WIDTH,
        doc="Width of the rows; auto infers it from the training data.",
    )
    huber_delta: float = param(
        default=1.0, gt=0, doc="Error at which the Huber loss turns from squared to absolute, in the labels' scale "
        "as trained on.",
    )  # fmt: skip
    init_bias: float = param(default=0.0, doc="Initial bias.")
    init_method: Literal["uniform", "normal"] = param(
        default="uniform",
        doc="Initial weights: uniform in [-init_scale, init_scale], or normal with init_sigma.",
    )
    init_scale: float = param(default=0.07, gt=0, doc="Half-width of the uniform initial weights.")
    init_sigma: float = param(default=0.01, gt=0, doc="Standard deviation of the normal initial weights.")
    l1: float | Auto = param(
        default="auto",
        ge=0,
        tunable=PENALTY,
        doc="L1 penalty; makes weak weights exactly 0. Auto tries several.",
    )
    learning_rate: float | Auto = param(
        default="auto", gt=0, tunable=(1e-5, 1.0), doc="Step size; auto tries several side by side."
    )
    loss: Literal[
        "auto", "logistic", "squared_loss", "absolute_loss", "hinge_loss", "eps_insensitive_squared_loss",
        "eps_insensitive_absolute_loss", "quantile_loss", "huber_loss", "softmax_loss",
    ] = param(
        default="auto",
        doc="Loss; auto is logistic for a binary classifier, softmax_loss for a multiclass one, squared_loss for a "
        "regressor.",
    )  # fmt: skip
    loss_insensitivity: float = param(
        default=0.01,
        gt=0,
        doc="Error that the eps-insensitive losses forgive, in the labels' scale as trained on.",
    )
    lr_scheduler_factor: float | Auto = param(
        default="auto",
        gt=0,
        lt=1,
        doc="Multiplies the learning rate at every step of the schedule; auto is 0.5.",
    )
    lr_scheduler_minimum_lr: float | Auto = param(
        default="auto", gt=0, doc="Least learning rate of the schedule; auto is 1e-5."
    )
    lr_scheduler_step: int | Auto = param(
        default="auto", ge=1, doc="Mini-batches between two steps of the schedule; auto is one pass."
    )
    margin: float = param(default=1.0, gt=0, doc="Margin of the hinge loss.")
    mini_batch_size: int = param(
        default=1000, ge=1, tunable=(100, 5000), doc="Rows whose gradients make one step."
    )
    momentum: float | Auto = param(default="auto", ge=0, lt=1, doc="Momentum of SGD; auto is 0.9.")
    normalize_data: bool | Auto = param(
        default=True,
        doc="Whether features are scaled to standard deviation 1, or, in sparse rows, stored values to mean square 1; "
        "auto does.",
    )
    normalize_label: bool | Auto = param(
        default="auto", doc="Whether a regressor's labels are scaled to standard deviation 1; auto does."
    )
    num_calibration_samples: int | Auto = param(
        default="auto", ge=1,
        doc="Most rows that the threshold is calibrated on; auto takes all of 'validation', or 10,000 of 'train'.",
    )  # fmt: skip
    num_models: int | Auto = param(
        default="auto",
        ge=1,
        le=4096,
        doc="Models trained side by side; auto takes the whole grid of what is auto.",
    )
    num_point_for_scaler: int = param(
        default=10_000, ge=1, doc="Rows that means and deviations of features are measured on."
    )
    optimizer: Literal["auto", "adam", "sgd", "rmsprop"] = param(
        default="auto",
        doc="Optimiser of mini-batches. Auto is Adam on dense rows, and AdaGrad row by row on sparse ones.",
    )
    positive_example_weight_mult: float | Literal["balanced", "auto"] = param(
        default=1.0, gt=0, tunable=(1e-5, 1e5),
        doc="Weight of rows with label 1; balanced makes both classes weigh the same, auto tries both.",
    )  # fmt: skip
    quantile: float = param(default=0.5, gt=0, lt=1, doc="Quantile that the quantile loss predicts.")
    target_precision: float = param(
        default=0.8, gt=0, le=1, doc="Precision that recall_at_target_precision holds."
    )
    target_recall: float = param(default=0.8, gt=0, le=1, doc="Recall that precision_at_target_recall holds.")
    unbias_data: bool | Auto = param(
        default="auto",
        doc="Whether features are centred while training; auto does on dense rows. Sparse rows never are.",
    )
    unbias_label: bool | Auto = param(
        default="auto",
        doc="Whether a regressor's labels are centred while training; auto does, if there is a bias.",
    )
    use_bias: bool = param(default=True, doc="Whether there is a bias.")
    use_lr_scheduler: bool = param(default=True, doc="Whether the learning rate falls while training.")
    wd: float | Auto = param(
        default="auto", ge=0, tunable=PENALTY, doc="L2 penalty on the weights; auto tries several."
    )

    pairloom_finish: bool | Auto = param(
        default="auto",
        doc="Whether the best model is trained on to the optimum of its loss and penalties with the gradients of all "
        "rows. Auto does where 'optimizer' and 'learning_rate' are auto and the rows are in memory and at most 64 "
        "million values.",
    )
    pairloom_layout: Literal["auto", "dense", "sparse"] = param(
        default="auto",
        doc="Whether rows are trained on as matrices or as sparse rows; auto goes by the share of values stored.",
    )
    pairloom_random_state: int = param(
        default=0, ge=0, le=2**32 - 1, doc="Seed of initial weights and of the order of rows."
    )
    pairloom_n_threads: int | None = param(
        default=None,
        ge=1,
        le=1024,
        may_change=True,
        doc="Threads; as many as the job was given where it is left open.",
    )
    pairloom_memory_limit_mb: int = param(
        default=4096, ge=1, doc="Training data beyond this size is read again in every pass and not kept."
    )

    def faults(self) -> Iterable[str]:
        """Check values against one another."""
        if self.loss not in LOSSES_OF[self.predictor_type]:
            allowed = ", ".join(f"'{name}'" for name in LOSSES_OF[self.predictor_type])
            yield f"'loss' must be one of {allowed} for '{self.predictor_type}'. Got '{self.loss}'."
        if self.predictor_type == "multiclass_classifier":
            if self.num_classes is None:
                yield "'num_classes' is required for 'multiclass_classifier'. Give the number of classes."
            elif self.accuracy_top_k > self.num_classes:
                yield (
                    f"'accuracy_top_k' must be at most 'num_classes'. Got {self.accuracy_top_k} of "
                    f"{self.num_classes}."
                )
        elif self.num_classes is not None:
            yield (
                f"'num_classes' must be left out unless 'predictor_type' is 'multiclass_classifier'. "
                f"Got {self.num_classes} with '{self.predictor_type}'."
            )
