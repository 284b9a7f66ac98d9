"""Items like those that were taken, by their attributes alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.recommenders.askers import Askers
from pairloom.recommenders.content.field_weights import learn_weights
from pairloom.recommenders.content.item_matrix import ItemMatrix
from pairloom.recommenders.fields.encoding import (
    TEXT_WEIGHTINGS,
    TextWeighting,
    category_rows,
    number_rows,
    word_rows,
)
from pairloom.recommenders.fields.kinds import FieldKind, field_kinds, names_of, texts_of
from pairloom.recommenders.fields.sparse_rows import SparseRows
from pairloom.recommenders.interactions import USUAL_COLUMNS, Columns, Duplicates, Histories
from pairloom.recommenders.recommender import Recommender

__all__ = ["ContentBased"]

Float32Array = npt.NDArray[np.float32]
Int32Array = npt.NDArray[np.int32]


class ContentBased(Recommender):
    """Recommends what is like the items of a history, by their attributes: the model for items that nobody took yet.

    Each column of the items table is a field: categories (several by ``|``), numbers, text by its words, vectors (of
    sentences or images, which the caller computed: a column of lists of floats). Within a field two items are as alike
    as their vectors' cosine; categories and words count by how rare they are. The score of an item is its mean
    likeness to the items of the history, a sum over fields by their weights, so a reason is exact: what each item of
    the history adds. Other users have no part in it but in the fields' weights, so it finds no surprises and is less
    accurate than the models of interactions on items that many took.

    An item without attributes is like none: it is listed after those that are, by popularity, as all items are to a
    history without attributes. Negative likeness, which only vectors can have, counts as none. New events change
    histories at once; the weights stay until the next fit.

    Fitting reads the table in time that grows with its words and values, and learns weights from 2,000 choices. Asking
    takes time that grows with the entries of the features that the history has.

    Parameters
    ----------
    text : str or sequence of str, optional
        Columns of text. Default: string columns where more than half of the values are different and have two words or
        more on average. A word is a run of letters, digits and underscores, in lower case.
    categories : str or sequence of str, optional
        Columns of numbers that are categories, such as codes.
    text_weighting : {"bm25", "tf-idf"}
    weights : {"learned", "equal"} or mapping of str to float
        Of the fields, by column, 0 for those left out; brought to sum 1. Learned: by a conditional logit over items
        that users took against items that they did not, by likeness to the rest of their history in each field.
    binary : bool
        Whether every interaction counts as 1, whatever its weight.
    columns : Columns
    duplicates : {"sum", "last", "largest"}
    n_jobs : int, optional
        Threads; None is 1, -1 all cores.
    random_state : int
        Of the choices that weights are learned from.

    Attributes
    ----------
    weights_ : dict of str to float
        By column.

    References
    ----------
    Lops, de Gemmis and Semeraro, "Content-based recommender systems: state of the art and trends", Recommender Systems
    Handbook, 2011; Rocchio's mean profile.
    """

    name: ClassVar[str] = "content"
    sparse_scores: ClassVar[bool] = True
    needs_items: ClassVar[bool] = True

    def __init__(
        self,
        *,
        text: str | Sequence[str] | None = None,
        categories: str | Sequence[str] | None = None,
        text_weighting: TextWeighting = "bm25",
        weights: Literal["learned", "equal"] | Mapping[str, float] = "learned",
        binary: bool = True,
        columns: Columns = USUAL_COLUMNS,
        duplicates: Duplicates = "sum",
        n_jobs: int | None = None,
        random_state: int = 0,
    ) -> None:
        if text_weighting not in TEXT_WEIGHTINGS:
            raise UserError(
                f"ContentBased: 'text_weighting' must be one of {', '.join(TEXT_WEIGHTINGS)}. Got {text_weighting!r}."
            )
        if isinstance(weights, str) and weights not in ("learned", "equal"):
            raise UserError(
                f"ContentBased: 'weights' must be learned, equal or a mapping by column. Got {weights!r}."
            )
        if isinstance(weights, Mapping):
            _check_weights(weights)
        self.text, self.categories = names_of(text), names_of(categories)
        self.text_weighting: TextWeighting = text_weighting
        self.weights, self.binary, self.random_state = weights, binary, random_state
        self.columns, self.duplicates, self.n_jobs = columns, duplicates, n_jobs

    def _learn(self) -> None:
        if not self.attributes_.columns:
            raise UserError(
                "ContentBased: must be given a table of items with attributes. Got none. Call fit with items=."
            )
        kinds = field_kinds(self.attributes_, self.text, self.categories, "ContentBased")
        if isinstance(self.weights, Mapping):
            unknown = [name for name in self.weights if name not in kinds]
            if unknown:
                raise UserError(
                    f"ContentBased: 'weights' must name columns of the items table. Got {unknown[0]!r} of "
                    f"{', '.join(kinds)}."
                )
        self._matrix = self._encoded(kinds)
        self._weights = self._weighed(list(kinds))

    def _encoded(self, kinds: Mapping[str, FieldKind]) -> ItemMatrix:
        n_items = self.attributes_.n_rows
        parts: list[SparseRows] = []
        field_of: list[Int32Array] = []
        for field, (name, kind) in enumerate(kinds.items()):
            if kind == "vector":
                continue
            rows = self._field(name, kind).normalized()
            rows = rows.without(rows.counts() < 2)  # what one item alone has makes it like no other
            parts.append(rows)
            field_of.append(np.full(rows.n_features, field, np.int32))
        features = np.concatenate(field_of) if field_of else np.zeros(0, np.int32)
        return ItemMatrix(SparseRows.beside(parts, n_items), features, self._vectors(kinds), len(kinds))

    def _field(self, name: str, kind: FieldKind) -> SparseRows:
        column = self.attributes_.columns[name]
        if kind == "text":
            return word_rows(texts_of(column), self.text_weighting)
        if kind == "number":
            assert column.numbers is not None
            return number_rows(column.numbers)
        return category_rows(column)

    def _vectors(self, kinds: Mapping[str, FieldKind]) -> dict[int, Float32Array]:
        found: dict[int, Float32Array] = {}
        for field, (name, kind) in enumerate(kinds.items()):
            vectors = self.attributes_.columns[name].vectors
            if kind == "vector" and vectors is not None:
                lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
                found[field] = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=lengths > 0)
        return found

    def _weighed(self, names: Sequence[str]) -> npt.NDArray[np.float64]:
        if isinstance(self.weights, Mapping):
            given = np.array([float(self.weights.get(name, 0)) for name in names])
            return given / given.sum()
        if self.weights == "equal":
            return np.full(len(names), 1 / len(names))
        return learn_weights(
            self._matrix, self._weighted(self.histories_), np.random.default_rng(self.random_state)
        )

    def _learn_again(self, users: Int32Array) -> None:
        del users
        self._matrix = self._matrix.widened(len(self.items_))

    @property
    def weights_(self) -> dict[str, float]:
        """Weight of each field."""
        return dict(zip(self.attributes_.columns, self._weights.tolist(), strict=True))

    def _weighted(self, histories: Histories) -> Histories:
        if not self.binary:
            return histories
        ones = np.ones_like(histories.weights)
        return Histories(histories.offsets, histories.items, ones, histories.n_items)

    def _scores(self, askers: Askers) -> Float32Array:
        return self._matrix.scores(self._weighted(askers.histories), self._weights)

    def _related(self, item: int) -> Float32Array:
        one = Histories.single(np.array([item], np.int32), np.ones(1, np.float32), self._matrix.n_items)
        return self._matrix.scores(one, self._weights)[0]

    def _contributions(self, items: Int32Array, weights: Float32Array, target: int) -> Float32Array:
        if not len(items):
            return np.zeros(0, np.float32)
        amounts = np.ones_like(weights) if self.binary else weights
        return self._matrix.likeness(items, target, self._weights) * amounts / amounts.sum()

    def similarity(self, items: Int32Array) -> Float32Array:
        """Return how alike items are, given by number: (n, n), in [0, 1]."""
        return np.stack([self._matrix.likeness(items, int(item), self._weights).clip(0, 1) for item in items])

    def _arrays(self) -> dict[str, npt.NDArray[Any]]:
        rows = self._matrix.rows
        return {
            "offsets": rows.offsets, "features": rows.features, "values": rows.values,
            "field_of": self._matrix.field_of, "weights": self._weights,
        }  # fmt: skip

    def _restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        offsets, features, values = (np.array(arrays[name]) for name in ("offsets", "features", "values"))
        field_of, weights = np.array(arrays["field_of"]), np.array(arrays["weights"])
        names, n_items = list(self.attributes_.columns), len(self.items_)
        sound = (
            (offsets.dtype, features.dtype, values.dtype) == (np.int64, np.int32, np.float32)
            and (field_of.dtype, weights.dtype) == (np.int32, np.float64)
            and offsets.shape == (n_items + 1,)
            and offsets[0] == 0
            and offsets[-1] == len(features) == len(values)
            and bool((np.diff(offsets) >= 0).all())
            and (not len(features) or 0 <= features.min() <= features.max() < len(field_of))
            and bool((np.abs(values) <= 1).all())
            and (not len(field_of) or 0 <= field_of.min() <= field_of.max() < len(names))
            and weights.shape == (len(names),)
            and bool(((weights >= 0) & (weights <= 1)).all())
        )
        if not sound:
            raise ValueError("features that do not fit the items")
        kinds = field_kinds(self.attributes_, self.text, self.categories, "ContentBased")
        rows = SparseRows(offsets, features, values, len(field_of))
        self._matrix = ItemMatrix(rows, field_of, self._vectors(kinds), len(names))
        self._weights = weights


def _check_weights(weights: Mapping[str, float]) -> None:
    if (
        not weights
        or not all(0 <= weight < np.inf for weight in weights.values())
        or not any(weights.values())
    ):
        raise UserError(
            "ContentBased: 'weights' must be finite numbers of 0 or more by column, one of them above 0. Got "
            f"{dict(weights)}."
        )
