"""SageMaker's hyperparameters of ``kmeans``; Pairloom's own have names in ``pairloom_``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

from pairloom.hyperparameters import Hyperparameters, param

__all__ = ["KMeansHyperparameters"]

InitMethod = Literal["random", "kmeans++"]
LARGEST_WIDTH = 2**31 - 1
AUTO_EXTRA_CENTER_FACTOR, AUTO_TRIALS = 4, 3
FEWEST_SAMPLED = 20_000
METRIC_NAMES = ("msd", "ssd")
IGNORED = "Accepted for compatibility, without effect."


class KMeansHyperparameters(Hyperparameters, owner="KMeans"):
    """What can be asked of k-means; SageMaker's names with SageMaker's defaults."""

    k: int = param(ge=1, doc="Clusters.")
    feature_dim: int | None = param(
        default=None, ge=1, le=LARGEST_WIDTH,
        doc="Width of the rows. Left open, it is inferred from the training data.",
    )  # fmt: skip
    epochs: int = param(
        default=1,
        may_change=True,
        ge=1,
        tunable=(1, 10),
        doc="Passes over the training data; those after the first are iterations of Lloyd's over all rows.",
    )
    eval_metrics: str = param(
        default='["msd"]',
        doc="Metrics that are reported, as a JSON list: msd, the mean squared distance, and ssd, the sum.",
    )
    extra_center_factor: int | Literal["auto"] = param(
        default="auto", ge=1, tunable=(4, 10),
        doc=f"Centres of the first pass per cluster wanted; auto: {AUTO_EXTRA_CENTER_FACTOR}.",
    )  # fmt: skip
    half_life_time_size: int = param(
        default=0, ge=0, doc="Rows after which a row weighs half; 0: all weigh alike."
    )
    init_method: InitMethod = param(
        default="random",
        doc="How the first centres are taken from the first rows: at random, or far apart.",
    )
    local_lloyd_init_method: InitMethod = param(
        default="kmeans++", doc="How the final step begins, which brings the extra centres down to k."
    )
    local_lloyd_max_iter: int = param(default=300, ge=1, doc="Most iterations of the final step.")
    local_lloyd_num_trials: int | Literal["auto"] = param(
        default="auto", ge=1,
        doc=f"Times that the final step begins anew, the best being kept; auto: {AUTO_TRIALS}.",
    )  # fmt: skip
    local_lloyd_tol: float = param(
        default=0.0001,
        ge=0,
        le=1,
        doc="The final step ends when an iteration lowers the loss by no more than this share.",
    )
    mini_batch_size: int = param(
        default=5000, ge=1, tunable=(3000, 15_000), doc="Rows after which the centres move."
    )

    pairloom_sample_rows_per_center: int = param(
        default=512,
        ge=0,
        doc=f"Rows of the sample that the clusters are refined on, per cluster, {FEWEST_SAMPLED:,} at least; "
        "0: no sample. It takes at most a quarter of the memory limit.",
    )
    pairloom_memory_limit_mb: int = param(
        default=4096, ge=1, doc="Centres and sample that do not fit into this are refused."
    )
    pairloom_random_state: int = param(default=0, ge=0, le=2**32 - 1, doc="Seed of every random choice.")

    force_dense: str = param(default="true", hidden=True, may_change=True, doc=IGNORED)
    disable_wait_to_read: str = param(
        default="false", wire_name="_disable_wait_to_read", hidden=True, may_change=True, doc=IGNORED
    )
    enable_profiler: str = param(
        default="false", wire_name="_enable_profiler", hidden=True, may_change=True, doc=IGNORED
    )
    kvstore: str = param(default="auto", wire_name="_kvstore", hidden=True, may_change=True, doc=IGNORED)
    log_level: str = param(default="info", wire_name="_log_level", hidden=True, may_change=True, doc=IGNORED)
    num_gpus: str = param(default="auto", wire_name="_num_gpus", hidden=True, may_change=True, doc=IGNORED)
    num_kv_servers: str = param(
        default="1", wire_name="_num_kv_servers", hidden=True, may_change=True, doc=IGNORED
    )
    num_slices: str = param(default="1", wire_name="_num_slices", hidden=True, may_change=True, doc=IGNORED)
    tuning_objective: str = param(
        default="", wire_name="_tuning_objective_metric", hidden=True, may_change=True, doc=IGNORED
    )

    def faults(self) -> Iterable[str]:
        """Check values against one another."""
        if self.metric_names is None:
            yield (
                """'eval_metrics' must be a JSON list of "msd" and "ssd". """
                f"""Got {self.eval_metrics[:80]!r}. Write ["msd"] or ["msd","ssd"]."""
            )

    @property
    def metric_names(self) -> tuple[str, ...] | None:
        """The metrics of `eval_metrics`; None where it cannot be read."""
        try:
            names: Any = json.loads(self.eval_metrics)
        except (ValueError, RecursionError):
            return None
        if not isinstance(names, list) or not names or not all(name in METRIC_NAMES for name in names):
            return None
        return tuple(name for name in METRIC_NAMES if name in names)

    @property
    def n_centers(self) -> int:
        """Centres of the first pass."""
        factor = self.extra_center_factor
        return self.k * (AUTO_EXTRA_CENTER_FACTOR if isinstance(factor, str) else factor)

    @property
    def n_trials(self) -> int:
        """Trials of the final step."""
        trials = self.local_lloyd_num_trials
        return AUTO_TRIALS if isinstance(trials, str) else trials

    def most_sampled(self, n_features: int) -> int:
        """Rows of the sample, for rows of so many features."""
        if not self.pairloom_sample_rows_per_center:
            return 0
        wanted = max(FEWEST_SAMPLED, self.pairloom_sample_rows_per_center * self.k)
        if self.half_life_time_size:
            # A sample of more rows than count would hold those that are to be forgotten.
            wanted = min(wanted, self.half_life_time_size // 4)
        return min(wanted, (self.pairloom_memory_limit_mb << 18) // (4 * n_features))
