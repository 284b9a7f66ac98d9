"""``pairloom evaluate``: how well a model predicts labelled rows."""

from __future__ import annotations

from pathlib import Path

from pairloom.artifact import load_artifact
from pairloom.cli.inputs import Input, rows_for
from pairloom.cli.metrics import print_metrics
from pairloom.cli.options import ContentType, Settings, Threads
from pairloom.cli.terminal import Counted
from pairloom.errors import DataError
from pairloom.metrics import BinaryCounts, RegressionErrors

__all__ = ["evaluate"]


def evaluate(
    model: Path,
    rows: str,
    /,
    *,
    content_type: ContentType = None,
    reading: Settings = None,
    threads: Threads = 1,
) -> None:
    """Measure a model on labelled rows.

    For example:

        pairloom evaluate model.tar.gz held-out.csv
        pairloom evaluate model.tar.gz test.libsvm --threads 2

    Parameters
    ----------
    model
        A model.tar.gz that Pairloom saved.
    rows
        File, folder or glob of labelled rows.
    content_type
        Content type or format name of the rows. Default: by file ending.
    reading
        Option NAME=VALUE of the rows' format; may be repeated.
    threads
        Threads that parse and score.
    """
    artifact = load_artifact(model)
    given = Input.parse(rows, content_type, reading, threads)
    sums: BinaryCounts | RegressionErrors | None = None
    for batch in Counted(rows_for(artifact, given, labelled=True)()):
        if batch.labels is None:
            raise DataError("a label in every row", got="none", source=rows, action="Give labelled rows")
        found = artifact.model.predict(batch, n_threads=threads)
        if sums is None:
            sums = BinaryCounts() if "predicted_label" in found else RegressionErrors()
        sums.update(batch.labels, found["score"], batch.weights)
    assert sums is not None, "a source without rows is refused when it is read"
    print_metrics({"value": sums.result()})
