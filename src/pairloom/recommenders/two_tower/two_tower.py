"""Two networks, one for askers and one for items, whose outputs' product is the score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import MissingExtraError, UserError
from pairloom.recommenders.askers import UNKNOWN, Askers
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.fields.kinds import names_of
from pairloom.recommenders.history_means import mean_rows
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.retrieval.building import Retrieval, checked_retrieval
from pairloom.recommenders.two_tower.batches import LOSSES, Loss
from pairloom.recommenders.two_tower.query_tower import QueryTower
from pairloom.recommenders.two_tower.tower_inputs import TowerInputs

__all__ = ["TwoTower"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
LARGEST = 1e6
USUAL: Mapping[Loss, tuple[int, int, int]] = {"in-batch": (20, 1024, 2), "multi-label": (60, 128, 6)}
"""Epochs, batch size and patience."""


class TwoTower(EmbeddingRecommender):
    """Items and askers as vectors that two networks make of all that is known of them.

    For catalogues with attributes: an item that nobody took yet is placed by its categories, numbers, text and vectors,
    and one that many took by its id as well. An asker is the mean of the history's items, each by a second embedding,
    and the columns of the users table, where there is one: so a session, and a user whom training never saw, need no
    training. Text comes in as the hashed letter trigrams of its words, which no misspelling throws off. Training needs
    the extra ``torch``; a saved model answers without it, by one product of a query and the items' vectors.

    The score of an item is learned by softmax: what a user took must stand out among the other items of the step. Loss
    "in-batch" asks for one item at a time from the rest of the history; "multi-label" asks at once for all that is not
    shown, with cross-entropy over several labels, in far fewer steps. A popular item is in more steps than a rare one;
    its score is corrected by the log of that chance.

    An epoch takes time that grows with the pairs times the batch's different items times the factors ("multi-label":
    with users in place of pairs); memory with items and users times factors. An event changes its user's history at
    once; the towers stay until the next fit, and an item that comes with an update, of which nothing is known, is
    placed where items of which nothing is known are.

    Parameters
    ----------
    n_factors : int
        Columns of embeddings and of what comes out of the towers.
    hidden : int or sequence of int
        Units of hidden layers in each tower, with rectifiers. On MovieLens none was best; with rich attributes and many
        events, try one of twice `n_factors`.
    normalize : bool
        Whether vectors have length 1, so that only direction tells (an item's bias stands beside).
    temperature : float
        What products are divided by: the lower, the sharper.
    loss : {"in-batch", "multi-label"}
    all_items : bool
        Whether each step tells its targets from the whole catalogue instead of from one another.
    item_ids, user_ids : bool
        Whether ids have vectors of their own. With `user_ids` a known user is not the same as a session any more.
    text, categories : str or sequence of str, optional
        Columns of the tables of items and users that are text, and columns of numbers that are categories; as
        `ContentBased`.
    n_buckets : int
        Places that letter trigrams hash to.
    epochs : int, optional
        At most. Default: 20, or 60 for "multi-label", whose epochs have far fewer steps.
    batch_size : int, optional
        Pairs of a step, or users for "multi-label". Default: 1024 pairs or 128 users.
    learning_rate, l2 : float
        Of AdamW; tables above 4 M numbers are updated where they are used only, without penalty.
    history_dropout : float
        Share of a history that is not shown, drawn anew each time.
    id_dropout : float
        Share of ids that are not shown, so that attributes learn to stand in.
    longest_history : int
        Items of a longer history that training shows, about, drawn anew each time.
    validation_share : float
        Share of the users, at most 1,000, of whom a fifth of the items is held back: training stops when the NDCG@20 on
        them did not rise for `patience` epochs, and its best state is kept. 0: all epochs, on everything.
    patience : int, optional
        Default: 2, or 6 for "multi-label".
    binary : bool
        Whether every interaction counts as 1, whatever its weight.
    device : str
        Where Torch trains, such as "cuda".
    verbose : bool
        Whether each epoch is told on the standard error.
    retrieval : {"exact", "int8", "ann"}
        How items are found, as of `ImplicitALS`.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    random_state : int

    Attributes
    ----------
    epochs_ : ndarray of shape (n_epochs, 3), float64
        Mean loss, NDCG@20 on what was held back (NaN without), and seconds of each epoch.

    References
    ----------
    Huang et al., "Learning deep structured semantic models for web search using clickthrough data", CIKM 2013; Yi et
    al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019; Covington, Adams
    and Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016; Liang et al., "Variational autoencoders
    for collaborative filtering", WWW 2018 (several labels).
    """

    name: ClassVar[str] = "two-tower"
    library: ClassVar[str | None] = "torch"
    bias_columns: ClassVar[int] = 1

    def __init__(
        self,
        *,
        n_factors: int = 64,
        hidden: int | Sequence[int] = (),
        normalize: bool = True,
        temperature: float = 0.2,
        loss: Loss = "in-batch",
        all_items: bool = False,
        item_ids: bool = True,
        user_ids: bool = False,
        text: str | Sequence[str] | None = None,
        categories: str | Sequence[str] | None = None,
        n_buckets: int = 1 << 13,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 3e-3,
        l2: float = 0.0,
        history_dropout: float = 0.5,
        id_dropout: float = 0.1,
        longest_history: int = 100,
        validation_share: float = 0.2,
        patience: int | None = None,
        binary: bool = True,
        device: str = "cpu",
        verbose: bool = False,
        retrieval: Retrieval = "exact",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        units = _units(hidden)
        counts = {
            "n_factors": n_factors, "n_buckets": n_buckets, "epochs": epochs, "patience": patience,
            "longest_history": longest_history, "batch_size": batch_size, "hidden": min(units, default=1),
        }  # fmt: skip
        for name, count in counts.items():
            if count is not None and count < 1:
                raise UserError(f"TwoTower: {name!r} must be 1 or more. Got {count}.")
        for name, number in {"temperature": temperature, "learning_rate": learning_rate}.items():
            if not 0 < number < np.inf:
                raise UserError(f"TwoTower: {name!r} must be a finite number above 0. Got {number}.")
        shares = {
            "history_dropout": history_dropout,
            "id_dropout": id_dropout,
            "validation_share": validation_share,
        }
        for name, share in shares.items():
            if not 0 <= share < 1:
                raise UserError(f"TwoTower: {name!r} must be in [0, 1). Got {share}.")
        if not 0 <= l2 < np.inf:
            raise UserError(f"TwoTower: 'l2' must be a finite number of 0 or more. Got {l2}.")
        if loss not in LOSSES:
            raise UserError(f"TwoTower: 'loss' must be one of {', '.join(LOSSES)}. Got {loss!r}.")
        self.n_factors, self.hidden, self.normalize, self.temperature = (
            n_factors,
            units,
            normalize,
            temperature,
        )
        self.loss: Loss = loss
        self.all_items, self.item_ids, self.user_ids = all_items, item_ids, user_ids
        self.text, self.categories, self.n_buckets = names_of(text), names_of(categories), n_buckets
        self.epochs, self.batch_size, self.learning_rate, self.l2 = epochs, batch_size, learning_rate, l2
        self.history_dropout, self.id_dropout, self.longest_history = (
            history_dropout,
            id_dropout,
            longest_history,
        )
        self.validation_share, self.patience, self.binary = validation_share, patience, binary
        self.device, self.verbose, self.random_state = device, verbose, random_state
        self.retrieval = checked_retrieval(retrieval)
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        try:
            from pairloom.recommenders.two_tower.training import Recipe, train
        except ImportError as error:
            raise MissingExtraError("Training two towers", "torch") from error
        usual = USUAL[self.loss]
        epochs, batch_size, patience = (
            own or default
            for own, default in zip((self.epochs, self.batch_size, self.patience), usual, strict=True)
        )
        recipe = Recipe(
            self.n_factors, tuple(self.hidden), self.normalize, self.temperature, self.item_ids, self.user_ids,
            self.loss, self.all_items, epochs, batch_size, self.learning_rate, self.l2, self.history_dropout,
            self.id_dropout, self.longest_history, self.validation_share, patience, self.verbose, self.device,
            self._threads(), self.random_state,
        )  # fmt: skip
        items, users = self._inputs()
        if not (self.item_ids or items.any):
            raise UserError("TwoTower: must have item_ids or a table of items with attributes. Got neither.")
        trained = train(self._weighted(self.histories_), items, users, recipe)
        self._item_vectors, self._taken_vectors = trained.item_vectors, trained.taken_vectors
        self._user_vectors, self._new_item = trained.user_vectors, trained.new_item
        weights, biases = zip(*trained.layers, strict=True)
        self._tower = QueryTower(weights, biases, self.normalize, self.temperature)
        self.epochs_ = np.array([(epoch.loss, epoch.ndcg, epoch.seconds) for epoch in trained.epochs])

    def _inputs(self) -> tuple[TowerInputs, TowerInputs]:
        """Read both tables; a name in `text` or `categories` must be a column of one of them."""
        tables = (self.attributes_, self.user_attributes_)
        for parameter, names in {"text": self.text or (), "categories": self.categories or ()}.items():
            for name in names:
                if not any(name in table.columns for table in tables):
                    raise UserError(f"TwoTower: {parameter!r} must name columns of a table. Got {name!r}.")

        def of(table: Any) -> TowerInputs:
            own = [
                None if names is None else [name for name in names if name in table.columns]
                for names in (self.text, self.categories)
            ]
            return TowerInputs.of(table, own[0], own[1], self.n_buckets)

        return of(tables[0]), of(tables[1])

    def _learn_again(self, users: Int32Array) -> None:
        """The towers stay; new items and users are those of whom nothing is known."""
        del users
        n_new = len(self.items_) - len(self._item_vectors)
        self._item_vectors = np.concatenate((self._item_vectors, np.tile(self._new_item, (n_new, 1))))
        self._taken_vectors = np.pad(self._taken_vectors, ((0, n_new), (0, 0)))
        if self._user_vectors is not None:
            n_new = len(self.users_) - len(self._user_vectors)
            self._user_vectors = np.pad(self._user_vectors, ((0, n_new), (0, 0)))

    def _weighted(self, histories: Histories) -> Histories:
        if not self.binary:
            return histories
        ones = np.ones_like(histories.weights)
        return Histories(histories.offsets, histories.items, ones, histories.n_items)

    def _sums(self, askers: Askers) -> Float32Array:
        """Return the sum of embeddings of each asker, which the tower reads."""
        sums = mean_rows(self._weighted(askers.histories), self._taken_vectors)
        if self._user_vectors is not None:
            known = askers.users != UNKNOWN
            sums[known] += self._user_vectors[askers.users[known]]
        return sums

    def _queries(self, askers: Askers) -> Float32Array:
        return self._tower(self._sums(askers))

    def _knows(self, askers: Askers) -> npt.NDArray[np.bool_]:
        """A user whose attributes are known needs no history."""
        knows = super()._knows(askers)
        if self._user_vectors is not None:
            known = askers.users != UNKNOWN
            knows[known] |= self._user_vectors[askers.users[known]].any(axis=1)
        return knows

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Split the score of a session, less the item's bias, by its history.

        Every item has its share of the score, and how the score would change if the mean of the history moved towards
        it; these changes add up to 0.
        """
        if not len(items):
            return np.zeros(0, np.float32)
        amounts = np.ones_like(weights) if self.binary else weights
        shares = (amounts / amounts.sum()).astype(np.float32)
        vectors, item = self._taken_vectors[items], self._item_vectors[target]
        mean = shares @ vectors
        score = float(self._tower(mean[None, :])[0, :-1] @ item[:-1])
        return (shares * (score + (vectors - mean) @ self._tower.slope(mean, item))).astype(np.float32)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        arrays = {
            "item_vectors": self._item_vectors, "taken_vectors": self._taken_vectors, "new_item": self._new_item,
            "epochs": self.epochs_, **self._tower.to_arrays(),
        }  # fmt: skip
        return arrays if self._user_vectors is None else arrays | {"user_vectors": self._user_vectors}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        k, n_items = self.n_factors, self.histories_.n_items
        shapes = {"item_vectors": (n_items, k + 1), "taken_vectors": (n_items, k), "new_item": (k + 1,)}
        if "user_vectors" in arrays:
            shapes["user_vectors"] = (self.histories_.n_users, k)
        found = {name: np.array(arrays[name]) for name in shapes}
        for name, array in found.items():
            if array.shape != shapes[name] or array.dtype != np.float32:
                raise ValueError(f"{name} that do not fit the users or items")
        self._tower = QueryTower.from_arrays(arrays, [k, *self.hidden, k], self.normalize, self.temperature)
        for array in (*found.values(), *self._tower.weights, *self._tower.biases):
            if not (np.abs(array) < LARGEST).all():
                raise ValueError(f"vectors that are not numbers below {LARGEST:g}")
        self._item_vectors, self._taken_vectors = found["item_vectors"], found["taken_vectors"]
        self._new_item, self._user_vectors = found["new_item"], found.get("user_vectors")
        self.epochs_ = np.array(arrays["epochs"])


def _units(hidden: Any) -> list[int]:
    """Take one number of units, or several, as a list."""
    try:
        return [int(units) for units in ([hidden] if isinstance(hidden, int | str) else hidden)]
    except (TypeError, ValueError) as error:
        raise UserError(f"TwoTower: 'hidden' must be numbers of units. Got {hidden!r}.") from error
