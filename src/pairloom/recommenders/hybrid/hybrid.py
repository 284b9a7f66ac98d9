"""Several recommenders find candidates, a factorization machine ranks them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators import FactorizationMachineClassifier
from pairloom.fm.calibration import CalibrationMethod, calibration_from_json
from pairloom.fm.held_out import REPORT
from pairloom.fm.model import FactorizationMachine
from pairloom.kernels.native_rows import take_rows
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.factorization.features import attribute_rows, context_numbers, listed_names
from pairloom.recommenders.hybrid.candidates import Candidates, find_candidates
from pairloom.recommenders.hybrid.features import CandidateRows
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Events, Histories
from pairloom.recommenders.recommender import Recommender
from pairloom.rows import RowBatch

__all__ = ["Hybrid"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]
HoldOut = Literal["random", "last"]
HOLD_OUTS = ("random", "last")
USUAL_PARTS = ("implicit-als", "fm")
ASKERS_AT_ONCE = 1024
LARGEST = 1e6


class Hybrid(Recommender):
    """Retrieves by several models and ranks what they found by all that is known.

    Each part lists its best items for who asks. A factorization machine then scores each of these candidates by where
    the parts rank it and how far above the rest of their lists, by how popular the item is and how much the user took,
    by attributes of both and by the request's context; pairs of these tell, for instance, which part to trust for whom.
    Its score, calibrated on users that it did not learn from, is the probability that the user takes the item among as
    many as were held out.

    The machine learns from held-out events: a share of each user's is set aside, the parts are fitted on the rest, and
    what they list is labelled by what was set aside. So no part has seen what it is judged by. In the end the parts are
    fitted on everything. Fitting takes the time of the parts, once more for each hold-out, and that of a classifier
    over users times candidates; asking takes that of the parts and a row a candidate. New events go into the parts; the
    machine stays until the next fit.

    Parameters
    ----------
    parts : sequence of str or Recommender
        Those that are good and unlike one another serve best; a weak one can make the whole worse. Names of
        recommenders, or recommenders made with parameters of their own (also as mappings of ``model`` and
        ``parameters``). They need not be fitted.
    n_candidates : int
        Longest list of each part.
    hold_out : {"random", "last"}
        What is set aside of each user: at random, or the latest by time.
    share : float
        In (0, 0.5]: how much is set aside.
    n_hold_outs : int
        How often that is done, with other events each time; 1 for "last".
    n_factors, epochs : int
        Of the machine.
    factors_decay : float
        Its penalty.
    user_columns, item_columns : sequence of str, optional
        Columns of the tables that become features; None takes all but the title.
    categories : sequence of str
        Columns of numbers that are categories, such as codes.
    context : sequence of str
        Columns of the interactions that tell where each came from, as categories; a request gives its own.
    calibration : {"platt", "isotonic"}
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    random_state : int

    Attributes
    ----------
    parts_ : list of Recommender
        Fitted.
    machine_ : FactorizationMachine
    calibration_report_ : mapping
        What calibration did on users that the machine did not learn from.

    References
    ----------
    Covington, Adams and Sargin, "Deep neural networks for YouTube recommendations", RecSys 2016, for the two steps;
    Wolpert, "Stacked generalization", Neural Networks 5(2), 1992.
    """

    name: ClassVar[str] = "hybrid"
    sparse_scores: ClassVar[bool] = True

    def __init__(
        self,
        *,
        parts: Sequence[str | Recommender | Mapping[str, Any]] = USUAL_PARTS,
        n_candidates: int = 100,
        hold_out: HoldOut = "random",
        share: float = 0.1,
        n_hold_outs: int = 2,
        n_factors: int = 8,
        epochs: int = 20,
        factors_decay: float = 0.2,
        user_columns: Sequence[str] | None = None,
        item_columns: Sequence[str] | None = None,
        categories: Sequence[str] = (),
        context: Sequence[str] = (),
        calibration: CalibrationMethod = "platt",
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.parts = [_made(part) for part in ([parts] if isinstance(parts, str) else parts)]
        if not self.parts:
            raise UserError("Hybrid: 'parts' must name at least one recommender. Got none.")
        whole_numbers: dict[str, Any] = {
            "n_candidates": n_candidates, "n_hold_outs": n_hold_outs, "n_factors": n_factors, "epochs": epochs,
        }  # fmt: skip
        for name, value in whole_numbers.items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise UserError(f"Hybrid: {name!r} must be an integer of 1 or more. Got {value!r}.")
        if hold_out not in HOLD_OUTS:
            raise UserError(f"Hybrid: 'hold_out' must be one of {', '.join(HOLD_OUTS)}. Got {hold_out!r}.")
        if not 0 < share <= 0.5:
            raise UserError(f"Hybrid: 'share' must be in (0, 0.5]. Got {share!r}.")
        if calibration not in ("platt", "isotonic"):
            raise UserError(f"Hybrid: 'calibration' must be platt or isotonic. Got {calibration!r}.")
        self.n_candidates, self.share, self.n_hold_outs = n_candidates, share, n_hold_outs
        self.hold_out: HoldOut = hold_out
        self.n_factors, self.epochs, self.factors_decay = n_factors, epochs, factors_decay
        self.user_columns, self.item_columns = listed_names(user_columns), listed_names(item_columns)
        self.categories, self.context = listed_names(categories) or [], listed_names(context) or []
        self.calibration: CalibrationMethod = calibration
        self.random_state = random_state
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _context_columns(self) -> Sequence[str]:
        names = [*self.context, *(name for part in self.parts for name in part._context_columns())]
        return list(dict.fromkeys(names))

    def _learn(self) -> None:
        self._encode()
        rows, owners = self._held_out_rows()
        self.machine_ = self._ranker(rows, owners)
        self.parts_ = [self._fitted_part(part, self.events_) for part in self.parts]

    def _encode(self) -> None:
        who = type(self).__name__
        items = attribute_rows(self.attributes_, self.item_columns, self.categories, f"{who}: 'item_columns'")
        users = attribute_rows(
            self.user_attributes_, self.user_columns, self.categories, f"{who}: 'user_columns'"
        )
        n_contexts = sum(len(self.contexts_[name]) for name in self.context)
        self._encoder = CandidateRows(len(self.parts), self.n_candidates, items, users, n_contexts)

    def _fitted_part(self, part: Recommender, events: Events) -> Recommender:
        """Fit a part on some events, by the numbers of users and items that are the hybrid's."""
        fitted = part._copy()
        fitted.columns, fitted.duplicates, fitted.n_jobs = self.columns, self.duplicates, self.n_jobs
        self._share(fitted)
        fitted.contexts_ = {name: self.contexts_[name] for name in part._context_columns()}
        fitted.events_ = events
        fitted.histories_ = Histories.of_events(events, len(self.users_), len(self.items_), self.duplicates)
        fitted._count()
        fitted._learn()
        fitted._prepare()
        del fitted.events_
        return fitted

    def _share(self, part: Recommender) -> None:
        part.users_, part.items_ = self.users_, self.items_
        part.attributes_, part.user_attributes_ = self.attributes_, self.user_attributes_

    def _held_out_rows(self) -> tuple[RowBatch, Int32Array]:
        """Return labelled candidates of all hold-outs, and the user of each."""
        batches: list[RowBatch] = []
        owners: list[Int32Array] = []
        for held in self._hold_outs():
            kept = self.events_.part(~held)
            parts = [self._fitted_part(part, kept) for part in self.parts]
            histories, popularity = parts[0].histories_, parts[0].popularity_
            n_items = np.int64(max(1, len(self.items_)))
            taken = np.unique(self.events_.users[held] * n_items + self.events_.items[held])
            asking = np.unique(self.events_.users[held])
            for context, users in self._requests(held, asking):
                for begin in range(0, len(users), ASKERS_AT_ONCE):
                    some = users[begin : begin + ASKERS_AT_ONCE]
                    askers = Askers(histories.take(some), some, context)
                    found = find_candidates(parts, askers, self.n_candidates)
                    rows = self._rows(found, askers, popularity)
                    labels = np.isin(some[found.askers] * n_items + found.items, taken)
                    batches.append(rows.labelled(labels.astype(np.float32)))
                    owners.append(some[found.askers])
        return _stacked(batches, self._encoder.n_features), np.concatenate(owners)

    def _hold_outs(self) -> Iterator[npt.NDArray[np.bool_]]:
        """Yield which events are set aside: of each user who has two or more items, at least one of them."""
        events = self.events_
        n_items = np.int64(max(1, len(self.items_)))
        pairs, of_event = np.unique(events.users * n_items + events.items, return_inverse=True)
        users = pairs // n_items
        counts = np.bincount(users, minlength=len(self.users_))
        most = np.where(counts > 1, np.maximum(1, np.round(self.share * counts)), 0)
        firsts = np.cumsum(counts) - counts
        n_hold_outs = 1 if self.hold_out == "last" else min(self.n_hold_outs, int(1 / self.share))
        keys = np.random.default_rng(self.random_state).random(len(pairs))
        if self.hold_out == "last":
            when = (
                np.arange(len(events))
                if events.times is None
                else np.argsort(np.argsort(events.times, kind="stable"))
            )
            latest = np.zeros(len(pairs))
            np.maximum.at(latest, of_event, when)
            keys = -latest
        order = np.lexsort((keys, users))
        places = np.empty(len(pairs), np.int64)
        places[order] = np.arange(len(pairs)) - firsts[users[order]]
        for turn in range(n_hold_outs):
            held = (places >= turn * most[users]) & (places < (turn + 1) * most[users])
            if not held.any():
                if turn == 0:
                    raise UserError(
                        "Hybrid: some users must have taken two items or more, so that one can be set aside. Got none."
                    )
                return
            yield held[of_event]

    def _requests(
        self, held: npt.NDArray[np.bool_], asking: Int32Array
    ) -> Iterator[tuple[Mapping[str, Any], Int32Array]]:
        """Yield contexts that held-out events came from, and who asked there; one without, where there are none."""
        names = self._context_columns()
        if not names:
            yield {}, asking.astype(np.int32)
            return
        columns = [self.events_.contexts[name][held] for name in names]
        kinds, places = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
        for place, kind in enumerate(kinds):
            context = {
                name: self.contexts_[name].values(np.array([number]))[0]
                for name, number in zip(names, kind.tolist(), strict=True)
                if number >= 0
            }
            yield context, np.unique(self.events_.users[held][places.ravel() == place]).astype(np.int32)

    def _rows(self, found: Candidates, askers: Askers, popularity: Float32Array) -> RowBatch:
        known = {name: self.contexts_[name] for name in self.context}
        context = {name: value for name, value in askers.context.items() if name in known}
        lengths = np.diff(askers.histories.offsets)
        return self._encoder.rows(found, askers.users, lengths, popularity, context_numbers(context, known))

    def _ranker(self, rows: RowBatch, owners: Int32Array) -> FactorizationMachine:
        """Learn to tell what was taken; a fifth of the users are kept to calibrate by."""
        assert rows.labels is not None
        if not 0 < rows.labels.sum() < rows.n_rows:
            raise UserError(
                "Hybrid: what the parts list must hold some of what was set aside, and other items. Got "
                f"{int(rows.labels.sum())} of {rows.n_rows}. Give more interactions or raise 'n_candidates'."
            )
        rng = np.random.default_rng(self.random_state)
        kept = (rng.random(len(self.users_)) < 0.2)[owners]
        enough = all(0 < rows.labels[part].sum() < part.sum() for part in (kept, ~kept))
        classifier = FactorizationMachineClassifier(
            self.n_factors, epochs=self.epochs, factors_decay=self.factors_decay, random_state=self.random_state,
            n_jobs=self.n_jobs,
        )  # fmt: skip
        if not enough:  # a handful of users: probabilities are then those of training
            return classifier.fit(rows, rows.labels).model_
        training, held = (take_rows(rows, np.flatnonzero(part)) for part in (~kept, kept))
        classifier.fit(training, training.labels).calibrate(held, held.labels, method=self.calibration)
        return classifier.model_

    @property
    def calibration_report_(self) -> Mapping[str, Any]:
        """What calibration did."""
        report = self._now().machine_.metadata.get(REPORT)
        if report is None:
            raise AttributeError(
                "Hybrid was fitted on too few users to be calibrated, or was loaded from a file."
            )
        return report

    def _learn_again(self, users: Int32Array) -> None:
        widened = {
            "items": self._encoder.items.widened(len(self.items_)),
            "users": self._encoder.users.widened(len(self.users_)),
        }
        self._encoder = replace(self._encoder, **widened)
        parts: list[Recommender] = []
        for part in self.parts_:
            updated = part._copy()
            self._share(updated)
            updated.histories_, updated.events_ = self.histories_, self.events_
            updated._count()
            updated._learn_again(users)
            updated._prepare()
            del updated.events_
            parts.append(updated)
        self.parts_ = parts

    def _knows(self, askers: Askers) -> npt.NDArray[np.bool_]:
        return np.any([part._knows(askers) for part in self.parts_], axis=0)

    def _ranked(
        self, askers: Askers, n: int, refused: npt.NDArray[np.bool_] | None, *, seen: bool
    ) -> tuple[Candidates, Float32Array, Float32Array]:
        """Return candidates, their probabilities and the scores behind these."""
        found = find_candidates(self.parts_, askers, n, refused, seen=seen)
        if not len(found):
            return found, np.zeros(0, np.float32), np.zeros(0, np.float32)
        rows = self._rows(found, askers, self.popularity_)
        raw = self.machine_.score(rows, n_threads=self._threads())
        return found, self.machine_.predict(rows, n_threads=self._threads()), raw

    def _best(
        self,
        askers: Askers,
        n: int,
        refused: npt.NDArray[np.bool_] | None,
        factors: Float32Array | None,
        *,
        seen: bool,
    ) -> tuple[Int32Array, Float32Array]:
        found, probabilities, raw = self._ranked(askers, max(n, self.n_candidates), refused, seen=seen)
        if factors is not None:
            probabilities = probabilities * factors[found.items]
        order = np.lexsort((found.items, -raw, -probabilities, found.askers))
        counts = np.bincount(found.askers, minlength=len(askers))
        owners = found.askers[order]
        places = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
        among = places < n
        items = np.full((len(askers), n), -1, np.int32)
        scores = np.zeros((len(askers), n), np.float32)
        items[owners[among], places[among]] = found.items[order][among]
        scores[owners[among], places[among]] = probabilities[order][among]
        unknown = np.flatnonzero(~self._knows(askers))
        if len(unknown):
            popular = np.tile(self._popular(), (len(unknown), 1))
            items[unknown], scores[unknown] = self._chosen(
                popular, askers.histories.take(unknown), n, refused, factors, seen=seen
            )
        return items, scores

    def _scores(self, askers: Askers) -> Float32Array:
        """Probabilities of candidates, 0 for what no part lists."""
        found, probabilities, _ = self._ranked(askers, self.n_candidates, None, seen=True)
        scores = np.zeros((len(askers), len(self.items_)), np.float32)
        scores[found.askers, found.items] = probabilities
        return scores

    def _related(self, item: int) -> Float32Array:
        """Mean over parts, each in shares of its most related item."""
        total = np.zeros(len(self.items_), np.float32)
        for part in self.parts_:
            scores = np.maximum(part._related(item), 0).astype(np.float32)
            scores[item] = 0
            total += scores / max(float(scores.max(initial=0)), 1e-12)
        return total / np.float32(len(self.parts_))

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        """Mean over parts, each in shares of all that its contributions come to."""
        total = np.zeros(len(items), np.float32)
        for part in self.parts_:
            added = part._contributions(items, weights, target)
            total += added / np.float32(max(float(np.abs(added).sum()), 1e-12))
        return total / np.float32(len(self.parts_))

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        curve = self.machine_.calibration
        about = json.dumps(None if curve is None else curve.to_json()).encode()
        arrays: dict[str, npt.NDArray[Any]] = {
            "weights": self.machine_.weights,
            "factors": self.machine_.factors,
            "bias": np.array([self.machine_.bias], np.float32),
            "calibration": np.frombuffer(about, np.uint8),
        }
        for place, part in enumerate(self.parts_):
            arrays |= {f"part.{place}.{name}": array for name, array in part._arrays().items()}
        return arrays

    def _prepared_arrays(self) -> dict[str, npt.NDArray[Any]]:
        return {
            f"part.{place}.{name}": array
            for place, part in enumerate(self.parts_)
            for name, array in part._prepared_arrays().items()
        }

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        self._encode()
        weights, factors, bias = (np.array(arrays[name]) for name in ("weights", "factors", "bias"))
        shape = (self._encoder.n_features, self.n_factors)
        if factors.shape != shape or weights.shape != shape[:1] or bias.shape != (1,):
            raise ValueError("a machine that does not fit the parts and tables")
        for array in (weights, factors, bias):
            if array.dtype != np.float32 or not (np.abs(array) < LARGEST).all():
                raise ValueError(f"parameters that are not float32 below {LARGEST:g}")
        about = json.loads(bytes(arrays["calibration"]))
        curve = None if about is None else calibration_from_json(about, "hybrid")
        self.machine_ = FactorizationMachine.from_arrays(
            "classification", float(bias[0]), weights, factors, calibration=curve
        )
        self.parts_ = []
        for place, part in enumerate(self.parts):
            restored = part._copy()
            restored.columns, restored.duplicates, restored.n_jobs = (
                self.columns,
                self.duplicates,
                self.n_jobs,
            )
            self._share(restored)
            restored.contexts_ = {name: self.contexts_[name] for name in part._context_columns()}
            restored.histories_ = self.histories_
            restored._count()
            restored._restore(_of_part(arrays, place))
            self.parts_.append(restored)

    def _prepare(self, arrays: Mapping[str, npt.NDArray[Any]] | None = None) -> None:
        if arrays is not None:
            for place, part in enumerate(self.parts_):
                part._prepare(_of_part(arrays, place))


