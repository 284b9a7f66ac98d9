"""The state of an unfinished training as two plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError

__all__ = ["read_state", "write_state"]

ABOUT, ARRAYS = "training.json", "training.safetensors"


def write_state(folder: Path, about: str, arrays: dict[str, npt.NDArray[Any]]) -> None:
    """Write JSON text and arrays into a folder that exists."""
    from safetensors.numpy import save_file

    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS)
    (folder / ABOUT).write_text(about, encoding="utf-8")


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Read what `write_state` wrote; DataError when it is not there or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return about, load((folder / ARRAYS).read_bytes())
    except (OSError, ValueError, SafetensorError, KeyError) as error:
        raise DataError(
            "the state of a linear training",
            got=str(error),
            source=str(folder),
            action="Train from the start",
        ) from error
