"""What all recommenders share: from any table of interactions to lists, reasons, updates and files."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.errors import UserError
from pairloom.kernels.related_items import best_items
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.attributes import Attributes, read_attributes
from pairloom.recommenders.choosing import Wishes, choose_diverse, choose_under_caps
from pairloom.recommenders.fading import FadingCounts
from pairloom.recommenders.ids import Ids
from pairloom.recommenders.interactions import Columns, Duplicates, Events, Histories, read_events
from pairloom.recommenders.recommendations import Recommendations

if TYPE_CHECKING:
    from pairloom.recommenders.offline_lists import WrittenLists

__all__ = ["Recommender"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
BLOCK_SCORES = 1 << 23
"""Scores that are held at once: 32 MB."""
SMALLEST_POOL, POOL_OF_EACH = 100, 10
N_REASONS = 2
POPULAR = "popular"
ONE_UPDATE = threading.Lock()
"""Of two updates at once, the one that ends last would undo the other."""


class _Turned:
    """The users of each item, sorted once, when they are first asked for; snapshots of a recommender share it."""

    def __init__(self, histories: Histories) -> None:
        self._histories = histories

    @cached_property
    def found(self) -> Histories:
        return self._histories.by_item()


class Recommender:
    """Base of the recommenders; not public by itself.

    A model behind it answers one question: what are all items worth to these askers? A session, and a user whom
    training never saw, ask by their histories alone.
    """

    name: ClassVar[str]
    sparse_scores: ClassVar[bool] = False
    """Whether a score of 0 means that the model knows no reason; popular items then fill the list."""
    needs_items: ClassVar[bool] = False
    """Whether it can only be fitted with a table of items."""
    library: ClassVar[str | None] = None
    """What fitting needs besides the base install: a module, called as its extra is."""

    columns: Columns
    duplicates: Duplicates
    n_jobs: int | None
    fading_: FadingCounts | None = None
    """What is popular of late, where events have times."""
    events_: Events
    """While it learns: every event by number of user and item, in the order of the table."""

    def _context_columns(self) -> Sequence[str]:
        """Name the columns of interactions that tell where an event came from, for ``self.contexts_``."""
        return ()

    def _learn(self) -> None:
        """Learn from ``self.histories_``, and from ``self.events_`` where order and time matter."""
        raise NotImplementedError

    def _learn_again(self, users: Int32Array) -> None:
        """Take in that the histories of some users changed, by ``self.events_``."""
        del users
        self._learn()

    def _scores(self, askers: Askers) -> Float32Array:
        """Score all items for each asker, of shape (n_askers, n_items)."""
        raise NotImplementedError

    def _knows(self, askers: Askers) -> npt.NDArray[np.bool_]:
        """Tell which askers it can score items for; the others get what is popular."""
        return np.diff(askers.histories.offsets) > 0

    def _related(self, item: int) -> Float32Array:
        """Score all items by how much they are like one, of shape (n_items,)."""
        raise NotImplementedError

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Return what each item of a history adds to the score of one item."""
        raise NotImplementedError

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what was learned, for the model file."""
        raise NotImplementedError

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Undo `_arrays`; KeyError or ValueError for what it never returned."""
        raise NotImplementedError

    def _prepare(self, arrays: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        """Make what answers need besides what was learned: after learning, learning again and loading.

        `arrays` come from a model file, as `_prepared_arrays` gave them; None after learning.
        """
        del arrays

    def _prepared_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return what `_prepare` made and a model file keeps."""
        return {}

    def fit(self, interactions: Any, users: Any = None, items: Any = None) -> Self:
        """Learn from who took what.

        Parameters
        ----------
        interactions : data frame (pandas, polars, Arrow), mapping of columns, records or tables
            One row an event. Several of one user with one item count as ``duplicates`` says.
        users : data frame, mapping of columns, records or tables, optional
            One row a user: the id, and columns for the models that learn from them.
        items : data frame, mapping of columns, records or tables, optional
            One row an item: its id, and columns to filter and cap by. A column ``title`` names items in reasons.

        Returns
        -------
        self

        Raises
        ------
        DataError
            For a missing id, a negative weight, a user or an item with two rows; with the row.
        """
        self.users_, self.items_ = Ids(), Ids()
        self.contexts_ = {name: Ids() for name in self._context_columns()}
        self.events_ = read_events(interactions, self.columns, self.users_, self.items_, self.contexts_)
        self.attributes_ = (
            Attributes(len(self.items_), {})
            if items is None
            else read_attributes(items, self.columns.item, self.items_, "items")
        )
        self.user_attributes_ = (
            Attributes(len(self.users_), {})
            if users is None
            else read_attributes(users, self.columns.user, self.users_, "users")
        )
        self.histories_ = Histories.of_events(
            self.events_, len(self.users_), len(self.items_), self.duplicates
        )
        self._count()
        times = self.events_.times
        self.fading_ = (
            None if times is None else FadingCounts.of_events(self.events_.items, times, len(self.items_))
        )
        try:
            with blas_threads(self._threads()):
                self._learn()
                self._prepare()
        finally:
            del self.events_
        return self

    def update(self, interactions: Any) -> Self:
        """Take in new events, of known and new users and items, without training from the start where the model can.

        What is asked while this runs, in other threads, is answered from before; the new state takes its place in one
        step.
        """
        with ONE_UPDATE:
            self.__dict__ = self.updated(interactions).__dict__
        return self

    def updated(self, interactions: Any) -> Self:
        """Return another that has taken in new events, as `update` does; this one stays what it is."""
        before = self._now()
        users, items = before.users_.copy(), before.items_.copy()
        contexts = {name: ids.copy() for name, ids in before.contexts_.items()}
        new = read_events(interactions, self.columns, users, items, contexts)
        more = Histories.of_events(new, len(users), len(items), self.duplicates)
        changed = np.flatnonzero(np.diff(more.offsets)).astype(np.int32)
        updated = before._copy()
        updated.users_, updated.items_ = users, items
        updated.histories_ = before.histories_.widened(len(users), len(items)).merged(more, self.duplicates)
        updated.attributes_ = before.attributes_.widened(len(items))
        updated.user_attributes_ = before.user_attributes_.widened(len(users))
        updated.events_ = new
        if before.fading_ is not None and new.times is not None:
            updated.fading_ = before.fading_.with_events(new.items, new.times, len(items))
        updated._count()
        with blas_threads(self._threads()):
            updated._learn_again(changed)
            updated._prepare()
        del updated.events_
        return updated

    def _copy(self) -> Self:
        other = object.__new__(type(self))
        other.__dict__ = dict(self.__dict__)
        return other

    def _now(self) -> Self:
        """Return it as it is now; an update in another thread puts new things in place and changes none of these."""
        return self._fitted()._copy()

    def _count(self) -> None:
        counts = np.bincount(self.histories_.items, minlength=len(self.items_))
        self.popularity_ = counts.astype(np.float32)
        self._turned_histories = _Turned(self.histories_)

    def _users_of_items(self) -> Histories:
        return self._turned_histories.found

    def _popular(self) -> Float32Array:
        """Score items for somebody of whom nothing is known: what most take, of late where times are known."""
        return self.popularity_ if self.fading_ is None else self.fading_.scores

    def recommend(
        self,
        users: Any = None,
        *,
        history: Iterable[Any] | Mapping[Any, float] | None = None,
        context: Mapping[str, Any] | None = None,
        n: int = 10,
        reasons: bool = False,
        seen: bool = False,
        block: Iterable[Any] = (),
        only: Iterable[Any] | None = None,
        where: Mapping[str, Any] | None = None,
        caps: Mapping[str, int] | None = None,
        boosts: Mapping[Any, float] | None = None,
        diversity: float = 0.0,
    ) -> Recommendations:
        """Return the items that suit users, or a history, best first.

        Parameters
        ----------
        users : id or list of ids, optional
            An unknown user, and one without a history, gets what is popular.
        history : iterable of item ids, or mapping of id to weight, optional
            Instead of `users`: what somebody took, known or not. Unknown items in it are passed over.
        context : mapping of str to value, optional
            Where the request comes from, for the models that were fitted with such columns; others pass over it.
        n : int
            Items a user; fewer where filters leave fewer, or the catalogue has no more.
        reasons : bool
            Tell why: the items of the history that add most to the score.
        seen : bool
            Whether items of the user's own history may come again.
        block, only : iterable of item ids
            Items that must not come, and those that alone may (in stock, allowed in a country).
        where : mapping of str to condition, optional
            By column of the items table: a value, a list of values, or a pair (lowest, highest) of numbers.
        caps : mapping of str to int, optional
            By column of the items table: at most so many of each value.
        boosts : mapping of item id to float, optional
            What an item's score is multiplied by (a score below 0 is divided).
        diversity : float
            From 0, the best scores, to 1, the items most unlike one another.

        Returns
        -------
        Recommendations
            With a column of users where a list of them was asked for.
        """
        now = self._now()
        if n < 1:
            raise UserError(f"recommend: 'n' must be 1 or more. Got {n}.")
        if (users is None) == (history is None):
            raise UserError("recommend: must be given either users or a history. Give one of them.")
        wishes = Wishes(seen, block, only, where or {}, caps or {}, boosts or {}, diversity)
        if history is not None:
            asker = Askers.sessions(now._history(history), context)
            return now._lists(asker, wishes, n, reasons=reasons)
        many = isinstance(users, list | tuple | np.ndarray) or hasattr(users, "to_numpy")
        asked = list(users) if many else [users]
        numbers = now.users_.numbers(asked, "user")
        askers = Askers(now.histories_.take(numbers), numbers, context or {})
        return now._lists(askers, wishes, n, reasons=reasons, ids=asked if many else None)

    def recommend_all(
        self,
        folder: str | Path,
        *,
        n: int = 100,
        seen: bool = False,
        block: Iterable[Any] = (),
        only: Iterable[Any] | None = None,
        where: Mapping[str, Any] | None = None,
        caps: Mapping[str, int] | None = None,
        boosts: Mapping[Any, float] | None = None,
        diversity: float = 0.0,
        shard_users: int = 10_000,
        on_progress: Callable[[int], None] | None = None,
    ) -> WrittenLists:
        """Write the lists of all known users to a folder of Parquet files.

        A run that was killed is gone on with by calling it again: files that are there are kept. Memory is that of the
        model and of one file, some 100 bytes a row of it.

        Parameters
        ----------
        folder : path
            New, empty, or of an earlier run with the same model and settings.
        n, seen, block, only, where, caps, boosts, diversity
            As of `recommend`.
        shard_users : int
            Users in a file.
        on_progress : callable, optional
            Told how many users were done, file by file.

        Returns
        -------
        WrittenLists

        Raises
        ------
        UserError
            For a folder that holds something else, or lists of another model or other settings.
        MissingExtraError
            Without pyarrow (extra ``arrow``).
        """
        from pairloom.recommenders.offline_lists import write_lists  # it knows the model file

        wishes = Wishes(
            seen,
            tuple(block),
            None if only is None else tuple(only),
            where or {},
            caps or {},
            boosts or {},
            diversity,
        )
        return write_lists(self._now(), folder, wishes, n, shard_users=shard_users, on_progress=on_progress)

    def _history(self, history: Iterable[Any] | Mapping[Any, float]) -> Histories:
        weights = list(history.values()) if isinstance(history, Mapping) else None
        ids = list(history)
        numbers = self.items_.numbers(ids, "history")
        amounts = np.ones(len(ids), np.float32) if weights is None else np.asarray(weights, np.float32)
        if not (amounts >= 0).all() or not np.isfinite(amounts).all():
            raise UserError("recommend: weights of a history must be finite numbers of 0 or more.")
        known = (numbers >= 0) & (amounts > 0)
        items, places = np.unique(numbers[known], return_inverse=True)
        summed = np.bincount(places, amounts[known], len(items)).astype(np.float32)
        return Histories.single(items.astype(np.int32), summed, self.histories_.n_items)

    def _lists(
        self,
        askers: Askers,
        wishes: Wishes,
        n: int,
        *,
        reasons: bool,
        ids: Sequence[Any] | npt.NDArray[Any] | None = None,
    ) -> Recommendations:
        refused, factors = self._refused(wishes), self._factors(wishes)
        size = self._askers_at_once()
        found_items: list[Int32Array] = []
        found_scores: list[Float32Array] = []
        for begin in range(0, len(askers), size):
            block = askers if size >= len(askers) else askers.part(begin, begin + size)
            for items, scores in self._block_lists(block, wishes, n, refused, factors):
                found_items.append(items)
                found_scores.append(scores)
        lengths = [len(items) for items in found_items]
        numbers = np.concatenate(found_items) if found_items else np.zeros(0, np.int32)
        scores = np.concatenate(found_scores) if found_scores else np.zeros(0, np.float32)
        ranks = np.concatenate(
            [np.arange(1, k + 1, dtype=np.int32) for k in lengths] or [np.zeros(0, np.int32)]
        )
        why = None
        if reasons:
            why = [
                self._reason(*askers.histories.of(user), int(item))
                for user, items in enumerate(found_items)
                for item in items
            ]
        asked = None if ids is None else np.repeat(_as_array(ids), lengths)
        return Recommendations(self.items_.values(numbers), scores, ranks, asked, why)

    def _askers_at_once(self) -> int:
        return max(1, BLOCK_SCORES // max(1, self.histories_.n_items))

    def _block_lists(
        self,
        askers: Askers,
        wishes: Wishes,
        n: int,
        refused: npt.NDArray[np.bool_] | None,
        factors: Float32Array | None,
    ) -> Iterable[tuple[Int32Array, Float32Array]]:
        pool = max(SMALLEST_POOL, POOL_OF_EACH * n) if wishes.needs_a_pool else n
        histories = askers.histories
        with blas_threads(self._threads()):
            chosen, values = self._best(
                askers, min(pool, max(1, histories.n_items)), refused, factors, seen=wishes.seen
            )
        for user in range(histories.n_users):
            taken = chosen[user] >= 0
            items, best = chosen[user][taken], values[user][taken]
            if self.sparse_scores and len(items) < chosen.shape[1]:
                none = np.zeros(histories.n_items, np.bool_) if refused is None else refused.copy()
                if not wishes.seen:
                    none[histories.of(user)[0]] = True
                items, best = self._filled(items, best, chosen.shape[1], none)
            yield self._arranged(items, best, n, wishes)

    def _best(
        self,
        askers: Askers,
        n: int,
        refused: npt.NDArray[np.bool_] | None,
        factors: Float32Array | None,
        *,
        seen: bool,
    ) -> tuple[Int32Array, Float32Array]:
        """Return the n best items that may come for each asker, and their scores; -1 where there are no more."""
        scores = self._scores(askers)
        scores[~self._knows(askers)] = self._popular()
        return self._chosen(scores, askers.histories, n, refused, factors, seen=seen)

    def _chosen(
        self,
        scores: Float32Array,
        histories: Histories,
        n: int,
        refused: npt.NDArray[np.bool_] | None,
        factors: Float32Array | None,
        *,
        seen: bool,
    ) -> tuple[Int32Array, Float32Array]:
        if factors is not None:
            scores = np.where(scores > 0, scores * factors, scores / factors).astype(np.float32)
        if self.sparse_scores:
            scores[scores <= 0] = -np.inf
        if refused is not None:
            scores[:, refused] = -np.inf
        if not seen:
            scores[histories.owners(), histories.items] = -np.inf
        return best_items(scores, n, n_threads=self._threads())

    def _filled(
        self, items: Int32Array, scores: Float32Array, n: int, refused: npt.NDArray[np.bool_]
    ) -> tuple[Int32Array, Float32Array]:
        """Put what is popular, and not refused, behind what the model knows, with a score of 0."""
        popular = self._popular().copy()
        popular[items] = -np.inf
        popular[refused] = -np.inf
        more, _ = best_items(popular[None, :], n - len(items))
        added = more[0][more[0] >= 0]
        return np.concatenate((items, added)), np.concatenate((scores, np.zeros(len(added), np.float32)))

    def _arranged(
        self, items: Int32Array, scores: Float32Array, n: int, wishes: Wishes
    ) -> tuple[Int32Array, Float32Array]:
        if wishes.diversity > 0:
            most = len(items) if wishes.caps else n
            order = choose_diverse(items, scores, most, wishes.diversity, self.similarity)
            items, scores = items[order], scores[order]
        if wishes.caps:
            order = choose_under_caps(items, n, wishes.caps, self.attributes_)
            items, scores = items[order], scores[order]
        return items[:n], scores[:n]

    def _refused(self, wishes: Wishes) -> npt.NDArray[np.bool_] | None:
        refused = np.zeros(self.histories_.n_items, np.bool_)
        if wishes.only is not None:
            allowed = self.items_.numbers(wishes.only, "only")
            refused[:] = True
            refused[allowed[allowed >= 0]] = False
        blocked = self.items_.numbers(wishes.block, "block")
        refused[blocked[blocked >= 0]] = True
        if wishes.where:
            refused |= ~self.attributes_.where(wishes.where)
        return refused if refused.any() else None

    def _factors(self, wishes: Wishes) -> Float32Array | None:
        if not wishes.boosts:
            return None
        factors = np.ones(self.histories_.n_items, np.float32)
        numbers = self.items_.numbers(wishes.boosts, "boosts")
        for number, factor in zip(numbers.tolist(), wishes.boosts.values(), strict=True):
            if number >= 0:
                factors[number] = factor
        return factors

    def similarity(self, items: Int32Array) -> Float32Array:
        """Return the cosines of the users that items, given by number, have in common: (n, n), in [0, 1]."""
        turned = self._users_of_items().take(items)
        users, places = np.unique(turned.items, return_inverse=True)
        taken = np.zeros((len(items), len(users)), np.float32)
        taken[turned.owners(), places] = 1
        lengths = np.sqrt(np.maximum(np.diff(turned.offsets), 1)).astype(np.float32)
        return (taken @ taken.T) / np.outer(lengths, lengths)

    def similar_items(self, item: Any, n: int = 10) -> Recommendations:
        """Return the items most like one; UserError for one that is unknown."""
        now = self._now()
        number = now._known_item(item, "similar_items")
        items, best = now._most_related(number, min(max(1, n), now.histories_.n_items))
        taken = items >= 0
        ranks = np.arange(1, int(taken.sum()) + 1, dtype=np.int32)
        return Recommendations(now.items_.values(items[taken]), best[taken], ranks)

    def _most_related(self, item: int, n: int) -> tuple[Int32Array, Float32Array]:
        """Return the n items most like one, and how much; -1 where there are no more."""
        scores = self._related(item).astype(np.float32)
        scores[item] = -np.inf
        if self.sparse_scores:
            scores[scores <= 0] = -np.inf
        items, best = best_items(scores[None, :], n)
        return items[0], best[0]

    def title(self, item: Any) -> str:
        """Return what an item is called: its column ``title``, or its id."""
        number = self._fitted().items_.number(item, "item")
        return str(item) if number < 0 else self.attributes_.title(number, str(item))

    def explain(
        self, item: Any, *, user: Any = None, history: Iterable[Any] | Mapping[Any, float] | None = None
    ) -> Recommendations:
        """Return what each item of a user's history, or of a history, adds to the score of one item."""
        now = self._now()
        number = now._known_item(item, "explain")
        if (user is None) == (history is None):
            raise UserError("explain: must be given either a user or a history. Give one of them.")
        if history is not None:
            items, weights = now._history(history).of(0)
        else:
            known = now.users_.number(user, "user")
            if known < 0:
                raise UserError(f"explain: 'user' must be known. Got {user!r}. Give a history instead.")
            items, weights = now.histories_.of(known)
        added = now._contributions(items, weights, number)
        order = np.argsort(-added, kind="stable")
        ranks = np.arange(1, len(order) + 1, dtype=np.int32)
        return Recommendations(now.items_.values(items[order]), added[order].astype(np.float32), ranks)

    def save(self, path: str | Path) -> None:
        """Write it to a folder or a ``.tar.gz`` file, as data that no loading runs."""
        from pairloom.recommenders.model_file import save_recommender  # it knows all recommenders

        save_recommender(self._now(), path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read one that `save` wrote; it answers the same. UserError for one of another kind."""
        from pairloom.recommenders.model_file import load_recommender

        found = load_recommender(path)
        if not isinstance(found, cls):
            raise UserError(
                f"{cls.__name__}: the recommender at {path} must be one. Got {type(found).__name__}."
            )
        return found

    def _reason(self, items: Int32Array, weights: Float32Array, target: int) -> str:
        if not len(items):
            return POPULAR
        added = self._contributions(items, weights, target)
        best = [place for place in np.argsort(-added, kind="stable")[:N_REASONS] if added[place] > 0]
        if not best:
            return POPULAR
        names = [
            self.attributes_.title(number, str(self.items_.values(np.array([number]))[0]))
            for number in items[best].tolist()
        ]
        return "because of " + " and ".join(names)

    def _known_item(self, item: Any, who: str) -> int:
        number = self.items_.number(item, "item")
        if number < 0:
            raise UserError(
                f"{who}: 'item' must be known. Got {item!r}, which is none of {len(self.items_):,} items."
            )
        return number

    def _fitted(self) -> Self:
        if not hasattr(self, "histories_"):
            raise UserError(
                f"{type(self).__name__}: must be fitted first. Call fit with a table of interactions."
            )
        return self

    def _threads(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if self.n_jobs is None:
            return 1
        return int(self.n_jobs) if self.n_jobs > 0 else max(1, cores + 1 + int(self.n_jobs))


def _as_array(ids: Sequence[Any] | npt.NDArray[Any]) -> npt.NDArray[Any]:
    if isinstance(ids, np.ndarray):
        return ids
    integers = all(isinstance(each, int | np.integer) and not isinstance(each, bool) for each in ids)
    return np.array(ids, np.int64) if integers else np.array([str(each) for each in ids], object)
