"""The classifier: probabilities of two classes, such as clicked or not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.estimators.base import Callback, FactorizationMachineEstimator, RandomState
from pairloom.estimators.inputs import labels_of, weights_of
from pairloom.estimators.parameters import document
from pairloom.fm.calibration import CalibrationMethod
from pairloom.fm.held_out import REPORT, calibrate_model
from pairloom.fm.interactions.libffm_model import LibffmForm, read_libffm_model, write_libffm_model
from pairloom.fm.settings import Task
from pairloom.fm.sweeps.collected import plain_rows

__all__ = ["FactorizationMachineClassifier"]

THRESHOLD = 0.5


@document
class FactorizationMachineClassifier(FactorizationMachineEstimator):
    """Factorization machine for two classes: clicked or not, liked or not.

    Learns the log-odds of the second class from a weight for every feature and an interaction for every pair of
    features. Use it where rows are sparse and the combination counts.

    {parameters}
    class_weight : "balanced" or dict, optional
        Weight of each class; "balanced" makes both count the same in sum.

    {attributes}
    classes_ : ndarray of shape (2,)
        The two labels in order; probabilities are of the second.

    Examples
    --------
    >>> import numpy as np
    >>> from pairloom import FactorizationMachineClassifier
    >>> X = np.eye(4)[[0, 1, 0, 1]] + np.eye(4)[[2, 2, 3, 3]]
    >>> y = np.array(["no", "yes", "yes", "no"])
    >>> model = FactorizationMachineClassifier(
    ...     n_factors=4, epochs=500, learning_rate=0.5, factors_decay=0.0, random_state=0).fit(X, y)
    >>> model.predict(X).tolist()
    ['no', 'yes', 'yes', 'no']

    References
    ----------
    Rendle, "Factorization Machines", ICDM 2010.
    """

    _task: Task = "classification"
    classes_: npt.NDArray[Any]

    class_weight: str | Mapping[Any, float] | None

    def __init__(
        self,
        n_factors: int = 16,
        *,
        interactions: str = "pairwise",
        fields: Any = None,
        normalize_rows: bool = False,
        fit_intercept: bool = True,
        fit_linear: bool = True,
        solver: str | None = None,
        epochs: int | None = None,
        learning_rate: float | None = None,
        bias_learning_rate: float | None = None,
        linear_learning_rate: float | None = None,
        factors_learning_rate: float | None = None,
        learning_rate_schedule: str = "linear",
        final_learning_rate: float = 0.02,
        bias_decay: float = 0.0,
        linear_decay: float | None = None,
        factors_decay: float | None = None,
        linear_l1: float = 0.0,
        factors_l1: float = 0.0,
        init_method: str = "normal",
        bias_init: float = 0.0,
        linear_init_scale: float = 0.0,
        factors_init_scale: float = 0.05,
        batch_size: int = 1000,
        clip_gradient: float | None = None,
        rescale_gradient: float = 1.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        tol: float = 1e-5,
        burn_in: int | None = None,
        n_samples: int = 128,
        n_chains: int = 1,
        shuffle: bool = True,
        warm_start: bool = False,
        n_jobs: int | None = None,
        deterministic: bool = False,
        random_state: RandomState = None,
        class_weight: str | Mapping[Any, float] | None = None,
        callbacks: Iterable[Callback] | None = None,
        verbose: int = 0,
    ) -> None:
        self._store(locals())

    def _encode_labels(self, labels: npt.NDArray[Any], *, classes: Any = None) -> npt.NDArray[np.float32]:
        if labels.dtype.kind == "f" and not np.isfinite(labels).all():
            row = int(np.argmin(np.isfinite(labels)))
            raise UserError(
                f"Input y contains NaN or infinity, in row {row + 1}. Remove the row or label it."
            )
        present, codes = np.unique(labels, return_inverse=True)
        if isinstance(classes, str) or (classes is None and getattr(self, "_keeps_classes", False)):
            return self._codes_of_known(labels)
        if classes is not None:
            present = np.unique(np.asarray(classes))
        if labels.dtype.kind == "f" and len(present) > 2 and (present != np.round(present)).any():
            raise UserError(
                "Unknown label type: continuous. A classifier needs two classes; use FactorizationMachineRegressor."
            )
        if len(present) > 2:
            raise UserError(
                "Only binary classification is supported. The type of the target is multiclass: "
                f"{len(present)} classes. Train one model per class."
            )
        if len(present) < 2:
            raise UserError(
                f"A classifier needs two classes. The data contains only one class: {present.tolist()}."
            )
        self.classes_ = present
        if classes is not None:
            self._keeps_classes = True
            return self._codes_of_known(labels)
        return codes.reshape(-1).astype(np.float32)

    def _codes_of_known(self, labels: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        known = np.isin(labels, self.classes_)
        if not known.all():
            row = int(np.argmin(known))
            raise UserError(
                f"y, row {row + 1}: a label must be one of {self.classes_.tolist()}. Got {labels[row]!r}."
            )
        return (labels == self.classes_[1]).astype(np.float32)

    def _class_weights(self, labels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, Mapping):
            pair = [float(self.class_weight.get(label, 1.0)) for label in self.classes_.tolist()]
        elif self.class_weight == "balanced":
            share = float(labels.mean())
            pair = [0.5 / max(1.0 - share, 1e-12), 0.5 / max(share, 1e-12)]
        else:
            raise UserError(f"'class_weight' must be None, 'balanced' or a dict. Got {self.class_weight!r}.")
        return np.where(labels > 0.5, np.float32(pair[1]), np.float32(pair[0]))

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        validation_data: tuple[Any, Any] | None = None,
        feature_decay: Any = None,
    ) -> Self:
        """Train on rows X with labels y of two classes; see `FactorizationMachineRegressor.fit`."""
        self._keeps_classes = bool(self.warm_start and hasattr(self, "trainer_"))
        return super().fit(X, y, sample_weight, validation_data=validation_data, feature_decay=feature_decay)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, *, classes: Any = None) -> Self:
        """Learn from one pass over some rows, on top of what is known; X may be wider than before.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
        classes : array-like of shape (2,), optional
            Both labels; needed in the first call when its y holds only one of them.
        """
        if classes is None and hasattr(self, "classes_"):
            classes = self.classes_
        return self._partial_fit(X, y, sample_weight, classes)

    def decision_function(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the log-odds of the second class, of shape (n_rows,)."""
        return self._fitted().score(self._parts_to_score(X), n_threads=self._threads())

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the probabilities of both classes, of shape (n_rows, 2)."""
        second = self._fitted().predict(self._parts_to_score(X), n_threads=self._threads())
        return np.stack([1 - second, second], axis=1)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likelier label of each row, of shape (n_rows,)."""
        if self._fitted().calibration is None:
            likelier = self.decision_function(X) > 0
        else:
            likelier = self.predict_proba(X)[:, 1] > THRESHOLD
        return self.classes_[likelier.astype(np.intp)]

    def calibrate(
        self, X: Any, y: Any, sample_weight: Any = None, *, method: CalibrationMethod = "isotonic"
    ) -> Self:
        """Make probabilities follow what happened in held-out rows; the order of scores stays.

        Training, and going on with it, forgets a calibration. It is saved with the model, and so is
        `calibration_report_`, which `pairloom.plots.draw_reliability` draws.

        Parameters
        ----------
        X, y, sample_weight : as in `fit`
            Rows that the model was not trained on, of both classes.
        method : {"isotonic", "platt"}
            "isotonic" mends any rising curve and wants a thousand rows or more; "platt" mends a tilt and a shift and
            needs few.

        Returns
        -------
        self

        References
        ----------
        Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005.
        """
        rows = self._prepare_validation(X, y)
        weights = weights_of(sample_weight, rows.n_rows)
        rows = plain_rows(rows.labelled(rows.labels, weights))
        self.model_ = calibrate_model(self._fitted(), [rows], method, n_threads=self._threads())
        return self

    @property
    def calibration_report_(self) -> Mapping[str, Any]:
        """What calibration did, by cross-validation over the held-out rows: before and after."""
        report = self._fitted().metadata.get(REPORT)
        if report is None:
            raise AttributeError(
                f"{type(self).__name__} is not calibrated; call 'calibrate' with held-out rows."
            )
        return report

    def to_libffm(self, path: str | Path, *, form: LibffmForm = "binary") -> None:
        """Write a field-aware model for libffm's ``ffm-predict``.

        Parameters
        ----------
        path : path
        form : {"binary", "text"}
            What ffm-predict reads from version 1.22 on, or before.

        Raises
        ------
        UserError
            For a model with other interactions, or with a bias or linear weights: libffm has none. Train with
            ``fit_intercept=False, fit_linear=False``.
        """
        write_libffm_model(self._fitted(), path, form=form)

    @classmethod
    def from_libffm(cls, path: str | Path) -> Self:
        """Read a model that libffm's ``ffm-train`` wrote, in either form; it scores rows that have fields.

        Parameters
        ----------
        path : path

        Raises
        ------
        DataError
            For a file that is no such model, or damaged.
        """
        model = read_libffm_model(path)
        assert model.interactions is not None
        estimator = cls(
            model.n_factors, interactions="field-aware", normalize_rows=model.interactions.normalize_rows,
            fit_intercept=False, fit_linear=False,
        )  # fmt: skip
        estimator.model_, estimator.n_features_in_ = model, model.n_features
        estimator.classes_ = np.array([0, 1])
        return estimator

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict`."""
        predictions = self.predict(X)
        right = predictions == labels_of(y, len(predictions))
        return float(np.average(right, weights=weights_of(sample_weight, len(right))))

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags

        return Tags(
            estimator_type="classifier",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags(multi_class=False),
            input_tags=InputTags(sparse=True),
        )
