"""What a linear learner is measured by, and how the log names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pairloom.algorithms.contract import RowSource
from pairloom.algorithms.linear_learner.hyperparameters import LinearLearnerHyperparameters
from pairloom.linear.losses import Loss
from pairloom.linear.model import LinearModel
from pairloom.linear.settings import LinearSettings
from pairloom.linear.training import LinearTrainer
from pairloom.metrics import BinaryCounts, MulticlassCounts, RegressionErrors, auc

__all__ = ["Measuring"]

OBJECTIVE_NAMES = {
    "logistic": "binary_classification_cross_entropy", "hinge": "hinge_loss", "squared": "mse",
    "absolute": "absolute_loss", "quantile": "quantile_loss", "huber": "huber_loss",
    "eps_insensitive_squared": "eps_insensitive_squared_loss",
    "eps_insensitive_absolute": "eps_insensitive_absolute_loss", "softmax": "multiclass_cross_entropy",
}  # fmt: skip
LARGEST_AUC_ROWS = 50_000_000
Float64Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Sums:
    """Sums over batches of labelled rows, from which the metrics of a task follow."""

    counts: BinaryCounts | RegressionErrors | MulticlassCounts
    loss: Loss
    label_scale: float
    threshold: float
    total: float = 0.0
    weight: float = 0.0
    scores: list[npt.NDArray[np.float32]] | None = None
    labels: list[npt.NDArray[np.float32]] | None = None
    weights: list[Float64Array] | None = None

    def add(
        self,
        raw: Float64Array,
        answers: Mapping[str, npt.NDArray[np.float32]],
        labels: npt.NDArray[np.float32],
        weights: npt.NDArray[np.float32] | None,
    ) -> None:
        """Take in a batch."""
        amounts = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
        scaled = raw - (0 if self.loss.name in CLASSIFIERS else labels.astype(np.float64)[:, None])
        scaled = scaled / self.label_scale
        against = labels if self.loss.name in CLASSIFIERS else np.zeros_like(labels)
        self.total += float(amounts @ self.loss.losses(scaled, against)[:, 0])
        self.weight += float(amounts.sum())
        if isinstance(self.counts, BinaryCounts):
            # Counts compare with a threshold; a hinge's raw scores are no probabilities, its labels are.
            chosen = answers["predicted_label"].astype(np.float64)
            self.counts.update(labels, chosen, amounts)
            assert self.scores is not None
            assert self.labels is not None
            assert self.weights is not None
            self.scores.append(answers["score"])
            self.labels.append(labels)
            self.weights.append(amounts)
        elif isinstance(self.counts, MulticlassCounts):
            self.counts.update(labels, raw, amounts)
        else:
            self.counts.update(labels, answers["score"], amounts)

    def result(self) -> dict[str, float]:
        """Return every metric by its name."""
        squared = self.loss.name in ("squared", "huber", "eps_insensitive_squared")
        unit = self.label_scale**2 if squared else self.label_scale
        results = {"objective_loss": self.total / max(self.weight, 1e-300) * unit}
        if isinstance(self.counts, BinaryCounts):
            measured = self.counts.result()
            results |= {name: measured[name] for name in BINARY_NAMES}
            assert self.scores is not None
            assert self.labels is not None
            assert self.weights is not None
            area = auc(*(np.concatenate(parts) for parts in (self.labels, self.scores, self.weights)))
            if np.isfinite(area):
                results["roc_auc_score"] = area
            return results
        return results | self.counts.result()


CLASSIFIERS = ("logistic", "hinge", "softmax")
BINARY_NAMES = ("binary_classification_accuracy", "binary_f_beta", "precision", "recall")


@dataclass(frozen=True, slots=True)
class Measuring:
    """How one training is measured.

    Parameters
    ----------
    loss : Loss
    beta : float
    top_k : int
    log_names : mapping of str to str
        How the log writes metrics that have variants.
    """

    loss: Loss
    beta: float
    top_k: int
    log_names: Mapping[str, str]

    @classmethod
    def of(cls, asked: LinearLearnerHyperparameters, settings: LinearSettings) -> Measuring:
        """Read off what was asked."""
        names = {
            "objective_loss": f"{OBJECTIVE_NAMES[settings.loss.name]}_objective",
            "binary_f_beta": f"binary_f_{asked.f_beta:.3f}",
            "macro_f_beta": f"macro_f_{asked.f_beta:.3f}",
            "multiclass_top_k_accuracy": f"multiclass_top_k_accuracy_{asked.accuracy_top_k}",
        }
        return cls(settings.loss, asked.f_beta, asked.accuracy_top_k, names)

    def sums(self, model: LinearModel, label_scale: float) -> Sums:
        """Begin to measure."""
        if model.task == "regression":
            return Sums(RegressionErrors(), self.loss, label_scale, 0.0)
        if model.task == "multiclass":
            counts = MulticlassCounts(model.n_outputs, top_k=self.top_k, beta=self.beta)
            return Sums(counts, self.loss, 1.0, 0.0)
        return Sums(
            BinaryCounts(0.5, self.beta),
            self.loss,
            1.0,
            model.threshold or 0.0,
            scores=[],
            labels=[],
            weights=[],
        )

    def of_channel(self, model: LinearModel, source: RowSource, *, n_threads: int) -> dict[str, float]:
        """Score one pass over a channel; every metric by name."""
        sums = self.sums(model, float(model.metadata.get("label_scale", 1.0)))
        for rows in source():
            if rows.labels is not None:
                raw = model.raw_scores(rows, n_threads=n_threads)
                sums.add(raw, model.answers(raw), rows.labels, rows.weights)
        return sums.result()

    def of_training(self, model: LinearModel, trainer: LinearTrainer) -> dict[str, float]:
        """Measure the model on the training rows in memory."""
        scale = trainer.data.label_scale
        sums = self.sums(model, scale.scale)
        for block, scaled in trainer.training_rows():
            raw = scaled * scale.scale + scale.mean
            labels = (block.labels * np.float64(scale.scale) + scale.mean).astype(np.float32)
            sums.add(raw, model.answers(raw), labels, trainer.given_weights(block))
        return sums.result() if sums.weight > 0 else {}
