"""SageMaker's hyperparameters of ``xgboost``; Pairloom's own have names in ``pairloom_``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pairloom.algorithms.xgboost.lists import (
    column_list,
    interaction_groups,
    metric_fault,
    monotone_directions,
    words,
)
from pairloom.errors import UserError
from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["XGBoostHyperparameters"]

LARGEST_SEED = 2**31 - 1
WITHOUT_EFFECT = "Accepted for compatibility, without effect."
UPDATERS = (
    "grow_colmaker", "grow_histmaker", "grow_quantile_histmaker", "prune", "refresh", "sync", "shotgun",
    "coord_descent",
)  # fmt: skip
TREE_UPDATERS = UPDATERS[:6]
LINEAR_UPDATERS = UPDATERS[6:]
ObjectiveName = Literal[
    "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:logistic", "reg:pseudohubererror", "reg:gamma",
    "reg:tweedie", "reg:absoluteerror", "binary:logistic", "binary:logitraw", "binary:hinge", "count:poisson",
    "survival:cox", "survival:aft", "multi:softmax", "multi:softprob", "rank:pairwise", "rank:ndcg", "rank:map",
]  # fmt: skip


class XGBoostHyperparameters(Hyperparameters, owner="XGBoost"):
    """What can be asked of gradient boosting; SageMaker's names with the library's defaults."""

    num_round: int = param(ge=1, tunable=(1, 4000), may_change=True, doc="Rounds of boosting.")
    objective: ObjectiveName = param(
        default="reg:squarederror",
        doc="What is learned. reg:linear is an old name of reg:squarederror. For survival:aft a label is a time "
        "that was observed.",
    )
    num_class: int | None = param(
        default=None,
        ge=2,
        doc="Number of classes, labelled from 0; needed by multi:softmax and multi:softprob.",
    )
    eval_metric: str | None = param(
        default=None,
        doc="Metrics of every round, comma-separated; the last one stops early. Left open, that of the objective.",
    )
    early_stopping_rounds: int | None = param(
        default=None,
        ge=1,
        doc="Rounds without a better score on channel 'validation' before training stops with the best.",
    )
    seed: int = param(default=0, ge=-LARGEST_SEED - 1, le=LARGEST_SEED, doc="Seed of sampling.")

    booster: Literal["gbtree", "gblinear", "dart"] = param(
        default="gbtree", doc="Trees, linear functions, or trees with dropout."
    )
    tree_method: Literal["auto", "exact", "approx", "hist", "gpu_hist"] = param(
        default="auto", doc="How splits are found. auto is hist; gpu_hist is hist on the processor."
    )
    eta: float = param(default=0.3, ge=0, le=1, tunable=(0.1, 0.5), doc="Shrinkage of every round's step.")
    gamma: float = param(default=0.0, ge=0, tunable=(0, 5), doc="Least fall of the loss for a split.")
    max_depth: int = param(default=6, ge=0, tunable=(0, 10), doc="Levels of a tree; 0 for any number.")
    min_child_weight: float = param(
        default=1.0, ge=0, tunable=(0, 120), doc="Least sum of second derivatives in a leaf."
    )
    max_delta_step: float = param(
        default=0.0, ge=0, tunable=(0, 10), doc="Largest step of a leaf; 0 for any."
    )
    subsample: float = param(default=1.0, gt=0, le=1, tunable=(0.5, 1), doc="Share of the rows in a round.")
    sampling_method: Literal["uniform", "gradient_based"] = param(
        default="uniform", doc="How rows are sampled; gradient_based needs a GPU."
    )
    colsample_bytree: float = param(
        default=1.0, gt=0, le=1, tunable=(0.5, 1), doc="Share of the columns that a tree sees."
    )
    colsample_bylevel: float = param(
        default=1.0, gt=0, le=1, tunable=(0.1, 1), doc="Share of the tree's columns that a level sees."
    )
    colsample_bynode: float = param(
        default=1.0, gt=0, le=1, tunable=(0.1, 1), doc="Share of the level's columns that a split sees."
    )
    reg_lambda: float = param(
        default=1.0, ge=0, wire_name="lambda", tunable=(0, 1000), doc="L2 penalty on leaves or weights."
    )
    alpha: float = param(default=0.0, ge=0, tunable=(0, 1000), doc="L1 penalty on leaves or weights.")
    lambda_bias: float = param(default=0.0, ge=0, le=1, doc="L2 penalty on the bias of gblinear.")
    grow_policy: Literal["depthwise", "lossguide"] = param(
        default="depthwise", doc="Whether a tree grows level by level or where the loss falls most."
    )
    max_leaves: int = param(default=0, ge=0, doc="Most leaves of a tree; 0 for any number.")
    max_bin: int = param(default=256, ge=2, le=65_535, doc="Bins of a column for hist and approx.")
    num_parallel_tree: int = param(default=1, ge=1, doc="Trees of a round: above 1, a boosted forest.")
    scale_pos_weight: float = param(default=1.0, gt=0, doc="Weight of the rows labelled 1.")
    base_score: float | None = param(
        default=None, doc="Prediction before the first round. Left open, it is estimated from the labels."
    )
    monotone_constraints: str | None = param(
        default=None, doc="Direction of each column's effect, as (1,0,-1): rising, free, falling."
    )
    interaction_constraints: str | None = param(
        default=None, doc="Groups of columns that may meet in a branch, as [[0,1],[2,3]]."
    )
    tweedie_variance_power: float = param(
        default=1.5, gt=1, lt=2, doc="Power of the variance for reg:tweedie."
    )
    aft_loss_distribution: Literal["normal", "logistic", "extreme"] | None = param(
        default=None, doc="Distribution of the noise for survival:aft; normal where it is left open."
    )
    aft_loss_distribution_scale: float | None = param(
        default=None, gt=0, doc="Scale of that noise; 1 where it is left open."
    )

    sample_type: Literal["uniform", "weighted"] = param(
        default="uniform", doc="How dart chooses trees to drop."
    )
    normalize_type: Literal["tree", "forest"] = param(
        default="tree", doc="How dart weighs a new tree against those that were dropped."
    )
    rate_drop: float = param(default=0.0, ge=0, le=1, doc="Share of the trees that dart drops in a round.")
    one_drop: bool = param(default=False, doc="Whether dart drops at least one tree.")
    skip_drop: float = param(default=0.0, ge=0, le=1, doc="Chance that dart drops none in a round.")

    updater: str | None = param(
        default=None, doc=f"Steps that make a tree, comma-separated, out of {', '.join(UPDATERS)}."
    )
    refresh_leaf: bool = param(
        default=True, doc="Whether the updater refresh sets leaves anew and not only their statistics."
    )
    process_type: Literal["default", "update"] = param(
        default="default", doc="Whether trees are grown. update, which changes an earlier model, is refused."
    )
    csv_weights: bool = param(
        default=False, doc="Whether the second column of CSV files is the weight of the row."
    )
    nthread: int | None = param(
        default=None,
        ge=1,
        le=1024,
        may_change=True,
        doc="Threads; as many as the job was given where it is left open.",
    )
    verbosity: int = param(
        default=1, ge=0, le=3, doc="What the library writes to the log: nothing, warnings, steps, everything."
    )
    save_model_on_termination: bool = param(
        default=False, doc="Accepted for compatibility: a job that is stopped always keeps its model."
    )

    pairloom_categorical_features: str | None = param(
        default=None,
        doc="Columns, counted from 0 and comma-separated, whose values are the numbers of categories, from 0.",
    )
    pairloom_group_column: int | None = param(
        default=None, ge=0, le=2**31 - 1,
        doc="Column, counted from 0 without the label, that holds the group of each row under a `rank:` objective, a "
        "whole number below 2^24; it is no feature. Rows of a group follow one another and groups ascend. libsvm has "
        "`qid:` for it.",
    )  # fmt: skip
    pairloom_deterministic: bool = param(
        default=False,
        doc="Whether a training that was killed resumes to the same model bit for bit where rows, columns or trees "
        "are sampled too: every round then starts from the model alone, which costs time and other draws.",
    )
    pairloom_memory_limit_mb: int = param(
        default=4096, ge=1, doc="Rows beyond this size are read again and kept as bins on the disk."
    )

    deterministic_histogram: bool = param(default=True, hidden=True, doc=WITHOUT_EFFECT)
    single_precision_histogram: bool = param(default=False, hidden=True, doc=WITHOUT_EFFECT)
    sketch_eps: float = param(default=0.03, gt=0, lt=1, hidden=True, doc=WITHOUT_EFFECT)
    predictor: Literal["cpu_predictor", "gpu_predictor", "auto"] | None = param(
        default=None, hidden=True, doc=WITHOUT_EFFECT
    )
    dsplit: Literal["row", "col"] | None = param(default=None, hidden=True, doc=WITHOUT_EFFECT)
    prob_buffer_row: float | None = param(default=None, gt=1, hidden=True, doc=WITHOUT_EFFECT)
    use_dask_gpu_training: bool = param(default=False, hidden=True, doc=WITHOUT_EFFECT)
    kfold: int | None = param(
        default=None,
        ge=2,
        wire_name="_kfold",
        hidden=True,
        doc="Refused: cross-validation is a job per fold.",
    )
    num_cv_round: int | None = param(
        default=None, ge=1, wire_name="_num_cv_round", hidden=True, doc="Refused with _kfold."
    )
    tuning_objective: str = param(
        default="", wire_name="_tuning_objective_metric", hidden=True, may_change=True, doc=WITHOUT_EFFECT
    )

    def faults(self) -> Iterable[str]:
        """Check values against one another, by the library's own rules."""
        yield from self._faults_of_classes()
        yield from self._faults_of_lists()
        yield from self._faults_of_trees()
        if self.kfold is not None or self.num_cv_round is not None:
            yield "'_kfold' must be left out. Train a job for each fold instead."
        if self.process_type == "update":
            yield "'process_type' must be 'default'. Got 'update', which needs an earlier model to change."
        if self.sampling_method == "gradient_based":
            yield "'sampling_method' must be 'uniform' without a GPU. Got 'gradient_based'."
        is_share = self.objective in ("binary:logistic", "reg:logistic")
        if is_share and self.base_score is not None and not 0 < self.base_score < 1:
            yield f"'base_score' must be in (0, 1) for '{self.objective}'. Got {self.base_score:g}."

    def _faults_of_classes(self) -> Iterable[str]:
        multiclass = self.objective.startswith("multi:")
        if multiclass and self.num_class is None:
            yield f"'num_class' is required by objective '{self.objective}'. Give it: the number of classes."
        if not multiclass and self.num_class is not None:
            yield f"'num_class' must be left out for objective '{self.objective}'. Got {self.num_class}."

    def _faults_of_lists(self) -> Iterable[str]:
        for name in words(self.eval_metric):
            if fault := metric_fault(name):
                yield fault
        for name, read in (
            ("monotone_constraints", monotone_directions),
            ("interaction_constraints", interaction_groups),
            ("pairloom_categorical_features", column_list),
        ):
            try:
                read(getattr(self, name))
            except UserError as error:
                yield str(error)
        known = LINEAR_UPDATERS if self.booster == "gblinear" else TREE_UPDATERS
        for name in words(self.updater):
            if name not in known:
                allowed = ", ".join(known)
                yield f"'updater' must be out of {allowed} for booster '{self.booster}'. Got {name!r}."

    def _faults_of_trees(self) -> Iterable[str]:
        if self.tree_method == "exact":
            if self.grow_policy == "lossguide":
                yield "'grow_policy' must be 'depthwise' for tree_method 'exact'. Got 'lossguide'."
            if self.colsample_bynode < 1:
                yield f"'colsample_bynode' must be 1 for tree_method 'exact'. Got {self.colsample_bynode:g}."
            if self.pairloom_categorical_features:
                yield "'tree_method' must be 'hist' or 'approx' for categories. Got 'exact'."
            if self.max_depth == 0:
                yield "'max_depth' must be 1 or more for tree_method 'exact'. Got 0."
        if self.booster == "gblinear" and self.pairloom_categorical_features:
            yield "'booster' must be 'gbtree' or 'dart' for categories. Got 'gblinear'."
        if self.max_depth == 0 and self.max_leaves == 0 and self.grow_policy == "lossguide":
            yield "'max_leaves' must be 1 or more where 'max_depth' is 0. Got 0."
