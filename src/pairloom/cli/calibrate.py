"""``pairloom calibrate``: probabilities that follow what happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pairloom.algorithms.factorization_machines.model import FactorizationMachinesModel
from pairloom.artifact import load_artifact, save_artifact
from pairloom.cli.inputs import Input, asked_of, rows_for
from pairloom.cli.options import ContentType, Settings, Threads
from pairloom.cli.terminal import print_table, say
from pairloom.errors import UserError
from pairloom.fm.calibration import CalibrationMethod
from pairloom.fm.held_out import REPORT, calibrate_model

__all__ = ["calibrate"]

MEASURES = {
    "binary_classification_cross_entropy": "cross-entropy",
    "expected_calibration_error": "expected calibration error",
}


def calibrate(
    model: Path,
    rows: str,
    /,
    *,
    method: CalibrationMethod = "isotonic",
    output: Path | None = None,
    plot: Path | None = None,
    content_type: ContentType = None,
    reading: Settings = None,
    threads: Threads = 1,
) -> None:
    """Make a classifier's probabilities follow what happened in held-out rows.

    Scores keep their order; the curve that turns them into probabilities, and what it was measured to do by
    cross-validation, are kept in the model.

    For example:

        pairloom calibrate model.tar.gz held-out.csv
        pairloom calibrate model.tar.gz held-out.csv --method platt --output calibrated.tar.gz --plot curve.png

    Parameters
    ----------
    model
        A model.tar.gz of a classifier that Pairloom saved.
    rows
        File, folder or glob of labelled rows that the model was not trained on.
    method
        isotonic mends any rising curve and wants a thousand rows or more; platt mends a tilt and a shift and
        needs few.
    output
        The model.tar.gz to write. Default: the model is replaced.
    plot
        Draw the reliability curve to this .png, .svg or .pdf.
    content_type
        Content type or format name of the rows. Default: by file ending.
    reading
        Option NAME=VALUE of the rows' format; may be repeated.
    threads
        Threads that parse and score.
    """
    artifact = load_artifact(model)
    if not isinstance(artifact.model, FactorizationMachinesModel):
        raise UserError(
            f"calibrate: must be given a factorization machine. Got a model of {artifact.algorithm}. "
            "linear-learner calibrates its own threshold; see its hyperparameters."
        )
    given = Input.parse(rows, content_type, reading, threads, asked_of(artifact))
    batches = rows_for(artifact, given, labelled=True)()
    machine = calibrate_model(artifact.model.machine, batches, method, source=rows, n_threads=threads)
    report: Mapping[str, Any] = machine.metadata[REPORT]
    if plot is not None:
        from pairloom.plots import draw_reliability

        draw_reliability(report, plot)
    target = output or model
    save_artifact(replace(artifact, model=FactorizationMachinesModel(machine)), target)
    moments = [moment for moment in ("before", "after") if moment in report]
    print_table(
        [f"{report['n_rows']:,} held-out rows", *moments],
        [(label, *(f"{report[moment][name]:.4f}" for moment in moments)) for name, label in MEASURES.items()],
        numbers=range(1, len(moments) + 1),
    )
    say(f"Saved to {target}" + (f"; drawn to {plot}" if plot else ""))
