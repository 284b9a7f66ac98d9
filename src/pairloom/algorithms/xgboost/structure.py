"""What a sound model looks like: every index within its bounds, every tree a tree, every number finite."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Unsound", "check_structure"]

Array = npt.NDArray[Any]
MOST_FEATURES = 2**31 - 1
MOST_CATEGORIES = 1 << 24
NODE_ARRAYS = (
    "left_children",
    "right_children",
    "parents",
    "split_indices",
    "split_conditions",
    "default_left",
)
OTHER_NODE_ARRAYS = ("base_weights", "loss_changes", "sum_hessian", "split_type")


class Unsound(Exception):  # noqa: N818 - becomes a DataError where the file is known
    """What was expected of which part, and what was got."""

    def __init__(self, part: str, expected: str, got: object) -> None:
        self.part, self.expected, self.got = part, expected, str(got)[:80]
        super().__init__(f"{part}: {expected}")


def check_structure(document: Any) -> None:
    """Check a decoded model.

    Raises
    ------
    Unsound
        With the part that is wrong.
    """
    learner = _member(document, "learner", dict, "model")
    about = _member(learner, "learner_model_param", dict, "learner")
    n_features = _count(about, "num_feature", MOST_FEATURES)
    n_groups = max(_count(about, "num_class", 1 << 20), 1)
    if (n_targets := _count(about, "num_target", 1 << 20, 1)) != 1:
        raise Unsound("num_target", "one target", n_targets)
    _check_base_score(about.get("base_score"), n_groups)
    objective = _member(learner, "objective", dict, "learner")
    _member(objective, "name", str, "objective")
    softmax = objective.get("softmax_multiclass_param")
    if softmax is not None and _count(softmax, "num_class", 1 << 20) != n_groups:
        raise Unsound("softmax_multiclass_param", f"{n_groups} classes", softmax)
    _check_names(learner, n_features)
    booster = _member(learner, "gradient_booster", dict, "learner")
    match booster.get("name"):
        case "gbtree":
            _check_trees(_member(booster, "model", dict, "gradient_booster"), n_features, n_groups)
        case "dart":
            inner = _member(booster, "gbtree", dict, "gradient_booster")
            n_trees = _check_trees(_member(inner, "model", dict, "gbtree"), n_features, n_groups)
            weights = _numbers(booster, "weight_drop", n_trees)
            if not np.isfinite(weights).all():
                raise Unsound("weight_drop", "finite numbers", weights)
        case "gblinear":
            model = _member(booster, "model", dict, "gradient_booster")
            weights = _numbers(model, "weights", (n_features + 1) * n_groups)
            if not np.isfinite(weights).all():
                raise Unsound("weights", "finite numbers", "others")
            _count(model, "boosted_rounds", MOST_FEATURES, 0)
        case other:
            raise Unsound("gradient_booster", "gbtree, dart or gblinear", other)


def _check_names(learner: dict[str, Any], n_features: int) -> None:
    for name in ("feature_names", "feature_types"):
        words = learner.get(name, [])
        if not isinstance(words, list | np.ndarray) or len(words) not in (0, n_features):
            raise Unsound(name, f"none or {n_features} words", type(words).__name__)
        if not all(isinstance(word, str) for word in words):
            raise Unsound(name, "words", "others")
    attributes = learner.get("attributes", {})
    if not isinstance(attributes, dict) or not all(isinstance(value, str) for value in attributes.values()):
        raise Unsound("attributes", "words by name", attributes)


def _check_base_score(score: Any, n_groups: int) -> None:
    try:
        numbers = [float(word) for word in str(score).strip("[]").split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, n_groups) or not all(map(math.isfinite, numbers)):
        raise Unsound("base_score", "a finite number", score)


def _check_trees(model: dict[str, Any], n_features: int, n_groups: int) -> int:
    about = _member(model, "gbtree_model_param", dict, "model")
    n_trees = _count(about, "num_trees", 1 << 30)
    _count(about, "num_parallel_tree", 1 << 30, 1, least=0)
    if _categories_of_frames(model.get("cats")):
        raise Unsound("cats", "columns of numbers", "categories of a data frame")
    trees = model.get("trees")
    if not isinstance(trees, list) or len(trees) != n_trees:
        raise Unsound("trees", f"{n_trees} trees", type(trees).__name__)
    groups = _integers(model, "tree_info", n_trees)
    if n_trees and not 0 <= groups.min() <= groups.max() < n_groups:
        raise Unsound("tree_info", f"groups in [0, {n_groups - 1}]", groups.max())
    if "iteration_indptr" in model:
        ends = _integers(model, "iteration_indptr", None)
        if not len(ends) or ends[0] != 0 or ends[-1] != n_trees or (np.diff(ends) < 0).any():
            raise Unsound("iteration_indptr", f"offsets that rise from 0 to {n_trees}", ends[:4])
    for number, tree in enumerate(trees):
        if not isinstance(tree, dict):
            raise Unsound(f"tree {number}", "an object", type(tree).__name__)
        try:
            _check_tree(tree, n_features)
        except Unsound as fault:
            raise Unsound(f"tree {number}, {fault.part}", fault.expected, fault.got) from None
    return n_trees


def _categories_of_frames(cats: Any) -> bool:
    return isinstance(cats, dict) and any(
        len(part) for part in cats.values() if isinstance(part, list | np.ndarray)
    )


def _check_tree(tree: dict[str, Any], n_features: int) -> None:
    about = _member(tree, "tree_param", dict, "tree")
    n_nodes = _count(about, "num_nodes", 1 << 30, least=1)
    if _count(about, "num_feature", MOST_FEATURES) != n_features:
        raise Unsound("num_feature", str(n_features), about["num_feature"])
    _count(about, "num_deleted", n_nodes, 0)
    if (width := _count(about, "size_leaf_vector", 1 << 20, 1)) > 1:
        raise Unsound("size_leaf_vector", "1", width)
    left, right, parents, columns, conditions, _ = (
        _numbers(tree, name, n_nodes) if name == "split_conditions" else _integers(tree, name, n_nodes)
        for name in NODE_ARRAYS
    )
    for name in OTHER_NODE_ARRAYS:
        if name in tree:
            _numbers(tree, name, n_nodes)
    inner = left != -1
    if (inner != (right != -1)).any():
        raise Unsound("right_children", "two children or none", "one")
    nodes = np.flatnonzero(inner)
    children = np.concatenate([left[inner], right[inner]])
    if len(children) and not 1 <= children.min() <= children.max() < n_nodes:
        raise Unsound("left_children", f"nodes in [1, {n_nodes - 1}]", children.max())
    if len(np.unique(children)) != len(children):
        raise Unsound("left_children", "every node once", "one twice")
    if (parents[children] != np.concatenate([nodes, nodes])).any():
        raise Unsound("parents", "the nodes whose children they are", "others")
    if len(nodes) and not 0 <= columns[inner].min() <= columns[inner].max() < n_features:
        raise Unsound("split_indices", f"columns in [0, {n_features - 1}]", columns[inner].max())
    if np.isnan(conditions).any() or not np.isfinite(conditions[~inner]).all():
        raise Unsound("split_conditions", "finite numbers", "others")
    _check_categories(tree, n_nodes, inner)


def _check_categories(tree: dict[str, Any], n_nodes: int, inner: Array) -> None:
    kinds = _integers(tree, "split_type", n_nodes) if "split_type" in tree else np.zeros(n_nodes, np.int64)
    if not np.isin(kinds, (0, 1)).all():
        raise Unsound("split_type", "0 or 1", kinds.max())
    expected = np.flatnonzero((kinds == 1) & inner)
    if "categories_nodes" not in tree:
        if len(expected):
            raise Unsound("categories_nodes", "the nodes that split by categories", "none")
        return
    nodes = _integers(tree, "categories_nodes", None)
    segments = _integers(tree, "categories_segments", len(nodes))
    sizes = _integers(tree, "categories_sizes", len(nodes))
    categories = _integers(tree, "categories", None)
    if not np.array_equal(nodes, expected):
        raise Unsound("categories_nodes", "the nodes that split by categories", nodes[:4])
    if len(categories) and not 0 <= categories.min() <= categories.max() < MOST_CATEGORIES:
        raise Unsound("categories", f"numbers in [0, {MOST_CATEGORIES - 1}]", categories.max())
    if len(nodes) and (
        (segments < 0).any() or (sizes < 1).any() or (segments + sizes > len(categories)).any()
    ):
        raise Unsound("categories_segments", "parts of the categories", segments[:4])


def _member(mapping: Any, name: str, kind: type[Any], owner: str) -> Any:
    if not isinstance(mapping, dict) or not isinstance(mapping.get(name), kind):
        raise Unsound(
            owner, f"a member {name!r}", "none" if isinstance(mapping, dict) else type(mapping).__name__
        )
    return mapping[name]


def _count(mapping: Any, name: str, most: int, default: int | None = None, *, least: int = 0) -> int:
    """Read a number that the library writes as text."""
    value = mapping.get(name, default) if isinstance(mapping, dict) else None
    text = str(value)
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or not least <= int(text) <= most:
        raise Unsound(name, f"a number in [{least}, {most}]", value)
    return int(text)


def _numbers(mapping: dict[str, Any], name: str, length: int | None) -> Array:
    value = mapping.get(name)
    if not isinstance(value, list | np.ndarray):
        raise Unsound(name, "numbers", type(value).__name__)
    try:
        array = np.asarray(value) if len(value) else np.zeros(0, np.int64)
    except (ValueError, OverflowError):
        array = np.zeros(0, object)
    if array.ndim != 1 or array.dtype.kind not in "iufb":
        raise Unsound(name, "numbers", "others")
    if length is not None and len(array) != length:
        raise Unsound(name, f"{length} numbers", len(array))
    return array


def _integers(mapping: dict[str, Any], name: str, length: int | None) -> Array:
    array = _numbers(mapping, name, length)
    if array.dtype.kind == "f":
        raise Unsound(name, "whole numbers", "others")
    return array.astype(np.int64)
