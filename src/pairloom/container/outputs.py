"""What a job leaves behind: the model's folder and ``metrics.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pairloom.artifact import Artifact, save_artifact_folder
from pairloom.errors import PairloomError, PlatformError

__all__ = ["save_metrics", "save_model"]

METRICS = "metrics.json"


def save_model(artifact: Artifact, folder: Path, *, model_algo_1: bool) -> None:
    """Write the model, on request in SageMaker's form too; a full disk leaves the one that was there before.

    Raises
    ------
    PlatformError
        If it cannot be written.
    """
    try:
        save_artifact_folder(artifact, folder, model_algo_1=model_algo_1)
    except PairloomError:
        raise
    except (SafetensorError, OSError) as error:
        raise PlatformError(
            f"Saving the model: {folder} must be writable and have room. Got: {error}. "
            "Give it a larger disk; a model that was there before stays."
        ) from error


def save_metrics(content: Mapping[str, Any], folder: Path) -> None:
    """Write ``metrics.json`` in one step."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f".{METRICS}"
    written.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    written.replace(folder / METRICS)
