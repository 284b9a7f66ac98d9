"""The linear learner beside scikit-learn and Vowpal Wabbit: many models, every loss, targets, sparse rows, growth.

./go bench linear                 # all parts
./go bench linear many losses     # some
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from pairloom.algorithms.linear_learner import LinearLearner
from pairloom.rows import RowBatch
from support.datasets import data_folder, has_data, movielens_likes
from support.dense_sets import as_rows, pictures
from support.machine import describe

Rows = RowBatch


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns and the seconds of processor time it took."""
    started = time.process_time()
    result = call()
    return result, time.process_time() - started


def learn(train: Rows, validation: Rows | None = None, **asked: object) -> tuple[Any, float]:
    """Train through the contract; return the model and seconds of processor time, reading rows included."""
    channels = {"train": lambda: iter([train])}
    if validation is not None:
        channels["validation"] = lambda: iter([validation])
    learner = LinearLearner({name: str(value) for name, value in asked.items()})
    return timed(lambda: learner.fit(channels))


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    p = np.clip(probabilities.astype(float), 1e-15, 1 - 1e-15)
    return float(-np.mean(np.where(labels > 0.5, np.log(p), np.log(1 - p))))


def standardised(train: np.ndarray, *others: np.ndarray) -> list[np.ndarray]:
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return [(x - mean) / np.where(deviation > 0, deviation, 1) for x in (train, *others)]


