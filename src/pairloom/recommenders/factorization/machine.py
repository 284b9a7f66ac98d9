"""A factorization machine that ranks: features on both sides, and one vector for each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.ranking import RankingSettings, item_vectors, query_sums, train_ranking
from pairloom.kernels.fm_ranking import RankingEvents, RankingLoss, Sides
from pairloom.recommenders.askers import UNKNOWN, Askers
from pairloom.recommenders.embeddings import EmbeddingRecommender
from pairloom.recommenders.factorization.features import (
    SideRows,
    attribute_rows,
    context_numbers,
    listed_names,
    side_rows,
)
from pairloom.recommenders.fields.sparse_rows import SparseRows, spread
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates
from pairloom.recommenders.retrieval.building import Retrieval, checked_retrieval
from pairloom.rows import RowBatch

__all__ = ["FactorizationMachineRecommender"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
HISTORY_POWER = 0.5
BLOCKS = ("item_ids", "item_fields", "history", "user_ids", "user_fields", "contexts")
USUAL_NEGATIVES: Mapping[str, int] = {"softmax": 256, "warp": 64, "bpr": 32}
USUAL_L2: Mapping[str, float] = {"softmax": 0.03, "warp": 0.03, "bpr": 0.1}
LARGEST = 1e6


class FactorizationMachineRecommender(EmbeddingRecommender):
    """Ranks items by all that is known: who asks, what he took, where from, and what the items are.

    Who asks has features (what he took, his attributes, the request's context, his id on request), and so has an item
    (its id and attributes). The machine learns a vector for each feature such that what was taken ranks above what was
    not. An item that nobody took yet is known by its attributes, a user whom training never saw by his history and
    attributes: no training is needed for either. As the pairs of both sides' features are one product of two sums, an
    item is one vector and a bias, and a request is one vector.

    Training visits the events of a user in groups that are left out of his history meanwhile. An epoch takes time that
    grows with events times `n_factors` times the features of an item and of what is drawn against a group; memory is
    that of the parameters and of the rows, each stored once. New events of known items change what a user gets at once;
    a new item stands where the items of its users do, until the next fit.

    Parameters
    ----------
    loss : {"softmax", "warp", "bpr"}
        Softmax over what is drawn, corrected for how likely that was, is the most accurate; "warp" looks for an item
        that ranks too high, "bpr" compares in pairs.
    n_factors : int
    epochs : int
    learning_rate : float
        AdaGrad's; it falls to a tenth in the end.
    l2 : float, optional
        Penalty of vectors and weights, in proportion to what each learns. None is 0.03, for "bpr" 0.1.
    n_negatives : int, optional
        Items drawn against a group of a user's events. None is 256 for "softmax", 64 for "warp", 32 for "bpr".
    popularity_power : float
        In [0, 1]: items are drawn as often as they were taken raised to it.
    history : bool
        Whether what a user took is a feature of his: it is all that is known of a session.
    user_ids, item_ids : bool
        Whether each user, or item, has a feature of its own.
    user_columns, item_columns : sequence of str, optional
        Columns of the tables that become features; None takes all but the title. Categories (several by ``|``), numbers
        by where they lie between quantiles, texts by their words, vectors as they are.
    categories : sequence of str
        Columns of numbers that are categories, such as codes.
    context : sequence of str
        Columns of the interactions that tell where each came from, such as a weekday or a device, as categories. A
        request gives its own by ``recommend(context={...})``.
    id_dropout : float
        In [0, 1): how often an item's id, or a user's, is left out in training, so that attributes learn to do without.
    group_share : float
        In (0, 1]: share of a user's events that is learned at once.
    init_scale : float
        Standard deviation of the length that vectors begin with.
    binary : bool
        Whether every interaction counts as 1, whatever its weight. Weights can correct for how likely an item was
        shown.
    retrieval : {"exact", "int8", "ann"}
        How items are found: `pairloom.recommenders.retrieval`.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores. Several give a slightly different result every time.
    random_state : int

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010; Rendle et al., "BPR: Bayesian personalized ranking from implicit
    feedback", UAI 2009; Weston, Bengio and Usunier, "WSABIE", IJCAI 2011; Kabbur, Ning and Karypis, "FISM: factored
    item similarity models", KDD 2013; Yi et al., "Sampling-bias-corrected neural modeling for large corpus item
    recommendations", RecSys 2019.
    """

    name: ClassVar[str] = "fm"
    bias_columns: ClassVar[int] = 1

    def __init__(
        self,
        *,
        loss: RankingLoss = "softmax",
        n_factors: int = 32,
        epochs: int = 30,
        learning_rate: float = 0.1,
        l2: float | None = None,
        n_negatives: int | None = None,
        popularity_power: float = 0.5,
        history: bool = True,
        user_ids: bool = False,
        item_ids: bool = True,
        user_columns: Sequence[str] | None = None,
        item_columns: Sequence[str] | None = None,
        categories: Sequence[str] = (),
        context: Sequence[str] = (),
        id_dropout: float = 0.1,
        group_share: float = 0.2,
        init_scale: float = 0.1,
        binary: bool = True,
        retrieval: Retrieval = "exact",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.loss: RankingLoss = loss
        self.n_factors, self.epochs, self.learning_rate = n_factors, epochs, learning_rate
        self.l2, self.n_negatives, self.popularity_power = l2, n_negatives, popularity_power
        self.history, self.user_ids, self.item_ids = history, user_ids, item_ids
        self.user_columns, self.item_columns = listed_names(user_columns), listed_names(item_columns)
        self.categories, self.context = listed_names(categories) or [], listed_names(context) or []
        self.id_dropout, self.group_share, self.init_scale = id_dropout, group_share, init_scale
        self.binary, self.random_state = binary, random_state
        self.retrieval = checked_retrieval(retrieval)
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs
        self._settings().check(type(self).__name__)

    def _settings(self) -> RankingSettings:
        return RankingSettings(
            loss=self.loss,
            n_factors=self.n_factors,
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            l2=USUAL_L2.get(self.loss, 0.0) if self.l2 is None else self.l2,
            n_negatives=USUAL_NEGATIVES.get(self.loss, 1) if self.n_negatives is None else self.n_negatives,
            popularity_power=self.popularity_power,
            group_share=self.group_share,
            user_dropout=self.id_dropout if self.user_ids else 0.0,
            item_dropout=self.id_dropout if self.item_ids else 0.0,
            init_scale=self.init_scale,
            random_state=self.random_state,
        )

    def _context_columns(self) -> Sequence[str]:
        return self.context

    def _fields(self) -> tuple[SparseRows, SparseRows]:
        """Return the attributes of items and of users."""
        who = type(self).__name__
        return (
            attribute_rows(self.attributes_, self.item_columns, self.categories, f"{who}: 'item_columns'"),
            attribute_rows(
                self.user_attributes_, self.user_columns, self.categories, f"{who}: 'user_columns'"
            ),
        )

    def _learn(self) -> None:
        known = {*self.attributes_.columns, *self.user_attributes_.columns}
        unknown = [name for name in self.categories if name not in known]
        if unknown:
            raise UserError(
                f"{type(self).__name__}: 'categories' must name columns of the tables. Got {unknown[0]!r}."
            )
        self._item_fields, self._user_fields = self._fields()
        self._starts = self._laid_out(self.histories_.n_users, self.histories_.n_items)
        items, users = self._sides()
        if not len(items.rows.indices):
            raise UserError(
                f"{type(self).__name__}: items must have features. Got neither ids nor attributes. Use item_ids=True "
                "or give fit an items table."
            )
        if not (self.history or self.context or len(users.rows.indices)):
            raise UserError(
                f"{type(self).__name__}: who asks must have features. Got none. Use history=True, user_ids=True, a "
                "context or a users table."
            )
        events, contexts = self._training_events()
        sides = Sides(
            items.rows, self.histories_.offsets, self.histories_.items,
            users.rows if len(users.rows.indices) else None, contexts,
            self._starts["history"] if self.history else None, HISTORY_POWER,
        )  # fmt: skip
        settings = replace(self._settings(), n_threads=self._threads())
        self.machine_ = train_ranking(sides, events, self._starts["end"], settings)
        self._derive()

    def _laid_out(self, n_users: int, n_items: int) -> dict[str, int]:
        """Say where each block of columns begins, in the order of BLOCKS, and where all end."""
        sizes = (
            n_items if self.item_ids else 0,
            self._item_fields.n_features,
            n_items if self.history else 0,
            n_users if self.user_ids else 0,
            self._user_fields.n_features,
            sum(map(len, self.contexts_.values())),
        )
        ends = np.cumsum((0, *sizes)).tolist()
        return dict(zip((*BLOCKS, "end"), ends, strict=True))

    def _sides(self) -> tuple[SideRows, SideRows]:
        end = self._starts["end"]
        return (
            side_rows(self._item_fields, self._starts["item_ids"], ids=self.item_ids, n_features=end),
            side_rows(self._user_fields, self._starts["user_ids"], ids=self.user_ids, n_features=end),
        )

    def _training_events(self) -> tuple[RankingEvents, RowBatch | None]:
        """Return pairs, or where events have contexts all of them with theirs."""
        if not self.context:
            histories = self.histories_
            weights = None if self.binary else histories.weights
            return RankingEvents(histories.owners(), histories.items, weights), None
        events = self.events_
        first = self._starts["contexts"]
        columns: list[npt.NDArray[np.int64]] = []
        for name, ids in self.contexts_.items():
            numbers = events.contexts[name].astype(np.int64)
            columns.append(np.where(numbers >= 0, first + numbers, -1))
            first += len(ids)
        entries = np.stack(columns, axis=1)
        present = entries >= 0
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(present.sum(axis=1))))
        rows = RowBatch(indptr, entries[present].astype(np.int32), None, self._starts["end"])
        weights = None if self.binary else events.weights
        return RankingEvents(events.users, events.items, weights), rows

    def _derive(self) -> None:
        """Take the vectors of items, and what users have for themselves, from the machine."""
        items, users = self._sides()
        self._item_vectors = item_vectors(self.machine_, items.rows, n_threads=self._threads())
        self._user_rows = users.rows

    def _learn_again(self, users: Int32Array) -> None:
        """Parameters stay; a new item is put where the items of its users are."""
        del users
        before, starts = self.machine_, self._starts
        known = len(self._item_vectors)
        n_users, n_items = self.histories_.n_users, self.histories_.n_items
        n_users_before = len(self._user_rows)
        self._item_fields = self._item_fields.widened(n_items)
        self._user_fields = self._user_fields.widened(n_users)
        self._starts = self._laid_out(n_users, n_items)
        factors = np.zeros((self._starts["end"], before.n_factors), np.float32)
        weights = np.zeros(self._starts["end"], np.float32)
        sizes = {
            "item_ids": known if self.item_ids else 0,
            "history": known if self.history else 0,
            "user_ids": n_users_before if self.user_ids else 0,
        }
        ends = [*starts.values()][1:]
        for name, end in zip(BLOCKS, ends, strict=True):
            size = sizes.get(name, end - starts[name])
            old = slice(starts[name], starts[name] + size)
            new = slice(self._starts[name], self._starts[name] + size)
            factors[new], weights[new] = before.factors[old], before.weights[old]
        if self.item_ids and n_items > known:
            means = self._means_of_users(known)
            new = slice(self._starts["item_ids"] + known, self._starts["item_ids"] + n_items)
            factors[new], weights[new] = means[:, :-1], means[:, -1]
        self.machine_ = FactorizationMachine.from_arrays("classification", 0.0, weights, factors)
        self._derive()

    def _means_of_users(self, known: int) -> Float32Array:
        """Return, for each item from `known` on, the mean vector of the known items that its users took."""
        turned = self.histories_.by_item()
        means = np.zeros((turned.n_users - known, self._item_vectors.shape[1]), np.float32)
        for item in range(known, turned.n_users):
            taken = self.histories_.take(turned.of(item)[0]).items
            taken = taken[taken < known]
            if len(taken):
                means[item - known] = self._item_vectors[taken].mean(axis=0)
        return means

    def _queries(self, askers: Askers) -> Float32Array:
        """Return the sum of the factors of what asks, and a 1."""
        queries = query_sums(self.machine_, self._rows_of(askers))
        return np.concatenate((queries, np.ones((len(askers), 1), np.float32)), axis=1)

    def _rows_of(self, askers: Askers) -> RowBatch:
        """Return the rows of who asks: his own features, his history, the request's context."""
        known = np.flatnonzero(askers.users != UNKNOWN)
        own = self._user_rows
        lengths = np.zeros((3, len(askers)), np.int64)
        lengths[0, known] = np.diff(own.indptr)[askers.users[known]]
        begins = np.zeros(len(askers), np.int64)
        begins[known] = own.indptr[askers.users[known]]
        histories = askers.histories
        if self.history:
            lengths[1] = np.diff(histories.offsets)
        asked = context_numbers(askers.context, self.contexts_)
        lengths[2] = len(asked)
        indptr = np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths.sum(axis=0))))
        indices = np.empty(indptr[-1], np.int32)
        values = np.ones(len(indices), np.float32)
        _, to = spread(indptr[:-1], lengths[0])
        _, source = spread(begins, lengths[0])
        indices[to] = own.indices[source]
        if own.values is not None:
            values[to] = own.values[source]
        if self.history:
            _, to = spread(indptr[:-1] + lengths[0], lengths[1])
            indices[to] = histories.items + np.int32(self._starts["history"])
            values[to] = np.repeat(np.maximum(lengths[1], 1) ** -HISTORY_POWER, lengths[1])
        _, to = spread(indptr[:-1] + lengths[0] + lengths[1], lengths[2])
        indices[to] = np.tile(np.array(asked, np.int32) + np.int32(self._starts["contexts"]), len(askers))
        return RowBatch(indptr, indices, values, self._starts["end"])

    def _knows(self, askers: Askers) -> npt.NDArray[np.bool_]:
        rows = self._rows_of(askers)
        asked = np.repeat(np.arange(len(askers)), np.diff(rows.indptr))
        learned = self.machine_.factors[rows.indices].any(axis=1)
        return np.bincount(asked[learned], minlength=len(askers)) > 0

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Products of the history's factors with the item's vector; the item's bias has no part in them."""
        del weights
        if not self.history:
            return np.zeros(len(items), np.float32)
        history = self.machine_.factors[self._starts["history"] + items]
        return (history @ self._item_vectors[target, :-1]) * np.float32(max(1, len(items)) ** -HISTORY_POWER)

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {"weights": self.machine_.weights, "factors": self.machine_.factors}

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._item_fields, self._user_fields = self._fields()
        self._starts = self._laid_out(self.histories_.n_users, self.histories_.n_items)
        weights, factors = np.array(arrays["weights"]), np.array(arrays["factors"])
        shape = (self._starts["end"], self.n_factors)
        if factors.shape != shape or weights.shape != shape[:1]:
            raise ValueError("factors that do not fit the features")
        for array in (weights, factors):
            if array.dtype != np.float32 or not (np.abs(array) < LARGEST).all():
                raise ValueError(f"parameters that are not float32 below {LARGEST:g}")
        self.machine_ = FactorizationMachine.from_arrays("classification", 0.0, weights, factors)
        self._derive()
