"""A training between two epochs as files: ``state.json`` and ``state.safetensors``.

The table is kept as it is, optimizer state included, in the order of the features: another number of threads may go on
with it. Nothing in it is code.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from pairloom.errors import UserError
from pairloom.fm.chunks import LabelScale
from pairloom.fm.epochs import Best, EpochReport, Position
from pairloom.fm.feature_order import FeatureOrder
from pairloom.fm.interactions.fields import MOST_FIELDS
from pairloom.fm.interactions.state import new_state
from pairloom.fm.settings import FMSettings
from pairloom.fm.state import TrainingState, damaged_state
from pairloom.formats.tensor_file import TensorPieces, open_tensors, write_tensors
from pairloom.kernels.fm import allocate_table

__all__ = ["read_training", "write_training"]

FORMAT, VERSION = "pairloom-fm-training", 1
STATE_FILE, ARRAYS_FILE = "state.json", "state.safetensors"
LARGEST_STATE_BYTES = 256 << 20
PIECE_FLOATS = 1 << 20
LARGEST = float(np.finfo(np.float32).max)
Table = npt.NDArray[np.float32]


class _Random(msgspec.Struct, forbid_unknown_fields=True):
    """PCG64, its two numbers of 128 bits in hexadecimal."""

    state: str
    inc: str
    has_uint32: int
    uinteger: int


class _Best(msgspec.Struct, forbid_unknown_fields=True):
    loss: float
    epoch: int
    bias: float
    parameters: Literal["none", "these", "own"]


class _Epoch(msgspec.Struct, forbid_unknown_fields=True):
    epoch: int
    train_loss: float
    validation_loss: float | None
    n_rows: int
    seconds: float
    is_best: bool
    metrics: dict[str, float]


class _State(msgspec.Struct, forbid_unknown_fields=True):
    format: str
    version: int
    task: str
    solver: str
    n_factors: int
    n_features: int
    bias: float
    bias_state: tuple[float, float, int]
    label_scale: tuple[float, float]
    label_range: tuple[float, float]
    rate: float
    passes: int
    epoch: int
    random: _Random
    best: _Best | None
    history: list[_Epoch]
    interactions: str = "pairwise"
    n_fields: int = 0


def write_training(
    folder: Path,
    state: TrainingState,
    order: FeatureOrder,
    position: Position,
    history: list[EpochReport],
) -> None:
    """Write a training into an empty folder, table rows in pieces; PlatformError when the disk is full.

    Parameters
    ----------
    folder : path
    state : TrainingState
    order : FeatureOrder
        In which the table and the best one so far are.
    position : Position
    history : list of EpochReport
    """
    s, best = state.settings, position.best
    arrays: dict[str, Table | TensorPieces] = {"table": _in_pieces(state.table, order)}
    if state.feature_scale is not None:
        arrays["feature_scale"] = state.feature_scale
    own = best.table is not None and best.epoch < position.epoch - 1
    if best.table is not None and own:
        arrays["best"] = _in_pieces(best.table, order)
        if best.pair_weights is not None:
            arrays["best_pair_weights"] = best.pair_weights
    arrays |= state.further_arrays()
    write_tensors(folder / ARRAYS_FILE, arrays)
    saved = _State(
        FORMAT, VERSION, s.task, s.solver, s.n_factors, len(state.table), state.native.bias,
        state.native.bias_state, (state.label_scale.mean, state.label_scale.scale), state.label_range,
        state.rate, state.passes, position.epoch, _saved_random(position.rng),
        None if best.epoch < 0 else _Best(
            best.loss, best.epoch, best.bias, "none" if best.table is None else "own" if own else "these"
        ),
        [
            _Epoch(r.epoch, r.train_loss, r.validation_loss, r.n_rows, r.seconds, r.is_best, dict(r.metrics))
            for r in history
        ],
        s.interactions, state.n_fields,
    )  # fmt: skip
    (folder / STATE_FILE).write_bytes(msgspec.json.encode(saved))


def _in_pieces(table: Table, order: FeatureOrder) -> TensorPieces:
    n_features, stride = table.shape
    step = max(1, PIECE_FLOATS // stride)

    def pieces() -> Iterator[Table]:
        for start in range(0, n_features, step):
            if order.number is None:
                yield table[start : start + step]
            else:
                yield table[order.number[start : start + step]]

    return TensorPieces(table.dtype, table.shape, pieces())


def _saved_random(rng: np.random.Generator) -> _Random:
    state: Any = rng.bit_generator.state
    numbers = state["state"]
    return _Random(f"{numbers['state']:x}", f"{numbers['inc']:x}", state["has_uint32"], state["uinteger"])


def read_training(folder: Path, settings: FMSettings) -> tuple[TrainingState, Position, list[EpochReport]]:
    """Read what `write_training` wrote, the tables in the order of the features.

    Raises
    ------
    DataError
        If a file is missing or damaged, or a number cannot be that of a training.
    UserError
        If it is of a training with another task, solver or number of factors.
    """
    source = str(folder)
    try:
        path = folder / STATE_FILE
        if path.stat().st_size > LARGEST_STATE_BYTES:
            raise damaged_state(source, f"{path.stat().st_size} bytes of {STATE_FILE}")
        saved = msgspec.json.decode(path.read_bytes(), type=_State)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise damaged_state(source, str(error)) from error
    if saved.format != FORMAT or saved.version != VERSION:
        raise damaged_state(source, f"format {saved.format!r}, version {saved.version}")
    for name, before, now in (
        ("task", saved.task, settings.task),
        ("solver", saved.solver, settings.solver),
        ("number of factors", saved.n_factors, settings.n_factors),
        ("kind of interactions", saved.interactions, settings.interactions),
    ):
        if before != now:
            raise UserError(
                f"Checkpoint {source}: the {name} must be {now}. Got {before}. Ask for what was asked for before, or "
                "begin with an empty folder for checkpoints."
            )
    fault = _fault(saved)
    if fault is not None:
        raise damaged_state(source, fault)
    arrays = open_tensors(folder / ARRAYS_FILE)
    state = new_state(settings)
    state.restore_further(arrays, saved.n_fields, saved.n_features, source)
    state.native.bias, state.native.bias_state = saved.bias, saved.bias_state
    state.label_scale, state.label_range = LabelScale(*saved.label_scale), saved.label_range
    state.rate, state.passes, state.started = saved.rate, saved.passes, True
    state.table = _read_table(arrays, "table", saved.n_features, state, source)
    state.feature_scale = _read_scale(arrays, saved.n_features, source)
    best = Best()
    if saved.best is not None:
        best.loss, best.epoch, best.bias = saved.best.loss, saved.best.epoch, saved.best.bias
        if saved.best.parameters != "none":
            name = "best" if saved.best.parameters == "own" else "table"
            best.table = _read_table(arrays, name, saved.n_features, state, source)
            best.pair_weights = state.read_pair_weights(
                arrays, "best_pair_weights" if saved.best.parameters == "own" else "pair_weights", source
            )
    history = [EpochReport(*(getattr(e, name) for name in e.__struct_fields__)) for e in saved.history]
    return state, Position(_random(saved.random), saved.epoch, best), history


def _fault(saved: _State) -> str | None:
    """Return what cannot be, among the numbers of a state."""
    first, second, n_steps = saved.bias_state
    random = saved.random
    checks = {
        "bias": abs(saved.bias) <= LARGEST,
        "bias_state": abs(first) <= LARGEST and 0 <= second <= LARGEST and 0 <= n_steps < 2**62
        and (saved.solver != "adagrad" or first > 0),
        "label_scale": math.isfinite(saved.label_scale[0]) and 0 < saved.label_scale[1] < math.inf,
        "label_range": -LARGEST <= saved.label_range[0] <= saved.label_range[1] <= LARGEST,
        "rate": 0 < saved.rate <= 1,
        "n_features": 0 <= saved.n_features < 2**31,
        "n_fields": 0 <= saved.n_fields <= MOST_FIELDS,
        "passes": 0 <= saved.passes < 2**62,
        "epoch": 1 <= saved.epoch < 2**62,
        "random": _is_hexadecimal(random.state) and _is_hexadecimal(random.inc) and int(random.inc, 16) % 2 == 1
        and random.has_uint32 in (0, 1) and 0 <= random.uinteger < 2**32,
        "best": saved.best is None or (
            0 <= saved.best.epoch < saved.epoch and math.isfinite(saved.best.loss) and abs(saved.best.bias) <= LARGEST
        ),
        "history": all(math.isfinite(epoch.train_loss) for epoch in saved.history),
    }  # fmt: skip
    return next((f"an impossible {name!r}" for name, sound in checks.items() if not sound), None)


def _is_hexadecimal(text: str) -> bool:
    return 0 < len(text) <= 32 and all(digit in "0123456789abcdef" for digit in text)


def _random(saved: _Random) -> np.random.Generator:
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": int(saved.state, 16), "inc": int(saved.inc, 16)},
        "has_uint32": saved.has_uint32,
        "uinteger": saved.uinteger,
    }
    return np.random.Generator(bits)


def _read_table(
    arrays: dict[str, npt.NDArray[Any]], name: str, n_features: int, state: TrainingState, source: str
) -> Table:
    stride = state.native.stride
    stored = arrays.get(name)
    if stored is None or stored.dtype != np.float32 or stored.shape != (n_features, stride):
        raise damaged_state(source, f"no {name!r} of {n_features} x {stride} float32")
    table = allocate_table(n_features, stride)
    step = max(1, PIECE_FLOATS // stride)
    for start in range(0, n_features, step):
        piece = table[start : start + step]
        piece[:] = stored[start : start + step]
        if not (np.isfinite(piece).all() and state.may_hold(piece)):
            raise damaged_state(source, f"an impossible number in {name!r}")
    return table


def _read_scale(arrays: dict[str, npt.NDArray[Any]], n_features: int, source: str) -> Table | None:
    scale = arrays.get("feature_scale")
    if scale is None:
        return None
    if scale.dtype != np.float32 or scale.ndim != 1 or len(scale) > n_features:
        raise damaged_state(source, "a 'feature_scale' that does not fit")
    if not ((scale >= 1) & (scale <= LARGEST)).all():
        raise damaged_state(source, "an impossible number in 'feature_scale'")
    return np.array(scale)
