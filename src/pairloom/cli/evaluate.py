"""``pairloom evaluate``: how well a model predicts labelled rows."""

from __future__ import annotations

from pathlib import Path

from pairloom.artifact import load_artifact
from pairloom.cli.inputs import Input, asked_of, rows_to_answer
from pairloom.cli.measuring import measured
from pairloom.cli.metrics import print_metrics
from pairloom.cli.options import ContentType, Settings, Threads
from pairloom.cli.terminal import Counted

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
    """Measure a model on labelled rows, or on any rows where it learned without labels.

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
    given = Input.parse(rows, content_type, reading, threads, asked_of(artifact))
    batches = Counted(rows_to_answer(artifact, given, labelled=True))
    found = measured(artifact.model, batches, owner=artifact.algorithm, source=rows, n_threads=threads)
    print_metrics({"value": found})
