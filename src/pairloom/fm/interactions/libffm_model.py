"""Models of libffm's ``ffm-train``, read and written: the binary form of later versions, the text of earlier ones.

Binary: ``n``, ``m`` and ``k`` as int32 (features, fields, factors), one byte for normalisation, then for every
feature and field the factors beside their sums of squared gradients as float32: four by four, factors padded to a
multiple of four, or one by one where it was built without SSE. Text: lines ``n 5``, ``m 3``, ``k 4``,
``normalization 1``, then for every feature and field ``w{feature},{field}`` and its factors.

References
----------
Juan, Zhuang, Chin and Lin, "Field-aware factorization machines for CTR prediction", RecSys 2016.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from pairloom.errors import DataError, UserError
from pairloom.fm.interactions.described import Interactions
from pairloom.fm.interactions.fields import MOST_FIELDS, ColumnFields
from pairloom.fm.model import FactorizationMachine

__all__ = ["LibffmForm", "read_libffm_model", "write_libffm_model"]

LibffmForm = Literal["binary", "text"]
Float32Array = npt.NDArray[np.float32]
HEADER_BYTES, LANES = 13, 4
HEADER = ("n", "m", "k", "normalization")
MOST_FACTORS = 65536


def read_libffm_model(path: str | Path) -> FactorizationMachine:
    """Read a model that ``ffm-train`` wrote; it scores rows that have fields as ``ffm-predict`` does.

    Parameters
    ----------
    path : path

    Raises
    ------
    UserError
        If there is no such file; DataError if it is no model of libffm, or a damaged one.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"libffm model: there must be a file at {file}. Got none. Check the path.")
    content = file.read_bytes()
    is_text = content.startswith(b"n ")
    factors, normalize = _parsed_text(content, str(file)) if is_text else _parsed_binary(content, str(file))
    if not np.isfinite(factors).all():
        feature, field, _ = np.unravel_index(int(np.argmin(np.isfinite(factors))), factors.shape)
        raise DataError(
            "finite factors", got=f"another at feature {feature}, field {field}", source=str(file),
            action="Train again; the file is damaged",
        )  # fmt: skip
    described = Interactions("field-aware", factors.shape[1], normalize, None, ColumnFields())
    weights = np.zeros(len(factors), np.float32)
    return FactorizationMachine.from_arrays("classification", 0.0, weights, factors, interactions=described)


def write_libffm_model(model: FactorizationMachine, path: str | Path, *, form: LibffmForm = "binary") -> None:
    """Write a model that ``ffm-predict`` reads: "binary" for versions from 1.22 on, "text" for earlier ones.

    Parameters
    ----------
    model : FactorizationMachine
        A field-aware classifier without bias and linear weights, for which libffm has no place.
    path : path
    form : {"binary", "text"}

    Raises
    ------
    UserError
        For a model that libffm cannot hold.
    """
    _check_fits(model)
    if form not in ("binary", "text"):
        raise UserError(f"libffm model: 'form' must be binary or text. Got {form!r}.")
    assert model.interactions is not None
    factors, normalize = np.ascontiguousarray(model.blocks), model.interactions.normalize_rows
    content = _binary(factors, normalize) if form == "binary" else _text(factors, normalize)
    Path(path).write_bytes(content)


def _check_fits(model: FactorizationMachine) -> None:
    described = model.interactions
    if described is None or described.kind != "field-aware" or model.task != "classification":
        kind = "pairwise" if described is None else described.kind
        raise UserError(
            f"libffm model: must be written of a field-aware classifier. Got {kind}, {model.task}. Train one."
        )
    if model.bias != 0 or model.weights.any() or model.calibration is not None:
        raise UserError(
            "libffm model: must be written of a model without bias, linear weights and calibration. Got some. Train "
            "with fit_intercept=False and fit_linear=False."
        )


