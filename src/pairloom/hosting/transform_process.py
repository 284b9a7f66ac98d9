"""A batch transform as the process of a job: ``python -m pairloom.hosting.transform_process``.

``input/config/transform.json`` under ``PAIRLOOM_ML_ROOT`` says what to do; ``output/failure`` says why it failed, kind
first, as a training job's does.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from pairloom.errors import PairloomError, UserError

__all__ = ["CHANNEL", "CONFIGURATION", "MODEL", "main"]

CHANNEL, MODEL, CONFIGURATION = "input", "model.tar.gz", "transform"
MOST_TOLD = 5
"""Files whose failures are told in the reason; the log has all."""


def main() -> int:
    """Transform; returns the exit code."""
    from pairloom.serving.transform import (
        TransformJob,
        TransformSettings,
    )  # the service imports this file's names

    root = Path(os.environ["PAIRLOOM_ML_ROOT"])
    asked: dict[str, Any] = json.loads((root / "input" / "config" / f"{CONFIGURATION}.json").read_text())
    try:
        job = TransformJob(
            root / asked["model"],
            str(root / "input" / "data" / CHANNEL),
            Path(asked["output"]),
            TransformSettings(**asked["settings"]),
            on_failure=_say,
        )
        if job.algorithm != asked["algorithm"]:
            raise UserError(
                f"Transform: the model must be one of {asked['algorithm']}, as its image says. Got one of "
                f"{job.algorithm}. Name the image that trained it."
            )
        result = job.run()
    except PairloomError as error:
        _say(error)
        return _fail(root, [error])
    skipped = f", {result.n_skipped} were finished before" if result.n_skipped else ""
    print(
        f"{result.n_records} records of {result.n_files} files in {result.seconds:.2f} s{skipped}", flush=True
    )
    return _fail(root, list(result.failures.values())) if result.failures else 0


def _say(error: PairloomError) -> None:
    print(str(error), flush=True)


def _fail(root: Path, errors: list[PairloomError]) -> int:
    is_users = all(isinstance(error, UserError) for error in errors)
    kind = "ClientError" if is_users else "InternalServerError"
    told = " ".join(str(error) for error in errors[:MOST_TOLD])
    more = f" And {len(errors) - MOST_TOLD} more files." if len(errors) > MOST_TOLD else ""
    (root / "output" / "failure").write_text(f"{kind}\n{told}{more}")
    return 2 if is_users else 1


if __name__ == "__main__":
    sys.exit(main())
