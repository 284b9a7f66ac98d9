"""SageMaker's hyperparameters of ``pca``; Pairloom's own have names in ``pairloom_``."""

from __future__ import annotations

from typing import Literal

from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["PCAHyperparameters"]

LARGEST_WIDTH = 2**31 - 1
FEWEST_EXTRA = 10
IGNORED = "Accepted for compatibility, without effect."


class PCAHyperparameters(Hyperparameters, owner="PCA"):
    """What can be asked of principal component analysis; SageMaker's names with SageMaker's defaults."""

    num_components: int = param(ge=1, doc="Principal components to compute.")
    feature_dim: int | None = param(
        default=None, ge=1, le=LARGEST_WIDTH,
        doc="Width of the rows. Left open, it is inferred from the training data.",
    )  # fmt: skip
    mini_batch_size: int = param(
        default=500, ge=1, doc="Rows that are added up at a time; more are where that is faster."
    )
    algorithm_mode: Literal["regular", "randomized"] = param(
        default="regular",
        doc="regular: exact, with a matrix of feature_dim x feature_dim; randomized: a sketch of it, for wide rows.",
    )
    extra_components: int = param(
        default=-1, ge=-1,
        doc=f"Columns of the sketch beside num_components, for accuracy; -1: num_components, {FEWEST_EXTRA} at least.",
    )  # fmt: skip
    subtract_mean: bool = param(
        default=True,
        doc="Whether the mean of the training rows is subtracted, in training and from requests.",
    )

    pairloom_memory_limit_mb: int = param(
        default=4096, ge=1, doc="A matrix or sketch that does not fit into this is refused."
    )
    pairloom_random_state: int = param(default=0, ge=0, le=2**32 - 1, doc="Seed of the sketch.")

    epochs: int = param(default=1, ge=1, hidden=True, doc="One pass is all there is.")
    force_dense: str = param(default="true", hidden=True, doc=IGNORED)
    kvstore: str = param(default="dist_sync", wire_name="_kvstore", hidden=True, doc=IGNORED)
    log_level: str = param(default="info", wire_name="_log_level", hidden=True, doc=IGNORED)
    num_gpus: str = param(default="auto", wire_name="_num_gpus", hidden=True, doc=IGNORED)
    num_kv_servers: str = param(default="auto", wire_name="_num_kv_servers", hidden=True, doc=IGNORED)
    tuning_objective: str = param(default="", wire_name="_tuning_objective_metric", hidden=True, doc=IGNORED)

    @property
    def n_columns(self) -> int:
        """Columns of the sketch; 0 for the whole matrix."""
        if self.algorithm_mode == "regular":
            return 0
        extra = max(FEWEST_EXTRA, self.num_components) if self.extra_components < 0 else self.extra_components
        return self.num_components + extra
