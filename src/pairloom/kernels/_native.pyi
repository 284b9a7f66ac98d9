"""Native kernels of pairloom.kernels."""

import enum
from typing import Annotated

import numpy
from numpy.typing import NDArray


def available_levels() -> list[str]: ...

class Solver(enum.Enum):
    SGD = 0

    ADAGRAD = 1

    FTRL = 2

    ADAM = 3

class Loss(enum.Enum):
    SQUARED = 0

    LOGISTIC = 1

class Initializer(enum.Enum):
    NORMAL = 0

    UNIFORM = 1

    CONSTANT = 2

class FmStep:
    def __init__(self) -> None: ...

    @property
    def loss(self) -> Loss: ...

    @loss.setter
    def loss(self, arg: Loss, /) -> None: ...

    @property
    def bias_rate(self) -> float: ...

    @bias_rate.setter
    def bias_rate(self, arg: float, /) -> None: ...

    @property
    def linear_rate(self) -> float: ...

    @linear_rate.setter
    def linear_rate(self, arg: float, /) -> None: ...

    @property
    def factors_rate(self) -> float: ...

    @factors_rate.setter
    def factors_rate(self, arg: float, /) -> None: ...

    @property
    def bias_decay(self) -> float: ...

    @bias_decay.setter
    def bias_decay(self, arg: float, /) -> None: ...

    @property
    def linear_decay(self) -> float: ...

    @linear_decay.setter
    def linear_decay(self, arg: float, /) -> None: ...

    @property
    def factors_decay(self) -> float: ...

    @factors_decay.setter
    def factors_decay(self, arg: float, /) -> None: ...

    @property
    def linear_l1(self) -> float: ...

    @linear_l1.setter
    def linear_l1(self, arg: float, /) -> None: ...

    @property
    def factors_l1(self) -> float: ...

    @factors_l1.setter
    def factors_l1(self, arg: float, /) -> None: ...

    @property
    def ftrl_beta(self) -> float: ...

    @ftrl_beta.setter
    def ftrl_beta(self, arg: float, /) -> None: ...

    @property
    def clip(self) -> float: ...

    @clip.setter
    def clip(self, arg: float, /) -> None: ...

    @property
    def rescale(self) -> float: ...

    @rescale.setter
    def rescale(self, arg: float, /) -> None: ...

class FmInitial:
    def __init__(self, factors_method: Initializer, factors_scale: float, linear_method: Initializer, linear_scale: float, accumulator: float) -> None: ...

class AdamSettings:
    def __init__(self, batch_rows: int, first_moment: float, second_moment: float, epsilon: float) -> None: ...

class Rows:
    def __init__(self, indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, row_length: int, indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, labels: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, weights: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu', writable=False)] | None, n_rows: int) -> None: ...

class FmState:
    def __init__(self, solver: Solver, k: int, level: str = '') -> None: ...

    @property
    def level(self) -> str: ...

    @property
    def k_padded(self) -> int: ...

    @property
    def stride(self) -> int: ...

    @property
    def bias(self) -> float: ...

    @bias.setter
    def bias(self, arg: float, /) -> None: ...

    @property
    def bias_state(self) -> tuple[float, float, int]: ...

    @bias_state.setter
    def bias_state(self, arg: tuple[float, float, int], /) -> None: ...

    def initialize(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], first: int, seed: int, initial: FmInitial, step: FmStep, n_threads: int) -> None: ...

    def train(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, block_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], block_rows: int, n_hot: int, step: FmStep, n_threads: int) -> tuple[float, float]: ...

    def train_tiles(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, tile_starts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], row_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], diagonal_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], step: FmStep, n_threads: int) -> tuple[float, float]: ...

    def train_adam(self, table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu')], rows: Rows, batch_order: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], settings: AdamSettings, step: FmStep, n_threads: int) -> tuple[float, float]: ...

def fm_scores(table: Annotated[NDArray[numpy.float32], dict(shape=(None, None), order='C', device='cpu', writable=False)], k_padded: int, bias: float, rows: Rows, out: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')], n_threads: int, level: str = '') -> None: ...

def check_rows(rows: Rows, n_features: int) -> int: ...

def count_features(indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)], counts: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')]) -> None: ...

def relabel(indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], labels: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu', writable=False)]) -> None: ...

def gather_rows(rows: Rows, order: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu', writable=False)], indptr: Annotated[NDArray[numpy.int64], dict(shape=(None,), order='C', device='cpu')], indices: Annotated[NDArray[numpy.int32], dict(shape=(None,), order='C', device='cpu')], values: Annotated[NDArray[numpy.float32], dict(shape=(None,), order='C', device='cpu')] | None) -> None: ...
