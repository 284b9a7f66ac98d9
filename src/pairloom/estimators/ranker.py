"""The ranker: what users took above what they did not, from rows of both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.estimators.conformance import EstimatorManners, not_fitted
from pairloom.estimators.inputs import rows_of, weights_of
from pairloom.fm.model import FactorizationMachine
from pairloom.fm.model_file import load_model, save_model
from pairloom.fm.ranking import RankingEpoch, RankingSettings, item_vectors, query_sums, train_ranking
from pairloom.kernels.fm_ranking import RankingEvents, RankingLoss, Sides
from pairloom.kernels.native_rows import checked_rows
from pairloom.rows import RowBatch

__all__ = ["FactorizationMachineRanker"]

Float32Array = npt.NDArray[np.float32]
SHAPE = "ranker"


class FactorizationMachineRanker(EstimatorManners):
    """Factorization machine that ranks: it learns to put what each user took above what he did not.

    The row of an event would be that of its user and that of its item side by side; it is never built. As users'
    features meet items' in one product, the score of an item for a user is that of two vectors, but for what is the
    same for all items. For tables, ids, histories, new users and filters, use
    `pairloom.recommenders.FactorizationMachineRecommender`, which stands on the same machine.

    An epoch takes time that grows with events times `n_factors` times the non-zeros of an item's row and of what is
    drawn against a group of a user's events; memory is that of the parameters and both matrices.

    Parameters
    ----------
    n_factors : int
    loss : {"softmax", "warp", "bpr"}
        Sampled softmax, corrected for how likely an item was drawn; WARP; BPR.
    epochs : int
    learning_rate : float
        AdaGrad's; it falls to a tenth in the end.
    l2 : float
        Penalty of factors and weights, in proportion to what each learns.
    n_negatives : int
        Items drawn against a group of a user's events.
    popularity_power : float
        In [0, 1]: items are drawn as often as they were taken raised to it.
    init_scale : float
        Standard deviation of the length that vectors begin with.
    n_jobs : int
        Threads; several give a slightly different result every time.
    random_state : int

    Attributes
    ----------
    model_ : FactorizationMachine
        Over the columns of items, then those of users.
    history_ : list of RankingEpoch
    n_user_features_in_, n_item_features_in_ : int

    Examples
    --------
    >>> import numpy as np
    >>> from pairloom import FactorizationMachineRanker
    >>> users, items = np.eye(4), np.eye(6)
    >>> taken = np.array([[0, 0], [0, 1], [1, 1], [1, 2], [2, 3], [2, 4], [3, 4], [3, 5]])
    >>> ranker = FactorizationMachineRanker(8, epochs=200, l2=0.01).fit(users, items, taken)
    >>> set(ranker.decision_function(users, items)[0].argsort()[-2:].tolist())
    {0, 1}

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010; Rendle et al., "BPR", UAI 2009; Weston, Bengio and Usunier, "WSABIE",
    IJCAI 2011; Bengio and Senécal, "Adaptive importance sampling to accelerate training of a neural probabilistic
    language model", IEEE Transactions on Neural Networks 19(4), 2008.
    """

    def __init__(
        self,
        n_factors: int = 32,
        *,
        loss: RankingLoss = "softmax",
        epochs: int = 30,
        learning_rate: float = 0.1,
        l2: float = 0.05,
        n_negatives: int = 128,
        popularity_power: float = 0.5,
        init_scale: float = 0.1,
        n_jobs: int = 1,
        random_state: int = 0,
    ) -> None:
        self.loss: RankingLoss = loss
        self.n_factors, self.epochs, self.learning_rate = n_factors, epochs, learning_rate
        self.l2, self.n_negatives, self.popularity_power = l2, n_negatives, popularity_power
        self.init_scale, self.n_jobs, self.random_state = init_scale, n_jobs, random_state

    def fit(self, X_users: Any, X_items: Any, interactions: Any, sample_weight: Any = None) -> Self:
        """Learn who took what.

        Parameters
        ----------
        X_users : sparse or dense matrix, RowBatch or table of shape (n_users, n_user_features)
        X_items : the same of shape (n_items, n_item_features)
        interactions : scipy sparse matrix of shape (n_users, n_items), or array of shape (n_events, 2)
            A matrix' values are weights; an array holds the rows of user and item of each event.
        sample_weight : array-like of shape (n_events,), optional
            With an array of events.

        Raises
        ------
        UserError
            For events that name no row, or settings out of range.
        """
        settings = RankingSettings(
            loss=self.loss, n_factors=self.n_factors, epochs=self.epochs, learning_rate=self.learning_rate, l2=self.l2,
            n_negatives=self.n_negatives, popularity_power=self.popularity_power, init_scale=self.init_scale,
            random_state=self.random_state, n_threads=max(1, int(self.n_jobs)),
        )  # fmt: skip
        settings.check(type(self).__name__)
        users, items = checked_rows(rows_of(X_users)), checked_rows(rows_of(X_items))
        events = self._events(interactions, sample_weight, users.n_rows, items.n_rows)
        width = users.n_features + items.n_features
        pairs = np.unique(events.users.astype(np.int64) * max(1, items.n_rows) + events.items)
        offsets = np.zeros(users.n_rows + 1, np.int64)
        np.cumsum(np.bincount(pairs // max(1, items.n_rows), minlength=users.n_rows), out=offsets[1:])
        sides = Sides(
            replace(items, n_features=width, labels=None, weights=None), offsets,
            (pairs % max(1, items.n_rows)).astype(np.int32), _shifted(users, items.n_features),
        )  # fmt: skip
        self.history_: list[RankingEpoch] = []
        self.model_ = train_ranking(sides, events, width, settings, on_epoch=self.history_.append)
        self.n_user_features_in_, self.n_item_features_in_ = users.n_features, items.n_features
        return self

    def _events(self, interactions: Any, sample_weight: Any, n_users: int, n_items: int) -> RankingEvents:
        who = type(self).__name__
        if hasattr(interactions, "tocoo"):
            matrix = interactions.tocoo()
            if matrix.shape != (n_users, n_items) or sample_weight is not None:
                raise UserError(
                    f"{who}: a matrix of interactions must be of shape ({n_users}, {n_items}) and holds the weights "
                    f"itself. Got {matrix.shape}."
                )
            users, items, weights = matrix.row, matrix.col, np.asarray(matrix.data, np.float32)
        else:
            pairs = np.asarray(interactions)
            if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
                raise UserError(
                    f"{who}: 'interactions' must be a sparse matrix or integers of shape (n_events, 2). Got "
                    f"{pairs.dtype} of shape {pairs.shape}."
                )
            users, items = pairs[:, 0], pairs[:, 1]
            weights = weights_of(sample_weight, len(pairs))
        for name, numbers, limit in (("user", users, n_users), ("item", items, n_items)):
            wrong = (numbers < 0) | (numbers >= limit)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise UserError(
                    f"{who}: event {row + 1} must name a row of its {name}s, 0 to {limit - 1}. Got {numbers[row]}."
                )
        if not len(users):
            raise UserError(f"{who}: must be given at least one event. Got none.")
        if weights is not None and not (np.isfinite(weights).all() and (weights >= 0).all()):
            raise UserError(f"{who}: weights must be finite numbers of 0 or more.")
        return RankingEvents(users.astype(np.int32), items.astype(np.int32), weights)

    def user_vectors(self, X_users: Any) -> Float32Array:
        """Return the vectors of users, of shape (n_users, n_factors + 1); the last number is 1."""
        rows = self._rows(X_users, self._fitted().n_features, "X_users", self.n_user_features_in_)
        sums = query_sums(self.model_, _shifted(rows, self.n_item_features_in_))
        return np.concatenate((sums, np.ones((rows.n_rows, 1), np.float32)), axis=1)

    def item_vectors(self, X_items: Any) -> Float32Array:
        """Return the vectors of items, of shape (n_items, n_factors + 1); the last number does not depend on users."""
        rows = self._rows(X_items, self._fitted().n_features, "X_items", self.n_item_features_in_)
        return item_vectors(self.model_, rows, n_threads=max(1, int(self.n_jobs)))

    def decision_function(self, X_users: Any, X_items: Any) -> Float32Array:
        """Return the score of each item for each user, of shape (n_users, n_items); only their order counts."""
        return self.user_vectors(X_users) @ self.item_vectors(X_items).T

    def predict(self, X_users: Any, X_items: Any, *, n: int = 10) -> npt.NDArray[np.intp]:
        """Return the rows of the n items that suit each user best, of shape (n_users, n), best first."""
        if n < 1:
            raise UserError(f"{type(self).__name__}: 'n' must be 1 or more. Got {n}.")
        return np.argsort(-self.decision_function(X_users, X_items), axis=1, kind="stable")[:, :n]

    def _rows(self, X: Any, n_features: int, name: str, expected: int) -> RowBatch:
        rows = checked_rows(rows_of(X))
        if rows.n_features != expected:
            raise UserError(
                f"{type(self).__name__}: {name!r} must have {expected} features. Got {rows.n_features}."
            )
        return replace(rows, n_features=n_features)

    def _fitted(self) -> FactorizationMachine:
        if not hasattr(self, "model_"):
            raise not_fitted(self)
        return self.model_

    def save(self, path: str | Path) -> None:
        """Write it to a folder or a ``.tar.gz`` file, as data that no loading runs."""
        shape = {
            "n_user_features": self._fitted() and self.n_user_features_in_,
            "parameters": self.get_params(),
        }
        save_model(replace(self.model_, metadata={SHAPE: shape}), path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read one that `save` wrote; it scores the same. DataError for another model."""
        model, _ = load_model(path)
        about = model.metadata.get(SHAPE)
        try:
            loaded = cls(**about["parameters"])  # pyright: ignore[reportOptionalSubscript]
            width = int(about["n_user_features"])  # pyright: ignore[reportOptionalSubscript]
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(
                "a ranker", got="another model", source=str(path), action="Save one first"
            ) from error
        if not 0 <= width <= model.n_features:
            raise DataError("widths that fit the model", got=str(width), source=str(path))
        loaded.model_, loaded.history_ = model, []
        loaded.n_user_features_in_, loaded.n_item_features_in_ = width, model.n_features - width
        return loaded


def _shifted(rows: RowBatch, first: int) -> RowBatch:
    """Move rows to columns from `first` on."""
    return RowBatch(rows.indptr, rows.indices + np.int32(first), rows.values, rows.n_features + first)