def _parsed_binary(content: bytes, source: str) -> tuple[Float32Array, bool]:
    if len(content) < HEADER_BYTES:
        raise _refused(source, f"{len(content)} bytes")
    n, m, k = (int(x) for x in np.frombuffer(content, "<i4", 3))
    normalize = content[12]
    _check_sizes(n, m, k, source)
    if normalize > 1:
        raise _refused(source, f"a normalization of {normalize}")
    padded = -(-k // LANES) * LANES
    n_floats, rest = (len(content) - HEADER_BYTES) // 4, (len(content) - HEADER_BYTES) % 4
    if rest or n_floats not in (2 * n * m * padded, 2 * n * m * k):
        raise _refused(source, f"{len(content):,} bytes for n {n}, m {m} and k {k}")
    floats = np.frombuffer(content, "<f4", n_floats, HEADER_BYTES)
    by_four = floats.reshape(n, m, -1, 2, LANES) if n_floats == 2 * n * m * padded else None
    one_by_one = floats.reshape(n, m, k, 2) if n_floats == 2 * n * m * k else None
    # Sums of squared gradients begin at one, by which the two layouts are told apart where both would fit.
    if by_four is not None and (one_by_one is None or bool((by_four[..., 1, :] >= 1).all())):
        return by_four[..., 0, :].reshape(n, m, padded)[:, :, :k].astype(np.float32), bool(normalize)
    assert one_by_one is not None
    return one_by_one[..., 0].astype(np.float32), bool(normalize)


def _parsed_text(content: bytes, source: str) -> tuple[Float32Array, bool]:
    try:
        lines = content.decode("ascii").split("\n")
        words = [line.split() for line in lines[:4]]
        numbers = [int(value) for _, value in words]
        names = tuple(name for name, _ in words)
    except (UnicodeDecodeError, ValueError) as error:
        raise _refused(source, "a header that is none") from error
    if names != HEADER or numbers[3] not in (0, 1):
        raise _refused(source, " ".join(names))
    n, m, k, normalize = numbers
    _check_sizes(n, m, k, source)
    rows = [line for line in lines[4:] if line]
    if len(rows) != n * m:
        raise _refused(source, f"{len(rows):,} lines of factors for n {n} and m {m}")
    factors = np.empty((n * m, k), np.float32)
    for place, line in enumerate(rows):
        name, *values = line.split()
        if name != f"w{place // m},{place % m}" or len(values) != k:
            raise _refused(source, f"{line[:40]!r} in line {place + 5}")
        try:
            factors[place] = np.array(values, np.float32)
        except ValueError as error:
            raise _refused(source, f"{line[:40]!r} in line {place + 5}") from error
    return factors.reshape(n, m, k), bool(normalize)


def _check_sizes(n: int, m: int, k: int, source: str) -> None:
    if n < 1 or not 0 < m <= MOST_FIELDS or not 0 < k <= MOST_FACTORS:
        raise _refused(source, f"n {n}, m {m} and k {k}")


def _binary(factors: Float32Array, normalize: bool) -> bytes:
    n, m, k = factors.shape
    padded = -(-k // LANES) * LANES
    blocks = np.zeros((n, m, padded // LANES, 2, LANES), "<f4")
    spread = np.zeros((n, m, padded), np.float32)
    spread[:, :, :k] = factors
    blocks[..., 0, :] = spread.reshape(n, m, -1, LANES)
    blocks[..., 1, :] = 1  # as before the first step
    return np.array([n, m, k], "<i4").tobytes() + bytes([normalize]) + blocks.tobytes()


def _text(factors: Float32Array, normalize: bool) -> bytes:
    n, m, k = factors.shape
    lines = [f"n {n}", f"m {m}", f"k {k}", f"normalization {int(normalize)}"]
    for feature in range(n):
        for field in range(m):
            numbers = " ".join(f"{x:.9g}" for x in factors[feature, field].tolist())
            lines.append(f"w{feature},{field} {numbers} ")
    return ("\n".join(lines) + "\n").encode()


def _refused(source: str, got: str) -> DataError:
    return DataError(
        "a model that libffm's ffm-train wrote, whole",
        got=got,
        source=source,
        action="Train again, or check the path",
    )
