"""The best single figure on MovieLens-100K `u1`: the average of a few sampled factorization machines.

./go bench best_u1            fit on u1.base, score u1.test once
./go bench best_u1 --choose   what the members and their averages reach on the four parts of u1.base
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pairloom import FactorizationMachineRegressor
from support.machine import describe
from support.movielens import (
    OwnField,
    Ratings,
    paces,
    parts,
    pauses,
    ratings,
    relational,
    sessions,
    user_days,
)

Times = Callable[[Ratings, Ratings], OwnField]
BURN_IN = 20


def five_minutes(train: Ratings, rated: Ratings) -> OwnField:
    """Return sessions without a gap of five minutes."""
    return sessions(train, rated, 300)


def minutes(train: Ratings, rated: Ratings) -> OwnField:
    """Return sessions without a gap of a minute."""
    return sessions(train, rated, 60)


def hours(train: Ratings, rated: Ratings) -> OwnField:
    """Return sessions without a gap of an hour."""
    return sessions(train, rated, 3600)


def since(train: Ratings, rated: Ratings) -> OwnField:
    """Return the time since the rating before."""
    return pauses(train, rated, forward=False)


def until(train: Ratings, rated: Ratings) -> OwnField:
    """Return the time until the rating after."""
    return pauses(train, rated, forward=True)


class Member(NamedTuple):
    """A machine of the average: ids and histories, attributes or not, and what is known of a rating's time."""

    with_attributes: bool
    times: tuple[Times, ...]
    n_factors: int
    likelihood: str

    def predict(self, train: Ratings, rated: Ratings, epochs: int, seed: int) -> np.ndarray:
        """Return stars expected of `rated`, learned from `train`."""
        sides = parts(train, with_attributes=self.with_attributes, with_histories=True)
        rows, asked = (
            relational(sides, (part.users, part.films), [field(train, part) for field in self.times])
            for part in (train, rated)
        )
        model = FactorizationMachineRegressor(
            self.n_factors,
            solver="mcmc",
            epochs=epochs,
            burn_in=BURN_IN,
            n_samples=epochs - BURN_IN,
            likelihood=self.likelihood,
            random_state=seed,
        )
        return np.clip(model.fit(rows, train.stars).predict(asked), 1, 5)

    def __str__(self) -> str:
        names = ", ".join(field.__name__ for field in self.times)
        attributes = "attributes, " if self.with_attributes else ""
        return f"histories, {attributes}{names}; {self.likelihood}, k = {self.n_factors}"


MEMBERS = (
    Member(False, (hours, five_minutes, minutes), 10, "ordinal"),
    Member(False, (hours, five_minutes, minutes, paces), 10, "ordinal"),
    Member(True, (user_days, five_minutes), 16, "normal"),
    Member(True, (user_days, five_minutes, paces, since, until), 32, "ordinal"),
)


def error(predictions: np.ndarray, stars: np.ndarray) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((predictions - stars) ** 2)))


def predicted(train: Ratings, rated: Ratings, epochs: int) -> np.ndarray:
    """Return every member's predictions, of shape (n_members, n_ratings)."""
    return np.array([member.predict(train, rated, epochs, seed) for seed, member in enumerate(MEMBERS)])


def choose(epochs: int) -> None:
    """Print what members and averages of the first few reach on the parts of u1.base that other splits test on."""
    base = ratings("u1.base")
    pairs = base.users * 10_000 + base.films
    errors: list[list[float]] = []
    for split in (2, 3, 4, 5):
        held_out = ratings(f"u{split}.test")
        inside = np.isin(pairs, held_out.users * 10_000 + held_out.films)
        rated = base.part(inside)
        each = predicted(base.part(~inside), rated, epochs)
        averages = [each[: n + 1].mean(axis=0) for n in range(len(each))]
        errors.append([error(p, rated.stars) for p in (*each, *averages)])
    means = np.mean(errors, axis=0)
    print("| member | RMSE, mean of four parts | of the average with those above |\n|---|---:|---:|")
    for i, member in enumerate(MEMBERS):
        print(f"| {member} | {means[i]:.4f} | {means[len(MEMBERS) + i]:.4f} |")


def test(epochs: int) -> None:
    """Print the error on u1.test of every member and of their average, and the CPU seconds that it all took."""
    base, held_out = ratings("u1.base"), ratings("u1.test")
    each = predicted(base, held_out, epochs)
    print("| member | RMSE on u1.test |\n|---|---:|")
    for member, predictions in zip(MEMBERS, each, strict=True):
        print(f"| {member} | {error(predictions, held_out.stars):.4f} |")
    print(f"| average | {error(each.mean(axis=0), held_out.stars):.4f} |")


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--small", action="store_true")
    options = parser.parse_args()
    print(describe())
    began = time.process_time()
    if options.choose:
        choose(25 if options.small else options.epochs or 200)
    else:
        test(25 if options.small else options.epochs or 512)
    print(f"\nCPU seconds: {time.process_time() - began:.0f}")


if __name__ == "__main__":
    main()