def _of_part(arrays: Mapping[str, npt.NDArray[Any]], place: int) -> dict[str, npt.NDArray[Any]]:
    prefix = f"part.{place}."
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _made(part: str | Recommender | Mapping[str, Any]) -> Recommender:
    """Make a part from its name, or from what a model file says of it."""
    from pairloom.recommenders.catalogue import recommender_type  # it knows all recommenders, this one too

    if isinstance(part, Recommender):
        if isinstance(part, Hybrid):
            raise UserError("Hybrid: 'parts' must not hold another hybrid.")
        return part._copy()  # pyright: ignore[reportPrivateUsage]
    if isinstance(part, str):
        kind, parameters = recommender_type(part), {}
    else:
        kind, parameters = recommender_type(str(part["model"])), dict(part["parameters"])
    if issubclass(kind, Hybrid):
        raise UserError("Hybrid: 'parts' must not hold another hybrid.")
    return kind(**parameters)


def _stacked(batches: Sequence[RowBatch], n_features: int) -> RowBatch:
    lengths = np.concatenate([np.diff(batch.indptr) for batch in batches])
    values = [np.ones(len(b.indices), np.float32) if b.values is None else b.values for b in batches]
    labels = [batch.labels for batch in batches if batch.labels is not None]
    return RowBatch(
        np.concatenate((np.zeros(1, np.int64), np.cumsum(lengths))),
        np.concatenate([batch.indices for batch in batches]), np.concatenate(values), n_features,
        np.concatenate(labels),
    )  # fmt: skip
