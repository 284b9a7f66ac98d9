"""From what was asked to the library's parameters."""

from __future__ import annotations

import json
from typing import Any

from pairloom.algorithms.xgboost.hyperparameters import XGBoostHyperparameters
from pairloom.algorithms.xgboost.lists import interaction_groups, monotone_directions, words
from pairloom.algorithms.xgboost.objectives import OBJECTIVES, Objective
from pairloom.metrics import MEASURED_HERE

__all__ = ["is_sampled", "library_metrics", "library_parameters", "objective_of", "tree_method_of"]

PASSED = (
    "num_class", "seed", "booster", "eta", "gamma", "max_depth", "min_child_weight", "max_delta_step", "subsample",
    "sampling_method", "colsample_bytree", "colsample_bylevel", "colsample_bynode", "alpha", "lambda_bias",
    "grow_policy", "max_leaves", "max_bin", "num_parallel_tree", "scale_pos_weight", "base_score",
    "tweedie_variance_power", "aft_loss_distribution", "aft_loss_distribution_scale", "sample_type",
    "normalize_type", "rate_drop", "skip_drop", "refresh_leaf", "verbosity",
)  # fmt: skip
"""Hyperparameters that the library knows by the same name; only those that are given reach it."""


def objective_of(asked: XGBoostHyperparameters) -> Objective:
    """Return the objective; the old name of one counts as the new."""
    return OBJECTIVES["reg:squarederror" if asked.objective == "reg:linear" else asked.objective]


def tree_method_of(asked: XGBoostHyperparameters) -> str:
    """Return how trees are made on a processor."""
    return "hist" if asked.tree_method in ("auto", "gpu_hist") else asked.tree_method


def library_metrics(asked: XGBoostHyperparameters) -> list[str]:
    """Return the metrics that the library measures."""
    return [name for name in words(asked.eval_metric) if name not in MEASURED_HERE]


def is_sampled(asked: XGBoostHyperparameters) -> bool:
    """Whether rounds draw rows, columns or trees."""
    shares = (asked.subsample, asked.colsample_bytree, asked.colsample_bylevel, asked.colsample_bynode)
    return min(shares) < 1 or (asked.booster == "dart" and (asked.rate_drop > 0 or asked.one_drop))


def library_parameters(asked: XGBoostHyperparameters, n_threads: int) -> dict[str, Any]:
    """Return the parameters of a booster: what was given, under the library's names."""
    found: dict[str, Any] = {
        name: getattr(asked, name)
        for name in PASSED
        if name in asked.given and getattr(asked, name) is not None
    }
    found |= {"objective": objective_of(asked).name, "nthread": n_threads, "seed": asked.seed}
    if "tree_method" in asked.given:
        found["tree_method"] = tree_method_of(asked)
    if "reg_lambda" in asked.given:
        found["lambda"] = asked.reg_lambda
    if "one_drop" in asked.given:
        found["one_drop"] = int(asked.one_drop)
    if "refresh_leaf" in found:
        found["refresh_leaf"] = int(asked.refresh_leaf)
    if updaters := words(asked.updater):
        found["updater"] = ",".join(updaters)
    if directions := monotone_directions(asked.monotone_constraints):
        found["monotone_constraints"] = f"({','.join(map(str, directions))})"
    if groups := interaction_groups(asked.interaction_constraints):
        found["interaction_constraints"] = json.dumps(groups)
    if metrics := library_metrics(asked):
        found["eval_metric"] = metrics
    elif asked.eval_metric:
        found["disable_default_eval_metric"] = 1
    if asked.pairloom_deterministic:
        found["seed_per_iteration"] = True
    return found
