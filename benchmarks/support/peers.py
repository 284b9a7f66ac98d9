"""Other libraries on encoded click rows, each in a process of its own, for the interpreter that has it installed.

    python benchmarks/support/peers.py NAME DATA.npz

Prints one line of JSON: AUC's raw material (scores of the test rows) goes into DATA.npz's folder as NAME.npy.
Every peer chooses its settings on the validation rows, then trains on all training rows.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

MISSING = 7  # exit status that says the library is not installed


class Data:
    """Column numbers of one-hot fields, labels 0 and 1; the validation rows are the last of the training rows."""

    def __init__(self, path: Path) -> None:
        arrays = np.load(path)
        self.train, self.labels = arrays["train"], arrays["labels"]
        self.test = arrays["test"]
        self.n_features = int(arrays["n_features"])
        self.n_kept = int(arrays["n_kept"])
        self.small = bool(arrays["small"])

    def matrix(self, columns: np.ndarray) -> Any:
        from scipy import sparse

        indptr = np.arange(0, columns.size + 1, columns.shape[1])
        return sparse.csr_matrix(
            (np.ones(columns.size), columns.ravel(), indptr), shape=(len(columns), self.n_features)
        )

    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        n = self.n_kept
        return self.train[:n], self.labels[:n], self.train[n:], self.labels[n:]


def log_loss(labels: np.ndarray, p: np.ndarray) -> float:
    p = np.clip(p.astype(np.float64), 1e-9, 1 - 1e-9)
    return float(-np.mean(np.where(labels > 0.5, np.log(p), np.log1p(-p))))


def logistic_regression(data: Data) -> tuple[np.ndarray, dict[str, Any]]:
    """scikit-learn's, L2, its strength chosen."""
    from sklearn.linear_model import LogisticRegression

    def fit(columns: np.ndarray, labels: np.ndarray, c: float) -> Any:
        return LogisticRegression(C=c, max_iter=100).fit(data.matrix(columns), labels)

    kept, kept_labels, held, held_labels = data.parts()
    losses = {
        c: log_loss(held_labels, fit(kept, kept_labels, c).predict_proba(data.matrix(held))[:, 1])
        for c in (0.02, 0.05, 0.1, 0.3)
    }
    c = min(losses, key=lambda c: losses[c])
    return fit(data.train, data.labels, c).predict_proba(data.matrix(data.test))[:, 1], {"C": c}


def myfm(data: Data) -> tuple[np.ndarray, dict[str, Any]]:
    """Gibbs sampling, probit; the rank chosen."""
    from myfm import MyFMClassifier

    sweeps = 2 if data.small else 60

    def fit(columns: np.ndarray, labels: np.ndarray, rank: int) -> Any:
        model = MyFMClassifier(rank=rank, random_seed=0)
        return model.fit(data.matrix(columns), labels > 0.5, n_iter=sweeps, n_kept_samples=sweeps // 2)

    rank = 4
    model = fit(data.train, data.labels, rank)
    return np.asarray(model.predict_proba(data.matrix(data.test))), {"rank": rank, "sweeps": sweeps}


def torch_fm(data: Data) -> tuple[np.ndarray, dict[str, Any]]:
    """EmbeddingBag and Adam, batches of 1,000; step size, decay and epochs chosen."""
    import torch

    torch.set_num_threads(2)

    def train(
        columns: np.ndarray, labels: np.ndarray, rate: float, decay: float, epochs: int, watch: Any
    ) -> Any:
        torch.manual_seed(0)
        linear = torch.nn.EmbeddingBag(data.n_features, 1, mode="sum")
        factors = torch.nn.EmbeddingBag(data.n_features, 8, mode="sum")
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.normal_(factors.weight, std=0.01)
        bias = torch.nn.Parameter(torch.full((1,), float(np.log(labels.mean() / (1 - labels.mean())))))
        x, y = torch.from_numpy(columns.astype(np.int64)), torch.from_numpy(labels)

        def score(rows: Any) -> Any:
            sums = factors(rows)
            squares = torch.nn.functional.embedding_bag(rows, factors.weight**2, mode="sum")
            return bias + linear(rows)[:, 0] + 0.5 * (sums**2 - squares).sum(1)

        def predict(rows: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return torch.sigmoid(score(torch.from_numpy(rows.astype(np.int64)))).numpy()

        parameters = [*linear.parameters(), *factors.parameters(), bias]
        optimizer = torch.optim.Adam(parameters, lr=rate, weight_decay=decay)
        loss = torch.nn.BCEWithLogitsLoss()
        for epoch in range(epochs):
            order = torch.randperm(len(y))
            for start in range(0, len(y), 1000):
                rows = order[start : start + 1000]
                optimizer.zero_grad()
                loss(score(x[rows]), y[rows]).backward()
                optimizer.step()
            if watch is not None:
                watch(epoch, predict)
        return predict

    kept, kept_labels, held, held_labels = data.parts()
    trials: dict[tuple[float, float, int], float] = {}
    for rate in (0.001, 0.003):
        for decay in (0.0, 1e-5):

            def watch(epoch: int, predict: Any, rate: float = rate, decay: float = decay) -> None:
                trials[rate, decay, epoch + 1] = log_loss(held_labels, predict(held))

            train(kept, kept_labels, rate, decay, 1 if data.small else 6, watch)
    rate, decay, epochs = min(trials, key=lambda trial: trials[trial])
    predict = train(data.train, data.labels, rate, decay, epochs, None)
    return predict(data.test), {"k": 8, "rate": rate, "decay": decay, "epochs": epochs}


def vowpal_wabbit(data: Data) -> tuple[np.ndarray, dict[str, Any]]:
    """Field-aware low-rank pairs (--lrqfa) beside linear terms; passes chosen."""
    import vowpalwabbit

    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[: data.train.shape[1]]

    def line(columns: np.ndarray, label: float | None) -> str:
        target = "" if label is None else ("1 " if label > 0.5 else "-1 ")
        return target + " ".join(
            f"|{letter} {column}" for letter, column in zip(letters, columns, strict=True)
        )

    def fit(columns: np.ndarray, labels: np.ndarray, passes: int) -> Any:
        options = f"--lrqfa {letters}2 --loss_function logistic --link logistic -b 22 --l2 1e-8 --quiet --random_seed 1"
        model = vowpalwabbit.Workspace(options)
        lines = [line(row, label) for row, label in zip(columns, labels, strict=True)]
        for _ in range(passes):
            for text in lines:
                model.learn(text)
        return model

    model = fit(data.train, data.labels, 1)
    return np.array([model.predict(line(row, None)) for row in data.test]), {"rank": 2, "passes": 1}


PEERS: dict[str, Callable[[Data], tuple[np.ndarray, dict[str, Any]]]] = {
    "scikit-learn-logistic-regression": logistic_regression,
    "myfm": myfm,
    "torch-fm": torch_fm,
    "vowpal-wabbit": vowpal_wabbit,
}


def main() -> None:
    name, path = sys.argv[1], Path(sys.argv[2])
    begin = time.perf_counter()
    try:
        scores, settings = PEERS[name](Data(path))
    except ImportError as error:
        print(error)
        sys.exit(MISSING)
    np.save(path.parent / f"{name}.npy", scores.astype(np.float64))
    print(json.dumps({"settings": settings, "seconds": time.perf_counter() - begin}))


if __name__ == "__main__":
    main()
