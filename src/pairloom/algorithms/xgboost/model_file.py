"""``xgboost-model``: the library's own file, looked through before the library is given it.

The library trusts a file's indices, so that a damaged one could make it read out of bounds. Nothing is ever
unpickled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pairloom.algorithms.xgboost.library import xgboost
from pairloom.algorithms.xgboost.structure import Unsound, check_structure
from pairloom.algorithms.xgboost.ubjson import Damage, decode
from pairloom.errors import DataError

__all__ = ["booster_of", "load_booster"]

LARGEST_BYTES = 4 << 30
PICKLE = (b"\x80", b"ccopy_reg", b"cxgboost")
OLD_BINARY = b"binf"
CONVERT = (
    "Convert it where it was made, with the version that made it: load it there and call "
    "save_model('xgboost-model.ubj') on the booster"
)


def load_booster(file: Path) -> Any:
    """Read a booster from a file in the library's binary or text JSON.

    Raises
    ------
    DataError
        If it is missing, damaged, or in a form that is not read: a pickle runs code when it is loaded.
    MissingExtraError
        Without the library.
    """
    try:
        size = file.stat().st_size
        if size > LARGEST_BYTES:
            raise DataError(
                f"a model of at most {LARGEST_BYTES >> 30} GiB", got=f"{size} bytes", source=str(file)
            )
        data = file.read_bytes()
    except OSError as error:
        raise DataError(
            "a model of xgboost",
            got=error.strerror or "nothing",
            source=str(file),
            action="Give the whole model",
        ) from error
    return booster_of(data, str(file))


def booster_of(data: bytes, source: str) -> Any:
    """Make a booster of the bytes of a file; raises as `load_booster`."""
    if data.startswith(PICKLE):
        raise DataError(
            "a model in xgboost's JSON or UBJSON",
            got="a pickle, as SageMaker's images before 1.3 write it, which could run code",
            source=source,
            action=CONVERT,
        )
    if data.startswith(OLD_BINARY):
        raise DataError(
            "a model in xgboost's JSON or UBJSON", got="the old binary form", source=source, action=CONVERT
        )
    _check(data, source)
    library = xgboost()
    try:
        with library.config_context(verbosity=0):
            booster = library.Booster(model_file=bytearray(data))
            booster.num_features()  # some of the file is taken in only now
            return booster
    except (library.core.XGBoostError, ValueError) as error:
        raise DataError(
            "a model that xgboost loads", got=str(error).partition("\n")[0][:200], source=source
        ) from error


def _check(data: bytes, source: str) -> None:
    is_text = data[:1] == b"{" and data[1:2] in (b'"', b" ", b"\n", b"\r", b"\t", b"}")
    try:
        check_structure(json.loads(data) if is_text else decode(data))
    except Damage as damage:
        raise DataError(
            damage.expected,
            got="other bytes",
            source=source,
            byte_offset=damage.at,
            action="Give the whole model",
        ) from None
    except (ValueError, RecursionError) as error:
        raise DataError("sound JSON", got=str(error)[:200], source=source) from error
    except Unsound as fault:
        raise DataError(fault.expected, got=fault.got, source=source, field=fault.part) from None
