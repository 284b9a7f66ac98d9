"""``pairloom quickstart``: the whole road in one command, from ratings to explained predictions."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pairloom.algorithms.catalogue import algorithm
from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import Artifact, save_artifact
from pairloom.cli.explain import print_terms
from pairloom.cli.learning_curve import draw_learning_curve
from pairloom.cli.ratings import Ratings, movielens_ratings, synthetic_ratings
from pairloom.cli.terminal import print_table, say
from pairloom.cli.training_view import TrainingView
from pairloom.encoding import FeatureEncoder
from pairloom.fm.terms import score_terms
from pairloom.rows import RowBatch
from pairloom.tables import Table

__all__ = ["quickstart"]

ALGORITHM = "factorization-machines"
HYPERPARAMETERS = {
    "predictor_type": "regressor",
    "pairloom_solver": "sgd",
    "pairloom_learning_rate_schedule": "linear",
    "bias_lr": "0.002",
    "linear_lr": "0.02",
    "linear_wd": "0.04",
    "factors_lr": "0.02",
    "factors_wd": "0.07",
    "factors_init_sigma": "0.05",
}
SHOWN = 5


def quickstart(
    *,
    data: Path | None = None,
    output: Path = Path("quickstart"),
    num_factors: int = 8,
    epochs: int = 30,
    random_state: int = 0,
    threads: int = 1,
) -> None:
    """Make ratings, train a factorization machine, score it, explain a prediction, draw the learning curve.

    Needs no network. The ratings have the shape of MovieLens-100K and come from planted factors and noise, so
    that the best possible error is known. `--data` takes real MovieLens files instead: 100K, 1M, 10M, latest,
    20M, 25M and 32M are recognised.

    For example:

        pairloom quickstart
        pairloom quickstart --data ml-latest-small --num-factors 16

    Parameters
    ----------
    data
        Folder of MovieLens files to use instead of made-up ratings.
    output
        Folder for the model, the learning curve and the made-up ratings.
    num_factors
        Dimensionality of the factorization.
    epochs
        Passes over the training data.
    random_state
        Seed of everything random.
    threads
        Threads to work with; with one, the result is always the same.
    """
    started = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    ratings = synthetic_ratings(output, random_state) if data is None else movielens_ratings(data, threads)
    n_train, n_test = ratings.train.n_rows, ratings.test.n_rows
    say(f"{ratings.name}: {n_train:,} ratings to learn from, {n_test:,} to test on")

    encoder = FeatureEncoder(["user", "item"], random_state=random_state).fit(ratings.train)
    asked = HYPERPARAMETERS | {
        "num_factors": str(num_factors),
        "epochs": str(epochs),
        "pairloom_random_state": str(random_state),
    }
    channels = {
        "train": lambda: encoder.encode(ratings.train, label="rating", training=True),
        "validation": lambda: encoder.encode(ratings.test, label="rating"),
        "test": lambda: encoder.encode(ratings.test, label="rating"),
    }
    with TrainingView() as view:
        model = algorithm(ALGORITHM)(asked).fit(channels, n_threads=threads, report=view)
    artifact = Artifact(ALGORITHM, model, encoder, "rating", asked, view.metrics)
    save_artifact(artifact, output / "model.tar.gz")

    speed = n_train * len(view.history) / max(view.seconds, 1e-9) / 1e6
    say(f"Trained {len(view.history)} epochs in {view.seconds:.2f} s, {speed:.1f} million ratings a second\n")
    _compare(ratings, view.metrics["test"]["rmse"])
    explained = _show_predictions(artifact, ratings)
    levels = {} if ratings.best_rmse is None else {"best possible": ratings.best_rmse}
    draw_learning_curve(
        {
            "training": [event.metrics["rmse"] for event in view.history],
            "test": [event.validation["rmse"] for event in view.history],
        },
        levels,
        [output / "learning-curve.png", output / "learning-curve.svg"],
        title=f"{ratings.name}, {num_factors} factors",
        quantity="RMSE",
    )
    names = ", ".join(sorted(path.name for path in output.iterdir() if path.is_file()))
    say(f"\nIn {output}/: {names}")
    _suggest(output, ratings, asked, explained)
    say(f"{time.perf_counter() - started:.1f} s in all")


def _compare(ratings: Ratings, rmse: float) -> None:
    mean = float(np.mean(_numbers(ratings.train, "rating")))
    by_mean = float(np.sqrt(np.mean((_numbers(ratings.test, "rating") - mean) ** 2)))
    rows = [("the mean rating for everyone", by_mean), ("factorization machine", rmse)]
    if ratings.best_rmse is not None:
        rows.append(("best possible (the noise alone)", ratings.best_rmse))
    print_table(["predictor", "test RMSE"], [(name, f"{value:.4f}") for name, value in rows], numbers=[1])


def _show_predictions(artifact: Artifact, ratings: Ratings) -> tuple[int, int]:
    assert artifact.encoder is not None
    few = _head(ratings.test, SHOWN)
    batch = next(artifact.encoder.encode(few))
    scores = artifact.model.predict(batch)["score"]
    users, items, actual = (_numbers(few, name).tolist() for name in ("user", "item", "rating"))
    say("")
    print_table(
        ["user", "item", "predicted", "actual"],
        [
            (str(user), ratings.title(item), f"{score:.2f}", f"{rating:g}")
            for user, item, score, rating in zip(users, items, scores.tolist(), actual, strict=True)
        ],
        numbers=[2, 3],
    )
    # The one to explain is that in which the pair of user and item counts most.
    pairs = [abs(_pair_term(artifact, batch, row)) for row in range(batch.n_rows)]
    chosen = int(np.argmax(pairs))
    question = f"Why {scores[chosen]:.2f} for user {users[chosen]} and {ratings.title(items[chosen])}?"
    say(f"\n{question} The score is a sum:\n")
    print_terms(artifact, batch, chosen, 10)
    return users[chosen], items[chosen]


def _pair_term(artifact: Artifact, batch: RowBatch, row: int) -> float:
    assert isinstance(artifact.model, FactorizationMachinesModel)
    return float(score_terms(artifact.model.machine, batch, row).interactions.sum())


def _suggest(output: Path, ratings: Ratings, asked: Mapping[str, str], explained: tuple[int, int]) -> None:
    model = output / "model.tar.gz"
    say("\nGo on with:")
    if ratings.files:
        train, test = ratings.files
        options = " ".join(f"--{_option(name)} {value}" for name, value in asked.items())
        say(f"  pairloom evaluate {model} {test}")
        say(f"  pairloom predict {model} {test}")
        say(f"  pairloom train {ALGORITHM} --train {train} --test {test} {options}")
    say("  pairloom explain {} user={} item={}".format(model, *explained))
    say(f"  pairloom describe {model}")


def _option(name: str) -> str:
    return name.removeprefix("pairloom_").replace("_", "-")


def _head(table: Table, n_rows: int) -> Table:
    n_rows = min(n_rows, table.n_rows)
    return Table({name: _numbers(table, name)[:n_rows] for name in table.columns}, n_rows)


def _numbers(table: Table, name: str) -> np.ndarray:
    column = table.columns[name]
    assert isinstance(column, np.ndarray)
    return column