def load_pictures(small: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return training and held-out pictures; noise of their shape where the data is absent."""
    n_train, n_test = (2000, 1000) if small else (40_000, 10_000)
    path = data_folder() / "cifar10-subset" / "cifar10_subset.zip"
    if small or not path.is_file():
        rng = np.random.default_rng(0)
        x = rng.normal(size=(n_train + n_test, 192)).astype(np.float32)
        y = (x[:, :20].sum(axis=1) + 2 * rng.normal(size=len(x)) > 0).astype(float)
        return x[:n_train], y[:n_train], x[n_train:], y[n_train:]
    return (*pictures(path, "train", n_train), *pictures(path, "test", n_test))


def many(small: bool) -> None:
    """32 models against one fit of scikit-learn's LogisticRegression, on dense pictures."""
    x, y, held_x, held_y = load_pictures(small)
    compare_many(
        (as_rows(x, y), as_rows(held_x, held_y)), standardised(x, held_x), (y, held_y), small,
        epochs=2, mini_batch_size=2000,
    )  # fmt: skip


def likes(small: bool) -> None:
    """The same on MovieLens-100K as likes, one-hot users and films."""
    if not has_data():
        return
    split = movielens_likes()
    split = split.head(2000) if small else split
    rows = (ones_as_rows(split.train, split.train_labels), ones_as_rows(split.test, split.test_labels))
    compare_many(rows, [split.train, split.test], (split.train_labels, split.test_labels), small)


def ones_as_rows(matrix: csr_array, labels: np.ndarray) -> Rows:
    """Return rows whose values are all one."""
    return RowBatch(matrix.indptr.astype(np.int64), matrix.indices, None, matrix.shape[1], labels)


def compare_many(
    rows: tuple[Rows, Rows],
    matrices: list[Any],
    labels: tuple[np.ndarray, np.ndarray],
    small: bool,
    **asked: object,
) -> None:
    from sklearn.linear_model import LogisticRegression

    (train, held), (z, held_z), (y, held_y) = rows, matrices, labels
    for repeat in range(1 if small else 3):
        peer, peer_s = timed(lambda: LogisticRegression(max_iter=1000).fit(z, y))
        peer_loss = log_loss(held_y, peer.predict_proba(held_z)[:, 1])
        model, ours_s = learn(
            train, held, predictor_type="binary_classifier", num_models=32,
            binary_classifier_model_selection_criteria="loss_function", **asked,
        )  # fmt: skip
        loss = log_loss(held_y, model.predict(held)["score"])
        print(f"| 32 models, run {repeat + 1}: CPU s, log loss | {ours_s:.3f}, {loss:.4f} |")
        print(f"| one LogisticRegression: CPU s, log loss | {peer_s:.3f}, {peer_loss:.4f} |")
        print(f"| time ratio, loss ratio | {ours_s / peer_s:.3f}, {loss / peer_loss:.4f} |", flush=True)


def mean_loss(name: str, scores: np.ndarray, labels: np.ndarray, parameter: float) -> float:
    """One loss of predictions, by its definition."""
    error = scores - labels
    margin = (2 * labels - 1) * scores
    return float(
        np.mean(
            {
                "hinge_loss": lambda: np.maximum(parameter - margin, 0),
                "squared_loss": lambda: error**2,
                "absolute_loss": lambda: np.abs(error),
                "quantile_loss": lambda: np.maximum(parameter * -error, (1 - parameter) * error),
                "huber_loss": lambda: np.where(
                    np.abs(error) <= parameter, error**2 / 2, parameter * (np.abs(error) - parameter / 2)
                ),
                "eps_insensitive_absolute_loss": lambda: np.maximum(np.abs(error) - parameter, 0),
                "eps_insensitive_squared_loss": lambda: np.maximum(np.abs(error) - parameter, 0) ** 2,
            }[name]()
        )
    )


def losses(small: bool) -> None:
    """Every loss at its own optimum: the mean loss on the training rows, penalties included, against scikit-learn's."""
    from sklearn import datasets, linear_model, svm

    x, y = datasets.load_diabetes(return_X_y=True)
    (z,) = standardised(x)
    t = (y - y.mean()) / y.std()
    plain = {
        "predictor_type": "regressor",
        "wd": 0,
        "l1": 0,
        "unbias_label": "false",
        "normalize_label": "false",
    }
    n = len(z)
    big = 1e6
    for name, extra, parameter, fitted in (
        ("squared_loss", {}, 0.0, lambda: linear_model.LinearRegression().fit(z, t)),
        ("absolute_loss", {}, 0.0, lambda: linear_model.QuantileRegressor(quantile=0.5, alpha=0).fit(z, t)),
        ("quantile_loss", {"quantile": 0.8}, 0.8,
         lambda: linear_model.QuantileRegressor(quantile=0.8, alpha=0).fit(z, t)),
        ("huber_loss", {"huber_delta": 0.5}, 0.5, lambda: linear_model.SGDRegressor(
            loss="huber", epsilon=0.5, alpha=0, eta0=0.01, max_iter=5000, tol=None, average=True).fit(z, t)),
        ("eps_insensitive_absolute_loss", {"loss_insensitivity": 0.3}, 0.3, lambda: svm.LinearSVR(
            epsilon=0.3, C=big, loss="epsilon_insensitive", intercept_scaling=10, max_iter=2_000_000,
            dual=True, tol=1e-5).fit(z[:, :], t) if small else svm.SVR(kernel="linear", epsilon=0.3, C=100).fit(z, t)),
        ("eps_insensitive_squared_loss", {"loss_insensitivity": 0.3}, 0.3, lambda: svm.LinearSVR(
            epsilon=0.3, C=1e4, loss="squared_epsilon_insensitive", intercept_scaling=10, dual=False,
            max_iter=100_000, tol=1e-8).fit(z, t)),
    ):  # fmt: skip
        if small and name == "eps_insensitive_absolute_loss":
            continue
        peer, peer_s = timed(fitted)
        best = mean_loss(name, peer.predict(z), t, parameter)
        model, ours_s = learn(as_rows(z, t), loss=name, **plain, **extra)
        ours = mean_loss(name, model.predict(as_rows(z, t))["score"].astype(float), t, parameter)
        print_loss(f"diabetes, {name}", ours, best, ours_s, peer_s)
    x, y = datasets.load_breast_cancer(return_X_y=True)
    (z,) = standardised(x)
    n, wd = len(z), 0.01
    for name in ("logistic", "hinge_loss"):
        if name == "logistic":
            peer, peer_s = timed(
                lambda: linear_model.LogisticRegression(C=1 / (wd * n), tol=1e-8, max_iter=5000).fit(z, y)
            )
        else:
            peer, peer_s = timed(lambda: svm.SVC(kernel="linear", C=1 / (wd * n), tol=1e-6).fit(z, y))
        model, ours_s = learn(as_rows(z, y), predictor_type="binary_classifier", loss=name, wd=wd, l1=0)
        weights = model.machine.weights[:, 0]

        def whole(scores: np.ndarray, w: np.ndarray, name: str = name) -> float:
            margin = (2 * y - 1) * scores
            loss = np.logaddexp(0, -margin) if name == "logistic" else np.maximum(1 - margin, 0)
            return float(loss.mean() + wd / 2 * (w @ w))

        print_loss(
            f"breast cancer, {name}, wd {wd:g}", whole(z @ weights + model.machine.bias[0], weights),
            whole(peer.decision_function(z), peer.coef_[0]), ours_s, peer_s,
        )  # fmt: skip
    x, y = datasets.load_digits(return_X_y=True)
    (z,) = standardised(x)
    n = len(z)
    peer, peer_s = timed(
        lambda: linear_model.LogisticRegression(C=1 / (wd * n), tol=1e-6, max_iter=5000).fit(z, y)
    )
    model, ours_s = learn(as_rows(z, y), predictor_type="multiclass_classifier", num_classes=10, wd=wd, l1=0)

    def softmax(scores: np.ndarray, w: np.ndarray) -> float:
        shifted = scores - scores.max(axis=1, keepdims=True)
        log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return float(-log_p[np.arange(n), y].mean() + wd / 2 * (w**2).sum())

    print_loss(
        f"digits, softmax_loss, wd {wd:g}",
        softmax(z @ model.machine.weights + model.machine.bias, model.machine.weights),
        softmax(z @ peer.coef_.T + peer.intercept_, peer.coef_), ours_s, peer_s,
    )  # fmt: skip


def print_loss(name: str, ours: float, best: float, ours_s: float, peer_s: float) -> None:
    print(
        f"| {name}: ours, scikit-learn, ratio; CPU s | {ours:.5f}, {best:.5f}, {ours / best:.5f}; "
        f"{ours_s:.2f}, {peer_s:.2f} |",
        flush=True,
    )


def targets(small: bool) -> None:
    """Precision at a target recall, and the reverse, calibrated on one half of held-out rows and met on the other."""
    n = 4000 if small else 60_000
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3 * n, 20)).astype(np.float32)
    y = (x @ rng.normal(size=20) / 2 + rng.logistic(size=3 * n) > 1).astype(float)
    parts = [as_rows(x[i * n : (i + 1) * n], y[i * n : (i + 1) * n]) for i in range(3)]
    for criterion, target, found in (
        ("precision_at_target_recall", "target_recall", lambda p, t: (p & t).sum() / t.sum()),
        ("recall_at_target_precision", "target_precision", lambda p, t: (p & t).sum() / p.sum()),
    ):
        for value in (0.7, 0.8, 0.9):
            model, seconds = learn(
                parts[0], parts[1], predictor_type="binary_classifier", epochs=3,
                binary_classifier_model_selection_criteria=criterion, **{target: value},
            )  # fmt: skip
            predicted = model.predict(parts[2])["predicted_label"] == 1
            reached = float(found(predicted, y[2 * n :] == 1))
            print(f"| {target} {value}: held out, CPU s | {reached:.4f}, {seconds:.2f} |", flush=True)


