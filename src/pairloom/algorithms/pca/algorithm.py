"""Declares the algorithm ``pca`` and trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Channel, InputMode, RowSource, check_channels
from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.families.dense_rows import dense_pieces
from pairloom.algorithms.pca.hyperparameters import PCAHyperparameters
from pairloom.algorithms.pca.model import PCAModel
from pairloom.algorithms.pca.training import Trainer, metrics_of
from pairloom.algorithms.report import ChannelScored, Report, silent
from pairloom.collective import ALONE, Collective
from pairloom.hyperparameters import Hyperparameters
from pairloom.metrics import PROJECTION, Metric

__all__ = ["PCA"]

RECORDIO = "application/x-recordio-protobuf"
OTHER_TYPES = ("text/libsvm", "application/jsonlines", "application/x-parquet")
TRAIN_TYPES = (RECORDIO, "text/csv;label_size=0", *OTHER_TYPES)
TEST_TYPES = (RECORDIO, "text/csv", *OTHER_TYPES)
REQUEST_TYPES = ("application/json", "application/jsonlines", RECORDIO, "text/csv")
RESPONSE_TYPES = ("application/json", "application/jsonlines", RECORDIO)
MODES: tuple[InputMode, ...] = ("File", "Pipe")


class PCA:
    """Describes rows by fewer numbers: their coordinates along the directions in which they differ most.

    Principal component analysis finds the `num_components` orthogonal directions that keep most of the variance. It
    suits many features that go together, before clustering, plots or a linear model; features should be of like
    scale.

    One pass over the data is enough. The regular mode adds up the second moments of the features, exact and of
    quadratic size; the randomized mode adds up their product with `num_components` + `extra_components` columns, for
    rows too wide for that. Both are sums, so that several hosts add up theirs.

    The strongest component comes last, in the model as in the answers, as in SageMaker's. Labels and weights of rows
    are of no effect. The metrics are Pairloom's own. A job that was written for SageMaker's algorithm of this name runs
    unchanged.
    """

    name: ClassVar[str] = "pca"
    summary: ClassVar[str] = "Projects rows on the few directions in which they differ most."
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("train", True, TRAIN_TYPES, MODES, "Rows to find the components of."),
        Channel("test", False, TEST_TYPES, MODES, "Rows to measure the final model on."),
    )
    metrics: ClassVar[tuple[Metric, ...]] = PROJECTION
    objectives: ClassVar[tuple[str, ...]] = ("test:reconstruction_error", "test:explained_variance")
    request_content_types: ClassVar[tuple[str, ...]] = REQUEST_TYPES
    response_content_types: ClassVar[tuple[str, ...]] = RESPONSE_TYPES
    answers_name: ClassVar[str] = "projections"
    distributed: ClassVar[bool] = True
    hyperparameters_type: ClassVar[type[Hyperparameters]] = PCAHyperparameters
    model_type: ClassVar[type[PCAModel]] = PCAModel

    def __init__(self, hyperparameters: Mapping[str, object]) -> None:
        self.hyperparameters = PCAHyperparameters.parse(hyperparameters)

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> PCAModel:
        """Find the components of channel ``train`` and measure them on ``test``.

        Parameters
        ----------
        channels : mapping of str to callable
            Each opens a fresh pass over batches of rows.
        n_threads : int
            Threads of the matrix products.
        report : callable
            Receives the events of the training; see `pairloom.algorithms.report`.
        checkpoints : Checkpoints
        collective : Collective

        Raises
        ------
        UserError
            For a channel that is missing or unknown, more components than features, or rows too wide for memory.
        DataError
            For rows that cannot be used, with channel and row.
        """
        asked = self.hyperparameters
        check_channels(asked.owner, self.channels, channels)
        sources = {
            name: checked_rows(source, name, labelled=False, feature_dim=asked.feature_dim)
            for name, source in channels.items()
        }
        with blas_threads(n_threads):
            found = Trainer(asked, report, checkpoints, collective).train(sources["train"])
            model = PCAModel(
                found.mean.astype(np.float32),
                np.ascontiguousarray(found.vectors, np.float32),
                np.minimum(found.singular_values, np.finfo(np.float32).max).astype(np.float32),
                {"algorithm": self.name, "hyperparameters": asked.to_strings()},
            )
            if "test" in sources:
                report(ChannelScored("test", _measured(model, sources["test"])))
        return model


def _measured(model: PCAModel, source: RowSource) -> dict[str, float]:
    n_rows, left, total = 0, 0.0, 0.0
    components = model.v.astype(np.float64)
    for rows in source():
        n_rows += rows.n_rows
        for _, piece in dense_pieces(rows, model.n_features):
            moved = piece.astype(np.float64) - model.mean
            total += float(np.square(moved).sum())
            moved -= (moved @ components) @ components.T
            left += float(np.square(moved).sum())
    return metrics_of(n_rows, left, total)
