"""Declares the algorithm ``kmeans`` and trains it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from pairloom.algorithms.checked_rows import checked_rows
from pairloom.algorithms.checkpoints import NO_CHECKPOINTS, Checkpoints
from pairloom.algorithms.contract import Channel, InputMode, RowSource, check_channels
from pairloom.algorithms.families.blas_threads import blas_threads
from pairloom.algorithms.kmeans.hyperparameters import KMeansHyperparameters
from pairloom.algorithms.kmeans.model import KMeansModel
from pairloom.algorithms.kmeans.training import Trainer, metrics_of
from pairloom.algorithms.report import ChannelScored, Report, silent
from pairloom.collective import ALONE, Collective
from pairloom.hyperparameters import Hyperparameters
from pairloom.metrics import CLUSTERING, Metric

__all__ = ["KMeans"]

RECORDIO = "application/x-recordio-protobuf"
OTHER_TYPES = ("text/libsvm", "application/jsonlines", "application/x-parquet")
TRAIN_TYPES = (RECORDIO, "text/csv;label_size=0", *OTHER_TYPES)
TEST_TYPES = (RECORDIO, "text/csv", *OTHER_TYPES)
ENDPOINT_TYPES = ("application/json", "application/jsonlines", RECORDIO, "text/csv")
MODES: tuple[InputMode, ...] = ("File", "Pipe")


class KMeans:
    """Groups rows into clusters, each around a centre.

    Every row belongs to the nearest of `k` centres, and each centre is the mean of its rows: that makes the mean
    squared distance (msd) small. It suits segments of customers or texts, colours of an image, and cells of an
    index. Features should be of like scale.

    One pass over the data is enough, whatever its size. More centres than are wanted follow the stream
    (`extra_center_factor`), beside a random sample of its rows; at the end Lloyd's iterations bring the centres
    down to `k` and refine them on the sample. Further `epochs` are iterations of Lloyd's over all rows. Labels and
    weights of rows are of no effect.

    A job that was written for SageMaker's algorithm of this name runs unchanged.
    """

    name: ClassVar[str] = "kmeans"
    summary: ClassVar[str] = "Groups rows into clusters around centres, in one pass over the data."
    channels: ClassVar[tuple[Channel, ...]] = (
        Channel("train", True, TRAIN_TYPES, MODES, "Rows to find the clusters of."),
        Channel("test", False, TEST_TYPES, MODES, "Rows to measure the final model on."),
    )
    metrics: ClassVar[tuple[Metric, ...]] = CLUSTERING
    objectives: ClassVar[tuple[str, ...]] = ("test:msd", "test:ssd")
    request_content_types: ClassVar[tuple[str, ...]] = ENDPOINT_TYPES
    response_content_types: ClassVar[tuple[str, ...]] = ENDPOINT_TYPES
    answers_name: ClassVar[str] = "predictions"
    distributed: ClassVar[bool] = True
    hyperparameters_type: ClassVar[type[Hyperparameters]] = KMeansHyperparameters
    model_type: ClassVar[type[KMeansModel]] = KMeansModel

    def __init__(self, hyperparameters: Mapping[str, object]) -> None:
        self.hyperparameters = KMeansHyperparameters.parse(hyperparameters)

    def fit(
        self,
        channels: Mapping[str, RowSource],
        *,
        n_threads: int = 1,
        report: Report = silent,
        checkpoints: Checkpoints = NO_CHECKPOINTS,
        collective: Collective = ALONE,
    ) -> KMeansModel:
        """Find the centres of channel ``train`` and measure them on ``test``.

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
            For a channel that is missing or unknown, or centres that do not fit into memory.
        DataError
            For rows that cannot be used, with channel and row, and for fewer rows than clusters.
        """
        asked = self.hyperparameters
        check_channels(asked.owner, self.channels, channels)
        sources = {
            name: checked_rows(source, name, labelled=False, feature_dim=asked.feature_dim)
            for name, source in channels.items()
        }
        with blas_threads(n_threads):
            centers = Trainer(asked, report, checkpoints, collective).train(sources["train"])
        model = KMeansModel(
            centers.astype(np.float32), {"algorithm": self.name, "hyperparameters": asked.to_strings()}
        )
        if "test" in sources:
            n_rows, squares = 0, 0.0
            for rows in sources["test"]():
                distances = model.predict(rows, n_threads=n_threads)["distance_to_cluster"]
                n_rows += rows.n_rows
                squares += float(np.square(distances, dtype=np.float64).sum())
            report(ChannelScored("test", metrics_of(asked.metric_names or (), n_rows, squares)))
        return model