def sparse_rows(n_rows: int, n_features: int, n_ones: int, seed: int) -> Rows:
    """Draw rows of ones with power-law ids, labels by planted weights."""
    rng = np.random.default_rng(seed)
    planted = np.random.default_rng(99).normal(size=n_features).astype(np.float32) * 0.7
    indices = np.empty((n_rows, n_ones), np.int32)
    width = n_features // n_ones
    for field in range(n_ones):
        indices[:, field] = field * width + (width * rng.random(n_rows, np.float32) ** 4).astype(
            np.int32
        ).clip(0, width - 1)
    scores = planted[indices].sum(axis=1) - 1
    labels = (rng.random(n_rows) < 1 / (1 + np.exp(-scores))).astype(np.float32)
    indptr = np.arange(0, n_rows * n_ones + 1, n_ones, dtype=np.int64)
    return RowBatch(indptr, indices.ravel(), None, n_features, labels)


def sparse(small: bool) -> None:
    """One pass over sparse rows against Vowpal Wabbit, or scikit-learn's SGDClassifier where that is not installed."""
    n_rows, n_features, n_ones = (20_000, 10_000, 10) if small else (5_000_000, 1_000_000, 10)
    train = sparse_rows(n_rows, n_features, n_ones, 1)
    held = sparse_rows(n_rows // 20, n_features, n_ones, 2)
    for n_models in (1, 6):
        model, seconds = learn(
            train, predictor_type="binary_classifier", epochs=1, num_models=n_models,
            pairloom_finish="false", binary_classifier_model_selection_criteria="loss_function",
        )  # fmt: skip
        loss = log_loss(held.labels, model.predict(held)["score"])
        print(f"| {n_rows:,} x {n_features:,}, {n_ones} ones a row, {n_models} models: CPU s, log loss | "
              f"{seconds:.2f}, {loss:.4f} |", flush=True)  # fmt: skip
    try:
        from vowpalwabbit import Workspace
    except ImportError:
        print("| Vowpal Wabbit is not installed | scikit-learn's SGDClassifier instead |")
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import SGDClassifier

        matrices = [
            csr_matrix((np.ones(len(r.indices)), r.indices, r.indptr), shape=(r.n_rows, n_features))
            for r in (train, held)
        ]
        peer, seconds = timed(lambda: SGDClassifier(loss="log_loss", max_iter=1, tol=None, alpha=1e-8).fit(
            matrices[0], train.labels))  # fmt: skip
        loss = log_loss(held.labels, peer.predict_proba(matrices[1])[:, 1])
        print(f"| SGDClassifier, one pass: CPU s, log loss | {seconds:.2f}, {loss:.4f} |")
        return
    build = Path(__file__).parents[1] / "build" / "benchmarks"
    build.mkdir(parents=True, exist_ok=True)
    paths = [
        write_vw(build / f"linear-{name}-{rows.n_rows}.vw", rows)
        for name, rows in (("train", train), ("held", held))
    ]
    options = "--loss_function logistic --link logistic -b 20 --quiet --passes 1"
    _, text_s = timed(
        lambda: Workspace(f"-d {paths[0]} --cache -k {options}").finish()
    )  # writes its cache of parsed rows
    workspace, cache_s = timed(lambda: Workspace(f"-d {paths[0]} --cache {options}"))
    predictions = build / "linear-held.predictions"
    workspace.save(str(build / "linear.vwmodel"))
    workspace.finish()
    Workspace(f"-d {paths[1]} -t -i {build / 'linear.vwmodel'} --quiet -p {predictions}").finish()
    loss = log_loss(held.labels, np.loadtxt(predictions))
    print(
        f"| Vowpal Wabbit: CPU s from text, from its cache, log loss | {text_s:.2f}, {cache_s:.2f}, {loss:.4f} |"
    )


def write_vw(path: Path, rows: Rows) -> Path:
    """Write rows as Vowpal Wabbit reads them; bare numbers are indices there."""
    if path.exists():
        return path
    part = path.with_suffix(".part")
    with part.open("w") as file:
        for start in range(0, rows.n_rows, 100_000):
            batch = rows.part(start, min(rows.n_rows, start + 100_000))
            texts = batch.indices.astype("U8")
            for row in range(batch.n_rows):
                ids = " ".join(texts[batch.indptr[row] : batch.indptr[row + 1]])
                file.write(f"{1 if batch.labels[row] > 0 else -1} | {ids}\n")
    part.replace(path)
    return path


def growth(small: bool) -> None:
    """Processor time of two passes as rows, features and models grow; without the finish."""
    base = (
        {"rows": 1000, "features": 50, "models": 4}
        if small
        else {"rows": 40_000, "features": 100, "models": 16}
    )
    rng = np.random.default_rng(0)
    for name, size in base.items():
        for factor in (1, 2, 4):
            shape = {**base, name: size * factor}
            x = rng.normal(size=(shape["rows"], shape["features"])).astype(np.float32)
            rows = as_rows(x, x[:, 0] > 0)
            _, seconds = learn(rows, predictor_type="binary_classifier", epochs=2, num_models=shape["models"],
                               pairloom_finish="false")  # fmt: skip
            print(
                f"| dense {shape['rows']:,} x {shape['features']}, {shape['models']} models: CPU s | {seconds:.3f} |",
                flush=True,
            )
    for n_rows in (500_000, 1_000_000, 2_000_000):
        rows = sparse_rows(n_rows // (500 if small else 1), 100_000, 10, 1)
        _, seconds = learn(rows, predictor_type="binary_classifier", epochs=1, pairloom_finish="false")
        print(f"| sparse {rows.n_rows:,} x 100,000, 6 models: CPU s | {seconds:.2f} |", flush=True)


PARTS = {
    "many": many,
    "likes": likes,
    "losses": losses,
    "targets": targets,
    "sparse": sparse,
    "growth": growth,
}


def main() -> None:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--small", action="store_true", help="sizes of seconds")
    arguments = parser.parse_args()
    print(describe("numpy", "scikit-learn"))
    print("1 thread\n| what | measured |\n|---|---|")
    with threadpool_limits(1):
        for name in arguments.parts or PARTS:
            PARTS[name](arguments.small)


if __name__ == "__main__":
    main()
