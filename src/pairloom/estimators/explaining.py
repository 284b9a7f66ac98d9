"""What an estimator tells about itself: exact terms of a row, what moves scores, what is near what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.importance import GlobalImportance, global_importance, nearest_features
from pairloom.fm.terms import ScoreTerms, score_terms

if TYPE_CHECKING:
    from pairloom.fm.model import FactorizationMachine
    from pairloom.rows import RowBatch

__all__ = ["Explaining"]


class Explaining:
    """The explaining methods of the two estimators."""

    if TYPE_CHECKING:

        def _fitted(self) -> FactorizationMachine: ...

        def _rows_to_score(self, X: Any) -> RowBatch: ...

    def score_terms(self, X: Any, row: int = 0) -> ScoreTerms:
        """Split the score of one row into exact contributions of its features and pairs.

        Parameters
        ----------
        X : as in `fit`
        row : int
            Which row of X, counted from 0.
        """
        return score_terms(self._fitted(), self._rows_to_score(X), row)

    def global_importance(
        self,
        X: Any,
        *,
        fields: npt.NDArray[np.integer] | None = None,
        field_names: Sequence[str] | None = None,
    ) -> GlobalImportance:
        """Measure how far each field, pair of fields and feature moves the score over some rows.

        Draw it with `pairloom.plots.draw_importance`.

        Parameters
        ----------
        X : as in `fit`
            Rows as they occur in use: the training rows, or a sample of them.
        fields : ndarray of shape (n_features,), optional
            Field of each feature, such as ``encoder.fields_``. Default: each feature is a field of its own.
        field_names : sequence of str, optional
            Such as ``encoder.field_names_``.
        """
        if fields is None and field_names is None and hasattr(self, "feature_names_in_"):
            field_names = [str(name) for name in self.feature_names_in_]  # pyright: ignore[reportAttributeAccessIssue]
        rows = self._rows_to_score(X)
        return global_importance(self._fitted(), [rows], fields=fields, field_names=field_names)

    def nearest_features(
        self, feature: int | str, n: int = 10, *, among: npt.NDArray[np.integer] | None = None
    ) -> list[tuple[int, float]]:
        """Return the features that interact most like one feature, and the cosine of their factors.

        Parameters
        ----------
        feature : int or str
            Column, or its name where X had names.
        n : int
        among : ndarray of int, optional
            Columns to choose from, such as those of the same field: ``encoder.columns_of("item")[0]``.
        """
        if isinstance(feature, str):
            names = [str(name) for name in getattr(self, "feature_names_in_", ())]
            if feature not in names:
                raise UserError(
                    f"nearest_features: 'feature' must be a column or its name. Got {feature!r}, which is none of "
                    f"{len(names)} names."
                )
            feature = names.index(feature)
        return nearest_features(self._fitted(), feature, among=among, n=n)
