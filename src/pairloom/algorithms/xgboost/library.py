"""The library behind the algorithm: imported where it is used, and its faults as ours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from pairloom.errors import MissingExtraError, UserError

__all__ = ["faults_told", "xgboost"]

PLACE = re.compile(r"^\[[0-9:]+\] \S+?:[0-9]+: ")
CHECK = re.compile(r"^Check failed: .*?: (?=\S)")


def xgboost() -> Any:
    """Import the library.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import xgboost as library
    except ImportError:
        raise MissingExtraError("Algorithm 'xgboost'", "xgboost") from None
    return library


@contextmanager
def faults_told(owner: str) -> Generator[None]:
    """Turn what the library refuses into a UserError of one sentence; its warnings stay in the log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            yield
        except xgboost().core.XGBoostError as error:
            sentence = CHECK.sub("", PLACE.sub("", str(error).partition("\nStack trace")[0].strip()))
            raise UserError(f"{owner}: the library refused: {' '.join(sentence.split())}") from error
